"""Check DuckDB's own parse of the text that is to be run: nodes, functions and tables are allow-listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sql_bench.guard.names import engine_functions, is_forbidden_function, words
from sql_bench.guard.rejected import Rejected
from sql_bench.types import Outcome

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

# Where no column has such a name, DuckDB reads it as a call that tells of the session or of the mirror's file. `user`
# is not among them: people name columns so, and all it tells is "duckdb".
_SESSION_VALUES = frozenset({"current_catalog", "current_schema", "current_user", "current_role", "session_user"})


def check_engine_tree(content: Mapping[str, Any], tables: Mapping[str, Iterable[str]]) -> None:
    """Check DuckDB's own parse of the text that is to be run.

    Args:
        content: what `json_serialize_sql` made of the text.
        tables: the mirror's tables, and the columns of each.

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
    columns = frozenset(column.lower() for names in tables.values() for column in names)
    _EngineTree(frozenset(name.lower() for name in tables), columns).check(statements[0]["node"], frozenset())


class _EngineTree:
    """A walk over DuckDB's tree that knows which names of common table expressions are in scope."""

    def __init__(self, tables: frozenset[str], columns: frozenset[str]) -> None:
        self._tables = tables
        self._session_values = _SESSION_VALUES - columns

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
                raise Rejected(Outcome.REFUSED, f"{words(str(kind))} is not allowed in a query")
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
            raise Rejected(Outcome.REFUSED, f"{words(node['class'])} is not allowed in a query")
        names = node.get("column_names", ())
        if len(names) == 1 and str(names[0]).lower() in self._session_values:
            raise Rejected(Outcome.REFUSED, f"{names[0]} is not a column of this database")
        if "function_name" in node:
            if node.get("schema") or node.get("catalog") or _is_qualified(node):
                raise Rejected(Outcome.REFUSED, f"{node['function_name']} may not be called with a schema")
            check_engine_function(node["function_name"])

    def _check_table(self, node: Mapping[str, Any], scope: frozenset[str]) -> None:
        kind = node["type"]
        if kind not in _ENGINE_TABLES:
            raise Rejected(Outcome.REFUSED, f"{words(kind)} is not allowed in a query")
        if kind == "BASE_TABLE":
            name = node["table_name"].lower()
            qualified = node.get("schema_name") or node.get("catalog_name") or _is_qualified(node)
            if qualified or not (name in self._tables or name in scope):
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


def _is_qualified(node: Mapping[str, Any]) -> bool:
    """Whether a name has more than one part, in the form newer versions of DuckDB write it too."""
    return len(node.get("qualified_name", {}).get("path", ())) > 1
