"""What may be run: one read-only query over the mirror's own tables, allow-listed twice.

First on sqlglot's tree of what the model wrote: its size and depth, its root, the types of its nodes, and the names
that only an attack would use. Then on DuckDB's own parse of the text that is about to be run (`json_serialize_sql`),
where every function, table and node must be allowed: what one parser reads otherwise than the other cannot slip
through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sql_bench.rejected import Rejected
from sql_bench.types import Outcome

if TYPE_CHECKING:
    from sqlglot import Token, exp

MAX_SQL_BYTES = 100_000
"""Longest statement taken from a model (SQL.md section 2)."""

MAX_TRANSLATED_BYTES = 1_000_000
"""Longest text handed to the engine: a few translations double at each level of nesting (SQL.md section 2)."""

MAX_NESTING = 60
"""Deepest nesting of brackets and CASE. Both parsers are recursive and overflow at some hundred levels; people and
models write fewer than twenty."""

# Functions that sqlglot does not know and that reach outside the query or tell about the server.
_FORBIDDEN_NAME = re.compile(
    r"(duckdb|pragma|pg|sqlite|lo|dblink|read|write|scan|parquet|sniff|load|has|inet|setting|set|query|txid|enable|"
    r"disable|json_execute|json_serialize|json_deserialize|st_read|which|sql)_\w*"
    r"|\w+_(scan|scan_dumb|privilege|setting|settings|query|user|schema|schemas|database|databases|serialized_sql)"
    r"|query|glob|getenv|getvariable|nextval|currval|setval|setseed|version|summary|stats|sleep|sleep_ms|benchmark|"
    r"load_file|load_extension|readfile|writefile|edit|fts3_tokenizer|user|database|schema|session_user|system_user|"
    r"current_catalog|current_role|checkpoint|force_checkpoint|test_all_types|test_vector_types|repeat_row|xp_cmdshell|"
    r"in_search_path|external_query|external_object_transform|python_map_function|from_substrait|get_substrait|dblink",
    re.IGNORECASE,
)

# Tables that every engine has and no mirror: the catalogue.
_SYSTEM_SCHEMAS = frozenset({"information_schema", "pg_catalog", "system", "temp", "sys", "mysql"})
_SYSTEM_TABLE = re.compile(r"(duckdb|pragma|pg|sqlite)_\w*|information_schema(\..*)?|.*\.information_schema\..*", re.I)
_FILE_LIKE = re.compile(
    r".*([/\\:*?\[]|\.(csv|tsv|txt|parquet|json|jsonl|ndjson|db|duckdb|sqlite|arrow|gz|zst)$).*", re.I | re.S
)

# DuckDB's own node types.
_ENGINE_QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_ENGINE_TABLES = frozenset(
    {
        "BASE_TABLE",
        "SUBQUERY",
        "JOIN",
        "TABLE_FUNCTION",
        "EXPRESSION_LIST",
        "COLUMN_DATA",
        "EMPTY",
        "EMPTY_FROM",
        "PIVOT",
    }
)
_ENGINE_EXPRESSIONS = frozenset(
    {
        *("BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION"),
        *("LAMBDA", "LAMBDA_REF", "OPERATOR", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE", "WINDOW"),
    }
)
_ENGINE_TABLE_FUNCTIONS = frozenset({"unnest", "generate_series", "range"})


def check_text(tokens: Sequence[Token]) -> None:
    """Refuse what is too deep to be parsed safely.

    Raises:
        Rejected: nested deeper than `MAX_NESTING`.
    """
    from sqlglot import TokenType

    opening = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE}
    closing = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END}
    depth = 0
    for token in tokens:
        depth += (token.token_type in opening) - (token.token_type in closing)
        if depth > MAX_NESTING:
            raise Rejected(Outcome.RESOURCE_LIMIT, f"nested deeper than {MAX_NESTING} levels")


def check_size(sql: str) -> None:
    """Refuse a text that is too long, or that no UTF-8 text can hold.

    Raises:
        Rejected: the text is longer than `MAX_SQL_BYTES`, empty, or holds a lone surrogate or a NUL.
    """
    try:
        n_bytes = len(sql.encode())
    except UnicodeEncodeError:
        raise Rejected(
            Outcome.INVALID_SQL, "the statement holds half a surrogate pair, which is no character"
        ) from None
    if n_bytes > MAX_SQL_BYTES:
        raise Rejected(Outcome.RESOURCE_LIMIT, f"the statement has {n_bytes} bytes; at most {MAX_SQL_BYTES} are taken")
    if "\0" in sql:
        raise Rejected(Outcome.INVALID_SQL, "the statement holds a NUL character")


def check_tree(statements: Sequence[exp.Expr | None]) -> exp.Query:
    """The one query of a parsed text, if all it is made of is allowed.

    Raises:
        Rejected: it is no query, not one statement, or holds something that is not allow-listed.
    """
    from sqlglot import exp

    present = [
        statement for statement in statements if statement is not None and not isinstance(statement, exp.Semicolon)
    ]
    if not present:
        raise Rejected(Outcome.INVALID_SQL, "there is no statement")
    if len(present) > 1:
        raise Rejected(Outcome.REFUSED, f"one statement is run at a time, not {len(present)}")
    root = present[0]
    if not isinstance(root, exp.Query):
        raise Rejected(Outcome.REFUSED, f"only a query is run, not {_words(type(root).__name__)}")
    if not root.selects:
        raise Rejected(Outcome.INVALID_SQL, "the query selects nothing")
    for node in root.walk():
        _check_node(node)
    return root


def check_verb(tokens: Sequence[Token]) -> None:
    """Refuse a text that does not parse as a query and begins like another statement.

    Raises:
        Rejected: it does.
    """
    if tokens and tokens[0].text.lower() in _names("verbs"):
        raise Rejected(Outcome.REFUSED, f"only a query is run, not {tokens[0].text.upper()}")


def check_table_name(parts: Sequence[str]) -> None:
    """Refuse the catalogue's tables and files given as tables.

    Args:
        parts: the parts of a table's name, first to last.

    Raises:
        Rejected: it is one of those.
    """
    if any(part.lower() in _SYSTEM_SCHEMAS for part in parts[:-1]) or any(map(_SYSTEM_TABLE.fullmatch, parts)):
        raise Rejected(Outcome.REFUSED, f"{'.'.join(parts)} is not a table of this database")
    if len(parts) == 1 and parts[0].lower() in _names("verbs"):  # (SHOW TABLES) reads as a table with an alias
        raise Rejected(Outcome.REFUSED, f"{parts[0].upper()} is not allowed in a query")
    if any(map(_FILE_LIKE.fullmatch, parts)):
        raise Rejected(Outcome.REFUSED, f"{parts[-1][:100]} is a file, not a table of this database")


def is_forbidden_function(name: str) -> bool:
    """Whether no ordinary query calls a function of this name: files, catalogue, settings, session, SQL in SQL."""
    return _FORBIDDEN_NAME.fullmatch(name) is not None and name.lower() not in engine_functions()


@cache
def engine_functions() -> frozenset[str]:
    """The pinned functions of `engine_functions.tsv`."""
    return frozenset(name for _, names in read_groups(Path(__file__).parent / "engine_functions.tsv") for name in names)


def read_groups(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The groups of a file of names: one a line, the group's name, a tab, the names in it; # starts a comment line."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            group, _, names = line.partition("\t")
            yield group, names.split()


@cache
def _names(group: str) -> frozenset[str]:
    """A group of `guard_names.tsv`."""
    return frozenset(dict(read_groups(Path(__file__).parent / "guard_names.tsv"))[group])


def check_engine_tree(content: Mapping[str, Any], tables: Iterable[str]) -> None:
    """Check DuckDB's own parse of the text that is to be run.

    Args:
        content: what `json_serialize_sql` made of the text.
        tables: the mirror's tables.

    Raises:
        Rejected: anything in it is not allow-listed.
    """
    if content.get("error"):
        raise Rejected(Outcome.REFUSED, f"only a query is run: {content.get('error_message', '')}")
    statements = content["statements"]
    if len(statements) != 1:
        raise Rejected(Outcome.REFUSED, f"one statement is run at a time, not {len(statements)}")
    if statements[0].get("named_param_map"):
        raise Rejected(Outcome.REFUSED, "a statement may not have parameters")
    _EngineTree(frozenset(name.lower() for name in tables)).check(statements[0]["node"], frozenset())


class _EngineTree:
    """A walk over DuckDB's tree that knows which names of common table expressions are in scope."""

    def __init__(self, tables: frozenset[str]) -> None:
        self._tables = tables

    def check(self, node: object, scope: frozenset[str]) -> None:
        if isinstance(node, list):
            for item in node:
                self.check(item, scope)
        elif isinstance(node, dict):
            self._check_object(node, scope)

    def _check_object(self, node: Mapping[str, Any], scope: frozenset[str]) -> None:
        kind = node.get("type")
        if "cte_map" in node:
            if kind not in _ENGINE_QUERIES:
                raise Rejected(Outcome.REFUSED, f"{_words(str(kind))} is not allowed in a query")
            scope = self._with_ctes(node, scope)
        elif "class" in node:
            self._check_expression(node)
        elif "sample" in node and "alias" in node:
            self._check_table(node, scope)
        for key, value in node.items():
            if key != "cte_map" and isinstance(value, dict | list):
                self.check(value, scope)

    def _with_ctes(self, node: Mapping[str, Any], scope: frozenset[str]) -> frozenset[str]:
        """The scope inside a query: each common table expression sees those before it, a recursive one itself."""
        if node["type"] in ("RECURSIVE_CTE_NODE", "CTE_NODE"):
            scope |= {str(node.get("cte_name", "")).lower()}
        for entry in node["cte_map"]["map"]:
            self.check(entry["value"], scope)
            scope |= {entry["key"].lower()}
        return scope

    def _check_expression(self, node: Mapping[str, Any]) -> None:
        if node["class"] not in _ENGINE_EXPRESSIONS:
            raise Rejected(Outcome.REFUSED, f"{_words(node['class'])} is not allowed in a query")
        if "function_name" in node:
            if node.get("schema") or node.get("catalog"):
                raise Rejected(Outcome.REFUSED, f"{node['function_name']} may not be called with a schema")
            check_engine_function(node["function_name"])

    def _check_table(self, node: Mapping[str, Any], scope: frozenset[str]) -> None:
        kind = node["type"]
        if kind not in _ENGINE_TABLES:
            raise Rejected(Outcome.REFUSED, f"{_words(kind)} is not allowed in a query")
        if kind == "BASE_TABLE":
            name = node["table_name"].lower()
            if node.get("schema_name") or node.get("catalog_name") or not (name in self._tables or name in scope):
                raise Rejected(Outcome.REFUSED, f"{node['table_name']} is not a table of this database")
        if kind == "TABLE_FUNCTION":
            name = node["function"].get("function_name", "").lower()
            if name not in _ENGINE_TABLE_FUNCTIONS:
                raise Rejected(Outcome.REFUSED, f"{name} may not be called as a table")


class UnknownFunction(Rejected):
    """A function that is neither allowed nor known to be dangerous; the engine may not have it at all."""

    def __init__(self, name: str) -> None:
        super().__init__(Outcome.REFUSED, f"the function {name} is not allowed")
        self.name = name


def check_engine_function(name: str) -> None:
    """Check one function name of DuckDB's tree.

    Raises:
        UnknownFunction: it is not on the pinned list.
        Rejected: it is one that no ordinary query calls.
    """
    if name.lower() in engine_functions():
        return
    if is_forbidden_function(name):
        raise Rejected(Outcome.REFUSED, f"the function {name} is not allowed")
    raise UnknownFunction(name)


def _check_node(node: exp.Expr) -> None:
    from sqlglot import exp

    name = type(node).__name__
    if isinstance(node, exp.Func):
        anonymous = isinstance(node, exp.Anonymous | exp.AnonymousAggFunc)
        called = node.name if anonymous else node.sql_name()
        if name in _names("functions") or (anonymous and is_forbidden_function(called)):
            raise Rejected(Outcome.REFUSED, f"the function {called} is not allowed")
    elif name not in _names("nodes"):
        raise Rejected(Outcome.REFUSED, f"{_words(name)} is not allowed in a query")
    elif isinstance(node, exp.Dot):
        _check_call_on_a_name(node)
    elif isinstance(node, exp.Select) and any(node.args.get(clause) for clause in ("into", "locks", "hint", "options")):
        raise Rejected(Outcome.REFUSED, "SELECT INTO, locks and hints are not allowed")


def _check_call_on_a_name(node: exp.Dot) -> None:
    """`schema.function(…)` would call a function that the lists do not know by that name."""
    from sqlglot import exp

    if isinstance(node.expression, exp.Func) and not isinstance(node.this, exp.Literal):
        called = node.expression.name if isinstance(node.expression, exp.Anonymous) else node.expression.sql_name()
        names = {part.name.lower() for part in node.this.find_all(exp.Identifier)}
        if names & {
            "ml",
            "ai",
            "net",
            "keys",
            "aead",
            "hll_count",
            "main",
            "system",
            "pg_catalog",
            "information_schema",
        }:
            raise Rejected(Outcome.REFUSED, f"the function {node.this.sql()}.{called} is not allowed")


def _words(name: str) -> str:
    """`SelectInto` and `SHOW_REF` as people say them."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name).upper()
