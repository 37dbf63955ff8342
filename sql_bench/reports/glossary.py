"""Measures and verdicts of this half in one sentence each, as `show` explains them (docs/rules/counting.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bench_core.results.inventory import Details, Kind, Named
from sql_bench.scoring.metrics import EX, EX_NON_TRIVIAL, EX_UPPER, RELIABILITY_PENALTIES
from sql_bench.types import VerdictKind

MEASURES: Mapping[str, str] = {
    EX.name: "Execution accuracy: the share of questions whose gold ran that are correct; 0 for wrong, invalid_sql, "
    "refused, no_sql, abstained, timeout and resource_limit (N2, N3).",
    EX_UPPER.name: "Execution accuracy if every undetermined and untranslatable verdict were right (N4).",
    EX_NON_TRIVIAL.name: "Execution accuracy over the questions whose gold has rows that are neither all NULL nor a "
    "single zero (N8).",
    "rows": "Share of results whose rows are gold's, whatever other columns there are; of the comparator answer.",
    "set": "Share of results that are right if repeated rows count once; of the comparator answer.",
    "any_order": "Share of results that are right if a prediction without an ORDER BY may have any order; of the "
    "comparator answer.",
    "extra_columns": "Mean number of columns that gold does not have; of the comparator answer.",
    "jaccard": "JAC, the mean overlap of predicted and gold identifiers, |A ∩ B| / |A ∪ B|; of the comparator "
    "biomedsql.",
    **{
        f"rs@{penalty}": "Reliability score of EHRSQL 2024 (arXiv 2405.06673): 1 for what is correct, a rightful "
        f"abstention too, 0 for other abstentions and what is undecided, -{penalty} for the rest (N7)."
        for penalty in (*RELIABILITY_PENALTIES, "N")
    },
}

VERDICTS: Mapping[VerdictKind, str] = {
    VerdictKind.CORRECT: "The result is gold's by the comparator's rules.",
    VerdictKind.WRONG: "The result differs from gold's, or a question without an answer was answered.",
    VerdictKind.UNDETERMINED: "Neither right nor wrong can be shown; 0 in EX and 1 in EX upper.",
    VerdictKind.UNTRANSLATABLE: "The statement uses what has no equal here; 0 in EX and 1 in EX upper.",
    VerdictKind.INVALID_SQL: "The statement is no SQL of its dialect, or names what is not there.",
    VerdictKind.REFUSED: "The statement may not be run: it would change something, or read what is not the database's.",
    VerdictKind.TIMEOUT: "The statement took longer than --timeout.",
    VerdictKind.RESOURCE_LIMIT: "The statement took more memory than --memory, or gave more rows than --max-rows.",
    VerdictKind.NO_SQL: "The prediction holds no statement, or there is no prediction.",
    VerdictKind.ABSTAINED: "The system stated that an answerable question cannot be answered.",
    VerdictKind.CORRECT_ABSTENTION: "The system stated that a question without gold cannot be answered.",
    VerdictKind.GOLD_INVALID: "Gold is invalid or refused: the question is in nobody's N.",
    VerdictKind.GOLD_UNTRANSLATABLE: "Gold uses what has no equal here: the question is in nobody's N.",
    VerdictKind.GOLD_LIMIT: "Gold ran into a limit: the question is in nobody's N.",
    VerdictKind.BACKEND_ERROR: "The database failed, not the statement: it is asked again by the next run (N5).",
}


def measures_kind() -> Kind:
    """The measures of a table, by their names in files of scores."""
    return _glossary("measure", "measures", MEASURES)


def verdicts_kind() -> Kind:
    """The verdicts on a question."""
    return _glossary("verdict", "verdicts", {kind.value: meaning for kind, meaning in VERDICTS.items()})


def _glossary(singular: str, plural: str, meanings: Mapping[str, str]) -> Kind:
    def named() -> Iterable[Named]:
        return (Named(name, meaning) for name, meaning in meanings.items())

    def details(name: str) -> Details | None:
        written = name.lower().replace(" ", "_")
        found = next((known for known in meanings if known.lower() == written), None)
        return None if found is None else Details(found, [("kind", singular), ("what", meanings[found])])

    return Kind(singular, plural, named, details)
