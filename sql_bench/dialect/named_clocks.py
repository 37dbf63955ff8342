"""Functions that ask for the time and that sqlglot has no nodes for: NOW, TRANSACTION_TIMESTAMP, AGE of one date."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

_INSTANTS = frozenset(
    {
        *("NOW", "GET_CURRENT_TIMESTAMP", "TRANSACTION_TIMESTAMP", "STATEMENT_TIMESTAMP", "CLOCK_TIMESTAMP"),
        *("SYSDATE", "GETUTCDATE", "SYSUTCDATETIME"),
    }
)
_TIMES_OF_DAY = frozenset({"CURRENT_LOCALTIME"})


def as_clocks(query: exp.Query) -> None:
    """Write such calls as the CURRENT_TIMESTAMP that they mean, in place; the time within a statement is one.

    AGE(x) is AGE(CURRENT_DATE, x): PostgreSQL, "Date/Time Functions and Operators".
    """
    from sqlglot import exp

    for call in list(query.find_all(exp.Anonymous)):
        name, arguments = call.name.upper(), call.expressions
        is_precision = len(arguments) == 1 and isinstance(arguments[0], exp.Literal)
        if name in _INSTANTS and (not arguments or is_precision):
            call.replace(exp.CurrentTimestamp())
        elif name in _TIMES_OF_DAY and not arguments:
            call.replace(exp.Localtime())
        elif name == "AGE" and len(arguments) == 1:
            call.set("expressions", [exp.CurrentDate(), arguments[0]])
