"""The family of SQL generators, and the base for one of your own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

from bench_core.identity import Json
from bench_core.llm.chat import ChatResponse, NoAnswer
from bench_core.plugins.protocols import Contract
from bench_core.plugins.registry import Family
from bench_core.plugins.returns import Returned, json_object, kind_of, some_text, text
from bench_core.plugins.stage import StageBase
from sql_bench.generators.extraction import RULES_VERSION, extract
from sql_bench.types import AskedQuestion, DatabaseView, Prediction, PredictionStatus, SqlGenerator


class SqlGeneratorBase(StageBase):
    """Base of generators: write `complete`; the SQL is taken out of the text it returns."""

    dialect: str = ""

    def describe(self) -> Mapping[str, Json]:
        """Class, arguments and the rules of extraction; the suite adds a hash of the source you wrote."""
        return {**self.described_by_class(), "extraction": RULES_VERSION}

    def complete(self, question: AskedQuestion, database: DatabaseView) -> str | ChatResponse:
        """The model's text on a question, or its whole reply: prose and fences around the SQL are fine.

        A reply tells whether it was cut off, and its tokens, which a text does not.

        Raises:
            NoAnswer: there is none this time, and the next run asks again.
        """
        raise NotImplementedError

    def generate(self, question: AskedQuestion, database: DatabaseView) -> Prediction:
        """See `sql_bench.types.SqlGenerator`."""
        said, dialect = self.complete(question, database), self.dialect or database.dialect
        if isinstance(said, str):
            return prediction_from_text(question.question_id, said, dialect)
        return prediction_from_reply(question.question_id, said, dialect)


def completed(found: Returned) -> str | ChatResponse:
    """The check of `complete`: a text that says something, or a reply."""
    if isinstance(found.value, ChatResponse):
        return found.value
    return some_text(
        found,
        f"question {found.arguments[0].question_id}",
        "return what the model said, also that it has no answer, or raise bench_core.llm.chat.NoAnswer(status, why) "
        "where it gave none",
    )


def prediction(found: Returned) -> Prediction:
    """The check of `generate`: the prediction for the question that was asked, with SQL where its status says so."""
    value, question = found.value, found.arguments[0]
    if not isinstance(value, Prediction):
        raise found.unfit(f"returned {kind_of(value)}; return Prediction(question.question_id, raw, status, sql)")
    if value.question_id != question.question_id:
        raise found.unfit(
            f"returned the Prediction of question {value.question_id} where {question.question_id} was asked; give it "
            "question.question_id"
        )
    of = f"gave question {question.question_id} a Prediction whose"
    if not isinstance(value.raw, str):
        raise found.unfit(f"{of} raw is {kind_of(value.raw)}; give the model's whole text")
    if not isinstance(value.status, PredictionStatus):
        known = ", ".join(kind_of(status) for status in PredictionStatus)
        raise found.unfit(f"{of} status is {kind_of(value.status)}; give one of {known}")
    if value.sql is not None and not isinstance(value.sql, str):
        raise found.unfit(f"{of} sql is {kind_of(value.sql)}; give a statement, or None where there is none")
    has_sql = bool(value.sql and value.sql.strip())
    if has_sql and value.status is not PredictionStatus.SQL:
        raise found.unfit(f"{of} status is {kind_of(value.status)} and that has a statement; leave sql out")
    if not has_sql and value.status is PredictionStatus.SQL:
        raise found.unfit(f"{of} status is PredictionStatus.SQL and that has no statement; give one as sql")
    return value


GENERATORS = Family(
    kind="generator",
    builtins={
        "gold": "sql_bench.generators.gold:GoldGenerator",
        "replay": "sql_bench.generators.replay:ReplayGenerator",
    },
    group="sql_bench.generators",
    used="sql-bench run -g {}",
    contract=Contract(
        protocol=SqlGenerator,
        base=SqlGeneratorBase,
        returns={"describe": json_object, "generate": prediction, "complete": completed, "dialect": text},
        tests="sql_bench.testing:GeneratorContract",
        one_of=("complete", "generate"),
    ),
)


def prediction_from_reply(question_id: str, reply: ChatResponse, dialect: str) -> Prediction:
    """A prediction with what `extract` finds in a model's reply, its tokens, and whether its endpoint cut it off.

    Raises:
        NoAnswer: the reply was refused or is empty.
    """
    is_cut_off = reply.finish == "length"
    if not reply.text.strip() or (reply.problem and not is_cut_off):
        raise NoAnswer(reply.problem or "empty", f"The reply was {reply.problem or 'empty'}.")
    usage = {**asdict(reply.usage), "seconds": reply.seconds}
    return replace(prediction_from_text(question_id, reply.text, dialect, cut_off=is_cut_off), usage=usage)


def prediction_from_text(question_id: str, raw: str, dialect: str, *, cut_off: bool = False) -> Prediction:
    """A prediction with what `extract` finds in a model's text.

    Args:
        cut_off: the endpoint reported the text as cut off; it is read like any other and never mended.
    """
    found = extract(raw, dialect)
    return Prediction(question_id, raw, found.status, found.sql, found.detail, cut=found.cut, cut_off=cut_off)
