"""Explain the verdict on a question; list the questions that are not correct."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench_core.machine.progress import progress
from bench_core.results.explanation import Code, Explanation, Section, Sentences
from bench_core.results.tables import Cell, Column, Table
from sql_bench.comparators.explaining import Compared
from sql_bench.pipeline.stored_answers import StoredAnswer, StoredSystem
from sql_bench.reports.cells import cell_text
from sql_bench.reports.decided_again import MOST_SHOWN, Decider, Decision
from sql_bench.reports.reasons import reasons
from sql_bench.reports.remedies import remedies
from sql_bench.reports.result_tables import column_table, result_table, rows_table
from sql_bench.reports.statements import clause_differences, formatted, is_reworded
from sql_bench.types import Outcome, PredictionStatus, VerdictKind

_HEAD = 5
"""Rows of each result that are shown."""
_RIGHT = frozenset({VerdictKind.CORRECT, VerdictKind.CORRECT_ABSTENTION})


def explanation(system: StoredSystem, question_id: str) -> Explanation:
    """Why a system's answer to a question was decided as it was.

    Raises:
        UserError: the dataset has no such question.
    """
    answer = system.answer(question_id)
    decision = Decider(system.scores.rule).decision(answer)
    dialects = system.dialects
    sections = [
        Section("verdict", "Verdict", Sentences(list(_verdict(system, answer, decision)))),
        Section("question", f"Question {question_id}", Sentences([answer.question.text])),
        Section("clauses", "Clauses that differ", _clauses(answer, decision, dialects)),
        *_statements(answer, decision, dialects),
        *_results(answer, decision),
        *_comparison(decision),
        Section("reply", "Extraction and translation", Sentences(list(_reply(answer, decision)))),
        Section("raw", "The reply as it came", Code(_raw(answer))),
    ]
    scores = system.scores
    title = f"{question_id} of {scores.dataset}, answered by {scores.system}, judged by {scores.rule}"
    return Explanation(title, sections)


def _verdict(system: StoredSystem, answer: StoredAnswer, decision: Decision) -> Iterator[str]:
    judged = answer.judged
    if judged is None:
        yield "There is no verdict: no model has answered the question yet; run the system again."
        yield from answer.problems
        return
    verdict = judged.verdict
    yield _named(verdict.kind, verdict.difference.value if verdict.difference else "")
    if decision.compared is not None:
        yield from reasons(verdict, decision.compared)
        if len(answer.question.golds) > 1 and decision.gold is not None:
            number, n_golds = decision.gold.number + 1, len(answer.question.golds)
            yield f"Gold {number} of {n_golds} counted: the first of those with the best verdict and figures."
    elif verdict.detail:
        yield f"{verdict.detail[0].upper()}{verdict.detail[1:].rstrip('.')}."
    yield from remedies(verdict, system.timeout_s)
    for complaint in judged.complaints:
        yield f"BigQuery would reject the predicted statement, though it ran here: {complaint}."
    if system.scores.older:
        yield "An earlier version of the suite wrote the verdict; it is read as it stands."
    yield from answer.problems
    yield from decision.doubts


def _named(kind: VerdictKind, difference: str) -> str:
    name = kind.value.replace("_", " ")
    return f"{name}, the kind of difference: {difference.replace('_', ' ')}." if difference else f"{name}."


def _clauses(answer: StoredAnswer, decision: Decision, dialects: tuple[str, str]) -> Table:
    """What only one of the two statements has, by clause."""
    columns = [
        Column("clause", "clause", priority=1),
        Column("gold", "gold alone", priority=1, wraps=True),
        Column("predicted", "prediction alone", priority=1, wraps=True),
    ]
    gold = decision.gold.sql if decision.gold is not None else next(iter(answer.question.golds), None)
    predicted = answer.prediction.sql if answer.prediction is not None else None
    found = clause_differences(gold, predicted, *dialects) if gold and predicted else []
    rows: list[list[Cell]] = [
        [difference.clause, "; ".join(difference.gold) or None, "; ".join(difference.predicted) or None]
        for difference in found
    ]
    return Table("", columns, rows)


def _statements(answer: StoredAnswer, decision: Decision, dialects: tuple[str, str]) -> Iterator[Section]:
    gold_dialect, dialect = dialects
    counted = decision.gold.sql if decision.gold is not None else None
    golds = [counted] if counted is not None else list(answer.question.golds)
    for number, sql in enumerate(golds):
        suffix = f"_{number + 1}" if len(golds) > 1 else ""
        yield from _statement(f"gold{suffix}", "Gold", sql, gold_dialect)
    predicted = answer.prediction.sql if answer.prediction is not None else None
    if predicted is not None:
        yield from _statement("predicted", "Prediction", predicted, dialect)
    for name, title, result in (
        ("gold_executed", "Gold, as the engine ran it", decision.gold.result if decision.gold is not None else None),
        ("predicted_executed", "Prediction, as the engine ran it", answer.result),
    ):
        ran = result.executed_sql if result is not None else None
        yield Section(name, title, Code(ran or "", "sql"), for_machines=True)


def _statement(name: str, title: str, sql: str, dialect: str) -> Iterator[Section]:
    shown = formatted(sql, dialect)
    yield Section(name, f"{title}, formatted", Code(shown, "sql"))
    written = Code(sql, "sql") if is_reworded(sql, shown) else Code("")
    yield Section(f"{name}_written", f"{title}, as written", written)


def _results(answer: StoredAnswer, decision: Decision) -> Iterator[Section]:
    for name, title, result in (
        ("gold_result", "Gold's result", decision.gold.result if decision.gold is not None else None),
        ("predicted_result", "The prediction's result", answer.result),
    ):
        if result is not None and result.outcome is Outcome.OK:
            n_rows = len(result.rows)
            head = f", the first {_HEAD}" if n_rows > _HEAD else ""
            yield Section(name, f"{title}: {n_rows} row{'' if n_rows == 1 else 's'}{head}", result_table(result, _HEAD))


def _comparison(decision: Decision) -> Iterator[Section]:
    compared = decision.compared
    if compared is None:
        return
    yield Section("rules", "Rules that decided", Sentences(list(decision.rules)))
    yield Section("columns", "Columns that stand for each other", column_table(compared))
    yield Section("cells", _counted("Cells that differ", compared.n_cells), _cells(compared))
    match = compared.match
    yield Section(
        "only_gold",
        _counted("Rows of gold's alone", compared.n_only_gold),
        rows_table(match.gold_columns, compared.only_gold),
    )
    yield Section(
        "only_predicted",
        _counted("Rows of the prediction alone", compared.n_only_predicted),
        rows_table(match.predicted_columns, compared.only_predicted),
    )
    yield Section("repeated", _counted("Rows another number of times", compared.n_repeated), _repeated(compared))


def _counted(title: str, n: int) -> str:
    return f"{title}: {n}, the first {MOST_SHOWN}" if n > MOST_SHOWN else f"{title}: {n}"


def _cells(compared: Compared) -> Table:
    columns = [
        Column("row", "row", priority=1, optional=True),
        Column("column", "gold's column", priority=1),
        Column("gold", "gold", priority=1),
        Column("predicted", "prediction", priority=1),
    ]
    rows: list[list[Cell]] = [
        [cell.row or None, cell.column, cell_text(cell.gold), cell_text(cell.predicted)] for cell in compared.cells
    ]
    return Table("", columns, rows, [f"{column}: {said}." for column, said in compared.patterns])


def _repeated(compared: Compared) -> Table:
    rows = rows_table(compared.match.gold_columns, [repeated.row for repeated in compared.repeated])
    columns = [
        Column("n_gold", "times in gold", priority=1),
        Column("n_predicted", "in the prediction", priority=1),
        *rows.columns,
    ]
    counted = [[found.n_gold, found.n_predicted, *row] for found, row in zip(compared.repeated, rows.rows, strict=True)]
    return Table("", columns, counted)


def _reply(answer: StoredAnswer, decision: Decision) -> Iterator[str]:
    """What extraction and translation made of the model's reply."""
    prediction = answer.prediction
    if prediction is None:
        return
    if prediction.cut_off:
        yield "The endpoint reported that it cut the reply off before the model had ended it."
    if prediction.status is not PredictionStatus.SQL:
        yield f"No statement was taken from it: {prediction.detail or prediction.status.value}."
    if prediction.cut:
        yield f"Left out behind the statement (docs/rules/extraction.md): {prediction.cut.strip()}"
    if prediction.answer:
        yield f"Its answer in words: {prediction.answer}"
    translated = [
        name
        for name, result in (("gold", decision.gold.result if decision.gold else None), ("predicted", answer.result))
        if result is not None and result.executed_sql is not None
    ]
    if translated:
        fields = " and ".join(f"{name}_executed" for name in translated)
        yield f"The text that the engine ran, translated, is in --format json ({fields})."


def _raw(answer: StoredAnswer) -> str:
    """The whole reply, where it holds more than the statement."""
    prediction = answer.prediction
    if prediction is None or prediction.raw.strip() == (prediction.sql or "").strip():
        return ""
    return prediction.raw.strip()


def wrong_table(system: StoredSystem, kinds: Sequence[str] = ()) -> Table:
    """One row a question that is not correct: verdict, kind of difference, and the reason in one line.

    Args:
        kinds: verdicts that are listed; none: all but the correct ones.
    """
    decider, reason_of = Decider(system.scores.rule), dict[tuple[object, ...], str]()
    rows: list[list[Cell]] = []
    for question_id, judged in progress(system.verdicts.items(), "explain", len(system.verdicts)):
        verdict = judged.verdict
        if (verdict.kind.value not in kinds) if kinds else verdict.kind in _RIGHT:
            continue
        key = system.results_key(question_id), verdict.kind, verdict.difference, verdict.detail
        if key not in reason_of:
            decision = decider.decision(system.answer(question_id))
            said = reasons(verdict, decision.compared) if decision.compared is not None else [verdict.detail]
            reason_of[key] = next(iter(said), "")
        difference = verdict.difference.value if verdict.difference else None
        rows.append([question_id, verdict.kind.value, difference, reason_of[key] or None])
    columns = [
        Column("question_id", "question", priority=1, least=30),
        Column("verdict", "verdict", priority=1),
        Column("difference", "difference", priority=1, optional=True),
        Column("reason", "reason", priority=1, wraps=True),
    ]
    scores = system.scores
    title = f"{len(rows)} of {len(system.verdicts)} questions: {scores.system} on {scores.dataset} by {scores.rule}"
    notes = [f"Each in full: sql-bench explain {rows[0][0]} -g '{scores.system}'."] if rows else []
    return Table(title, columns, rows, [*notes, *system.problems])
