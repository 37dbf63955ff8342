"""Check a parsed statement: one read-only query over the mirror's own tables (docs/rules/executing.md E1).

First on sqlglot's tree of what the model wrote: its size and depth, its root, the types of its nodes, and the names
that only an attack would use. Then on DuckDB's own parse of the text that is about to be run (`json_serialize_sql`),
where every function, table and node must be allowed: what one parser reads otherwise than the other cannot slip
through.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sql_bench.guard.names import guard_names, is_forbidden_function, words
from sql_bench.guard.rejected import Rejected
from sql_bench.types import Outcome

if TYPE_CHECKING:
    from sqlglot import Token, exp

MAX_SQL_BYTES = 100_000
"""Longest statement taken from a model (docs/rules/executing.md E1.2)."""

MAX_TRANSLATED_BYTES = 1_000_000
"""Longest text handed to the engine: a few translations double at each level of nesting
(docs/rules/executing.md E1.6)."""

MAX_NESTING = 60
"""Deepest nesting of brackets and CASE. Both parsers are recursive and overflow at some hundred levels; people and
models write fewer than twenty."""

# Tables that every engine has and no mirror: the catalogue.
_SYSTEM_SCHEMAS = frozenset({"information_schema", "pg_catalog", "system", "temp", "sys", "mysql"})
_SYSTEM_TABLE = re.compile(r"(duckdb|pragma|pg|sqlite)_\w*|information_schema(\..*)?|.*\.information_schema\..*", re.I)
_FILE_LIKE = re.compile(
    r".*([/\\:*?\[]|\.(csv|tsv|txt|parquet|json|jsonl|ndjson|db|duckdb|sqlite|arrow|gz|zst)$).*", re.I | re.S
)


def check_text(tokens: Sequence[Token]) -> None:
    """Refuse what is too deep to be parsed safely.

    Raises:
        Rejected: nested deeper than `MAX_NESTING`.
    """
    from sqlglot import TokenType

    opening = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE}
    closing = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE}
    n_brackets = n_cases = 0  # counted apart: a column may be called END
    for token in tokens:
        n_brackets += (token.token_type in opening) - (token.token_type in closing)
        n_cases += (token.token_type is TokenType.CASE) - (token.token_type is TokenType.END)
        if max(n_brackets, n_cases) > MAX_NESTING:
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
        raise Rejected(Outcome.REFUSED, f"only a query is run, not {words(type(root).__name__)}")
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
    if tokens and tokens[0].text.lower() in guard_names("verbs"):
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
    if len(parts) == 1 and parts[0].lower() in guard_names("verbs"):  # (SHOW TABLES) reads as a table with an alias
        raise Rejected(Outcome.REFUSED, f"{parts[0].upper()} is not allowed in a query")
    if any(map(_FILE_LIKE.fullmatch, parts)):
        raise Rejected(Outcome.REFUSED, f"{parts[-1][:100]} is a file, not a table of this database")


def _check_node(node: exp.Expr) -> None:
    from sqlglot import exp

    name = type(node).__name__
    if isinstance(node, exp.Func):
        anonymous = isinstance(node, exp.Anonymous | exp.AnonymousAggFunc)
        called = node.name if anonymous else node.sql_name()
        if name in guard_names("functions") or (anonymous and is_forbidden_function(called)):
            raise Rejected(Outcome.REFUSED, f"the function {called} is not allowed")
    elif isinstance(node, exp.ColumnDef) and isinstance(node.parent, exp.DataType):
        return  # a field of STRUCT<a INT64>
    elif name not in guard_names("nodes"):
        raise Rejected(Outcome.REFUSED, f"{words(name)} is not allowed in a query")
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
            "keys",
            "aead",
            "main",
            "system",
            "pg_catalog",
            "information_schema",
        }:
            raise Rejected(Outcome.REFUSED, f"the function {node.this.sql()}.{called} is not allowed")
