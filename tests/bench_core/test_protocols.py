"""A mistake in a user's class is one sentence with their file and line, at creation or when the class is asked."""

from pathlib import Path

import pytest

from bench_core.errors import BenchError, UserError
from bench_core.llm.stage_models import LanguageModelSettings
from bench_core.plugins.failures import sentence_of
from bench_core.plugins.registry import StageSpec
from retrieval_bench.datasets.card import UNKNOWN
from retrieval_bench.datasets.dataset import SOURCES, load_dataset
from retrieval_bench.query_generators.base import QUERY_GENERATORS
from retrieval_bench.query_generators.generation import create_generation
from retrieval_bench.rerankers.base import RERANKERS, create_reranker
from retrieval_bench.retrievers.base import RETRIEVERS
from retrieval_bench.types import Candidates, Corpus, Document, Query
from sql_bench.comparators.base import COMPARATORS
from sql_bench.datasets.dataset import load_dataset as load_sql_dataset
from sql_bench.generators.base import GENERATORS
from sql_bench.testing import EmptyDatabase
from sql_bench.types import AskedQuestion

SETTINGS = LanguageModelSettings(Path("no/store"))
QUERY = Query("q1", "gout")
BATCH = [Candidates(QUERY, [Document("d1", "a"), Document("d2", "b")]), Candidates(Query("q2", "x"), [])]

RERANKER = """
from retrieval_bench.rerankers.base import RerankerBase
class Mine(RerankerBase):
"""
RETRIEVER = """
from retrieval_bench.retrievers.base import RetrieverBase
from retrieval_bench.types import Description, RankedList
class Mine(RetrieverBase):
    def index(self, corpus, index_dir): pass
"""
GENERATOR = """
from retrieval_bench.query_generators.base import GeneratedQuery, QueryGeneratorBase
class Mine(QueryGeneratorBase):
"""
SQL_GENERATOR = """
from sql_bench.generators.base import SqlGeneratorBase
from sql_bench.types import Prediction, PredictionStatus
class Mine(SqlGeneratorBase):
"""
COMPARATOR = """
from sql_bench.comparators.base import ComparatorBase
from sql_bench.types import Verdict, VerdictKind
class Mine(ComparatorBase):
"""


def written(folder: Path, head: str, body: str) -> tuple[StageSpec, int]:
    """A file of the user's, and the line its body begins in."""
    path = folder / "mine.py"
    path.write_text(head + "".join(f"    {line}\n" for line in body.splitlines()))
    return StageSpec(f"{path}:Mine"), head.count("\n") + 1


@pytest.mark.parametrize(
    ("head", "body", "message"),
    [
        (
            RERANKER,
            "def rerank(self): pass",
            r"line {n}: Mine.rerank takes \(self\) and is called with \(self, batch\); ",
        ),
        (RERANKER, "def rerank(self, batch, *, depth): pass", "line {n}: Mine.rerank asks for depth by name, which"),
        (RERANKER, "def rerank(): pass", "line {n}: Mine.rerank has no parameter self; write def rerank"),
        (RERANKER, "async def rerank(self, batch): pass", "line {n}: Mine.rerank is asynchronous"),
        (RERANKER, "@property\ndef rerank(self): pass", "line {n}: Mine.rerank is a property, and the suite calls it"),
        (
            RERANKER,
            "def is_remote(self): return False\ndef rerank(self, batch): pass",
            "line {n}: Mine.is_remote is a method; put @property above it",
        ),
        (RERANKER, "is_remote = 'no'\ndef rerank(self, batch): pass", "Mine.is_remote is a text; it must be True"),
        (
            RERANKER,
            "def __init__(self, *, corpus): pass\ndef rerank(self, batch): pass",
            r"line {n}: Mine.__init__ asks for corpus by name, .* \(it gives card, client, n_at_once\); give it",
        ),
        (
            RERANKER,
            "def __init__(self, client): pass\ndef rerank(self, batch): pass",
            r"line {n}: Mine.__init__ has client among what a user gives; write it behind a \*",
        ),
        (
            RERANKER,
            "def __init__(self): self.is_remote = 3\ndef rerank(self, batch): pass",
            "Mine.is_remote is the number 3; it must be True, False, or None",
        ),
        (
            RERANKER,
            "def missing_requirement(self): return ''\ndef rerank(self, batch): pass",
            "line {n}: Mine.missing_requirement is called on the class; put @staticmethod above it",
        ),
        (
            RERANKER,
            "x = 1",
            r"is no reranker, it has no method rerank; derive it from RerankerBase and write def rerank",
        ),
    ],
)
def test_a_class_that_does_not_fit_is_refused_at_creation(tmp_path, head, body, message):
    spec, line = written(tmp_path, head, body)
    with pytest.raises(UserError, match=message.format(n=line)):
        RERANKERS.create(spec, client=None, n_at_once=1, card=None)


def test_arguments_that_cannot_be_described_are_told_with_their_place(tmp_path):
    spec, line = written(tmp_path, RERANKER, "def __init__(self, words={1}): pass\ndef rerank(self, batch): pass")
    with pytest.raises(UserError, match=rf"mine.py, line {line}: Mine: its arguments cannot be described \(Object of"):
        RERANKERS.create(spec).describe()


@pytest.mark.parametrize("create", [create_reranker, lambda spec: create_generation(spec, UNKNOWN, SETTINGS)])
def test_a_model_among_what_a_user_gives_is_told_where_it_belongs(tmp_path, create):
    head = RERANKER if create is create_reranker else GENERATOR
    method = "def rerank(self, batch): pass" if create is create_reranker else "def write(self, query): pass"
    spec, line = written(tmp_path, head, f"def __init__(self, client): pass\n{method}")
    with pytest.raises(UserError, match=rf"line {line}: Mine.__init__ has client among what a user gives; write it"):
        create(spec)


def test_messages_about_judgments_and_files_name_the_class_that_gave_them(tmp_path):
    spec, line = written(tmp_path, DATASET, "def load(self, name): return Dataset.of(CARD, D, Q, {'q1': {'n9': 1}})")
    with pytest.raises(UserError, match=rf"mine.py, line {line}: Mine.load: a/b: 1 judged documents are not in the"):
        load_dataset(f"{spec.name}/b").check()
    spec, line = written(tmp_path, SQL_DATASET, "def load(self, name): return SqlDataset.of(CARD, [Q], Path('no'))")
    spec = StageSpec(spec.name.replace("mine.py", write_again(tmp_path)))
    with pytest.raises(UserError, match=rf", line {line}: Mine.load: a/b: tables_dir is .*no, where there is no"):
        load_sql_dataset(f"{spec.name}/b").check_files()


@pytest.mark.parametrize(
    ("family", "head", "written_methods"),
    [
        (QUERY_GENERATORS, GENERATOR, r"write\(self, query\) or def generate\(self, query\)"),
        (
            GENERATORS,
            SQL_GENERATOR,
            r"complete\(self, question, database\) or def generate\(self, question, database\)",
        ),
    ],
)
def test_a_class_writes_one_of_the_methods_that_its_base_leaves_to_it(tmp_path, family, head, written_methods):
    spec, line = written(tmp_path, head, "x = 1")
    with pytest.raises(
        UserError, match=f"line {line - 1}: Mine has none of its methods yet; write def {written_methods}"
    ):
        family.create(spec)


def searched(spec):
    retriever = RETRIEVERS.create(spec)
    retriever.describe(), retriever.notes(), retriever.recorded(), retriever.requires
    return list(retriever.search([QUERY], 2))


def reranked(spec):
    reranker = RERANKERS.create(spec)
    reranker.describe(), reranker.is_remote, reranker.failed
    return reranker.rerank(BATCH)


def generated(spec):
    return QUERY_GENERATORS.create(spec).generate(QUERY)


def predicted(spec):
    return GENERATORS.create(spec).generate(AskedQuestion("q1", "How many?"), EmptyDatabase())


def compared(spec):
    return COMPARATORS.create(spec).compare(None, None, None)


@pytest.mark.parametrize(
    ("ask", "head", "body", "message"),
    [
        (
            reranked,
            RERANKER,
            "def rerank(self, batch): pass",
            "Mine.rerank returned None; return a list of scores for each of the 2 queries",
        ),
        (
            reranked,
            RERANKER,
            "def rerank(self, batch): return [[1.0, 2.0]]",
            "Mine.rerank returned a list of 1 where 2 queries were given; return a list of scores",
        ),
        (
            reranked,
            RERANKER,
            "def rerank(self, batch): return [[1.0], []]",
            "gave 1 scores for the 2 documents of query",
        ),
        (
            reranked,
            RERANKER,
            "def rerank(self, batch): return ['ab', []]",
            "gave query q1 a text; give it a list of 2 scores",
        ),
        (
            reranked,
            RERANKER,
            "def rerank(self, batch): return [None, []]",
            "gave query q1 None; give it a list of 2 scores",
        ),
        (
            reranked,
            RERANKER,
            "def rerank(self, batch): return [7, []]",
            "gave query q1 the number 7; give it a list of 2 scores",
        ),
        (
            reranked,
            RERANKER,
            "def rerank(self, batch): return [[1, 1e999], []]",
            "gave query q1 a list with the number inf in it; give each document a finite number",
        ),
        (
            reranked,
            RERANKER,
            "def rerank(self, batch): yield []",
            "Mine.rerank returned a generator; return a list of scores for each",
        ),
        (
            reranked,
            RERANKER,
            "@property\ndef is_remote(self): return 'no'\ndef rerank(self, batch): return [[1, 2], []]",
            "Mine.is_remote is a text; it must be True",
        ),
        (
            reranked,
            RERANKER,
            "def describe(self): return {'name': 'x'}\ndef rerank(self, batch): return [[1, 2], []]",
            "Mine.describe returned a dict; return Description",
        ),
        (searched, RETRIEVER, "def search(self, queries, k): pass", "Mine.search returned None; return or yield one"),
        (
            searched,
            RETRIEVER,
            "def search(self, queries, k): return 'q1'",
            "Mine.search returned a text; return or yield",
        ),
        (
            searched,
            RETRIEVER,
            "def search(self, queries, k): return {'q1': 1}",
            "Mine.search returned a dict; return or",
        ),
        (
            searched,
            RETRIEVER,
            "def search(self, queries, k): yield 3",
            "Mine.search yielded the number 3; yield RankedList",
        ),
        (
            searched,
            RETRIEVER,
            "def notes(self): return 'a note'\ndef search(self, queries, k): return []",
            "Mine.notes returned a text; return a list of texts",
        ),
        (
            searched,
            RETRIEVER,
            "def recorded(self): return {'x': self}\ndef search(self, queries, k): return []",
            "Mine.recorded returned what JSON cannot hold",
        ),
        (
            searched,
            RETRIEVER,
            "@property\ndef requires(self): return 2\ndef search(self, queries, k): return []",
            "Mine.requires is the number 2; it must be bench_core.plugins.requirements.Requirements",
        ),
        (generated, GENERATOR, "def write(self, query): pass", "Mine.write returned None; return a text"),
        (
            generated,
            GENERATOR,
            "def write(self, query): return ' '",
            "Mine.write returned an empty text for query q1; return query.text where there is nothing to add, or raise",
        ),
        (
            generated,
            GENERATOR,
            "def generate(self, query): return GeneratedQuery('q1', '', self.combination)",
            "gave query q1 a GeneratedQuery with an empty text and the status ok; give a text, or say in status why",
        ),
        (
            generated,
            GENERATOR,
            "def generate(self, query): return GeneratedQuery('q1', 3, self.combination)",
            "gave query q1 a GeneratedQuery whose text is the number 3 and whose status is a text; both must be texts",
        ),
        (
            generated,
            GENERATOR,
            "def describe(self):\n"
            "    from retrieval_bench.types import Description\n"
            "    return Description('mine', search=['a'])\n"
            "def write(self, query): return self.describe()",
            "Mine.describe, as its search, returned a list; return a mapping from names",
        ),
        (generated, GENERATOR, "def write(self, query): return ['a']", "Mine.write returned a list; return a text"),
        (
            generated,
            GENERATOR,
            "def generate(self, query): return 'a'",
            "Mine.generate returned a text; return Generated",
        ),
        (
            generated,
            GENERATOR,
            "def generate(self, query): return GeneratedQuery('q2', 'x', self.combination)",
            "returned the GeneratedQuery of query q2 where q1 was asked; give it query.query_id",
        ),
        (
            predicted,
            SQL_GENERATOR,
            "def complete(self, question, database): pass",
            "Mine.complete returned None; return",
        ),
        (
            predicted,
            SQL_GENERATOR,
            "def complete(self, question, database): return ''",
            "Mine.complete returned an empty text for question q1; return what the model said, also that it has no",
        ),
        (
            predicted,
            SQL_GENERATOR,
            "def generate(self, question, database): return Prediction('q1', 3, PredictionStatus.NO_SQL)",
            "gave question q1 a Prediction whose raw is the number 3; give the model's whole text",
        ),
        (
            predicted,
            SQL_GENERATOR,
            "def generate(self, question, database): return Prediction('q1', '', 'sql', 'SELECT 1')",
            "whose status is a text; give one of PredictionStatus.SQL, PredictionStatus.NO_SQL,",
        ),
        (
            predicted,
            SQL_GENERATOR,
            "def generate(self, question, database): return Prediction('q1', '', PredictionStatus.NO_SQL, 'SELECT 1')",
            "whose status is PredictionStatus.NO_SQL and that has a statement; leave sql out",
        ),
        (
            compared,
            COMPARATOR,
            "needs = frozenset({'x'})\ndef compare(self, gold, predicted, question): return Verdict(VerdictKind.WRONG)",
            "Mine.needs is a frozenset with a text in it; it must be a frozenset of sql_bench.types.Variant",
        ),
        (
            compared,
            COMPARATOR,
            "def compare(self, gold, predicted, question): return VerdictKind.CORRECT",
            "Mine.compare returned VerdictKind.CORRECT; return Verdict(VerdictKind.CORRECT)",
        ),
        (
            reranked,
            RERANKER,
            "failed = {'q1': None}\ndef rerank(self, batch): return [[1, 2], []]",
            "Mine.failed is a dict with None in it; it must be a mapping from an item's id to why",
        ),
        (
            reranked,
            RERANKER,
            "def notes(self): return ['a', 2]\ndef rerank(self, batch): return self.notes()",
            "Mine.notes returned a list with the number 2 in it; return a list of texts",
        ),
        (
            reranked,
            RERANKER,
            "def recorded(self): return {3: 2}\ndef rerank(self, batch): return self.recorded()",
            "Mine.recorded returned a dict with the number 3 as a key; return a mapping from names",
        ),
        (
            predicted,
            SQL_GENERATOR,
            "def generate(self, question, database): return 'SELECT 1'",
            "Mine.generate returned a text; return Prediction",
        ),
        (
            predicted,
            SQL_GENERATOR,
            "def generate(self, question, database): return Prediction('q1', '', PredictionStatus.SQL)",
            "gave question q1 a Prediction whose status is PredictionStatus.SQL and that has no statement; give one",
        ),
        (
            compared,
            COMPARATOR,
            "def compare(self, gold, predicted, question): return True",
            "returned True; return Verd",
        ),
        (
            compared,
            COMPARATOR,
            "def compare(self, gold, predicted, question): return Verdict(VerdictKind.WRONG, figures={'x': 'y'})",
            "returned a Verdict whose figure x is a text; give a finite number",
        ),
        (
            compared,
            COMPARATOR,
            "def compare(self, gold, predicted, question): return Verdict(VerdictKind.WRONG, figures=[1])",
            "returned a Verdict whose figures are a list; give a mapping",
        ),
        (
            compared,
            COMPARATOR,
            "def compare(self, gold, predicted, question): return Verdict(VerdictKind.TIMEOUT)",
            "returned a Verdict whose kind is VerdictKind.TIMEOUT; give VerdictKind.CORRECT, WRONG or UNDETERMINED",
        ),
        (
            compared,
            COMPARATOR,
            "def compare(self, gold, predicted, question): return Verdict('correct')",
            "returned a Verdict whose kind is a text; give VerdictKind.CORRECT, WRONG or UNDETERMINED",
        ),
        (
            reranked,
            RERANKER,
            "def rerank(self, batch): return ['11', []]",
            "gave query q1 a text; give it a list of 2 scores",
        ),
        (
            reranked,
            RERANKER,
            "def rerank(self, batch): return [['1', 2], []]",
            "gave query q1 a list with a text in it; give each document a number as score",
        ),
    ],
)
def test_what_does_not_fit_is_named_when_it_is_returned(tmp_path, ask, head, body, message):
    spec, line = written(tmp_path, head, body)
    with pytest.raises(BenchError) as raised:
        ask(spec)
    sentence = str(raised.value)
    assert message in sentence and "mine.py, line " in sentence and sentence.endswith(".") and "\n" not in sentence
    told = int(sentence.partition("mine.py, line ")[2].partition(":")[0])
    assert told >= line - 1, "a plain attribute is told with the line of its class"


@pytest.mark.parametrize("score", ["'1.0'", "None"])
def test_a_score_that_is_no_number_is_refused_where_it_is_given(tmp_path, score):
    for scores in (f"{{'d1': {score}}}", f"[{score}], ['d1']"):
        spec, line = written(
            tmp_path, RETRIEVER, f"def search(self, queries, k):\n    yield RankedList('q1', {scores})"
        )
        with pytest.raises(ValueError, match="is given as a score; give each document a number") as raised:
            searched(StageSpec(spec.name.replace("mine.py", write_again(tmp_path))))
        assert f"line {line + 1}: ValueError: query q1" in sentence_of(raised.value)


def write_again(folder: Path) -> str:
    """The file under another name: a module that was imported is not read again."""
    name = f"mine_{len(list(folder.iterdir()))}.py"
    (folder / name).write_text((folder / "mine.py").read_text())
    return name


def test_what_fits_is_handed_on_as_it_is(tmp_path):
    spec, _ = written(tmp_path, RERANKER, "def rerank(self, batch): return [[1, 2], []]")
    assert RERANKERS.create(spec).rerank(BATCH) == [[1.0, 2.0], []]


def test_a_combination_is_one_of_the_suites(tmp_path):
    spec, line = written(tmp_path, GENERATOR, "combination = 'both'\ndef write(self, query): return 'x'")
    with pytest.raises(UserError, match=f"line {line - 1}: Mine.combination is a text; write combination = Comb"):
        generated(spec)


def test_variants_may_be_given_as_any_set(tmp_path):
    body = "needs = {1}\ndef compare(self, gold, predicted, question): return Verdict(VerdictKind.WRONG)"
    spec, _ = written(tmp_path, COMPARATOR, body)
    with pytest.raises(
        UserError,
        match=r"Mine.needs is a set with the number 1 in it; it must be a frozenset of sql_bench.types.Variant",
    ):
        COMPARATORS.create(spec)


@pytest.mark.parametrize(
    ("load", "body", "message"),
    [
        (load_dataset, "def load(self, name): return name", "Mine.load returned a text; return Dataset.of("),
        (
            load_dataset,
            "def load(self, name):\n    from pathlib import Path\n"
            "    from retrieval_bench.datasets.dataset import Dataset\n"
            "    from retrieval_bench.datasets.card import DatasetCard\n"
            "    return Dataset(DatasetCard('a/b', 'x'), lambda: [], lambda: [], lambda: {}, Path())",
            "a dataset whose read_corpus returned a list; return one CorpusFile",
        ),
        (load_sql_dataset, "def load(self, name): return name", "Mine.load returned a text; return SqlDataset.of("),
        (
            load_sql_dataset,
            "def load(self, name):\n    from sql_bench.datasets.dataset import SqlCard, SqlDataset\n"
            "    return SqlDataset(SqlCard('a', 'b', 'duckdb'), lambda: ['q1'])",
            "returned a list with a text in it; return a list of Question",
        ),
    ],
)
def test_a_dataset_is_held_to_its_parts(tmp_path, load, body, message):
    spec, _ = written(tmp_path, "class Mine:\n    def cards(self): return []\n", body)
    with pytest.raises(BenchError) as raised:
        dataset = load(f"{spec.name}/some/name")
        getattr(dataset, "corpus", None) or dataset.questions
    assert message in str(raised.value) and "mine.py, line 3: Mine.load" in str(raised.value)


SQL_DATASET = """
from pathlib import Path
from sql_bench.datasets.dataset import SqlCard, SqlDataset
from sql_bench.types import Question
CARD = SqlCard("a/b", "x", "duckdb")
Q = Question("q1", "How many?", ("SELECT 1",))
class Mine:
    def cards(self): return []
"""
DATASET = """
from retrieval_bench.datasets.card import DatasetCard
from retrieval_bench.datasets.dataset import Dataset
from retrieval_bench.types import Document, Query
CARD, D, Q, J = DatasetCard("a/b", "x"), [Document("n1", "gout")], [Query("q1", "gout")], {"q1": {"n1": 1}}
class Mine:
    def cards(self): return []
"""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("SqlDataset(CARD, lambda: [])", "a/b, that has no questions"),
        ("SqlDataset.of(CARD, [Q, Q])", "that has the question_id q1 twice"),
        ("SqlDataset.of(CARD, [Question(1, 'x')])", "that has the question_id 1; give a text"),
        ("SqlDataset.of(CARD, [Question('q1', None)])", "has None as the text of question q1"),
        ("SqlDataset.of(CARD, [Question('q1', 'x', 'SELECT 1')])", "has golds of question q1 that are no tuple"),
        ("SqlDataset.of(CARD, [Question('q1', 'x', None)])", "has golds of question q1 that are no tuple"),
        ("SqlDataset(CARD, [Q])", "a/b: read_questions is a list; give a function"),
        ("SqlDataset.of(CARD, [Q], 'tables')", "a/b: tables_dir is a text; write pathlib.Path('tables')"),
        ("SqlDataset.of(CARD, None)", "a/b: questions is None; give a list"),
        ("SqlDataset.of(CARD, {'q1': Q})", "a/b: questions is a dict; give a list"),
        ("SqlDataset.of('a/b', [Q])", "The card of a dataset is a text; give SqlCard("),
        ("SqlDataset.of(SqlCard('a/b', 'x', 'duckdb', access='Public'), [Q])", "a/b: access is 'Public'; it must"),
    ],
)
def test_a_sql_dataset_is_checked_before_a_run(tmp_path, given, message):
    spec, line = written(tmp_path, SQL_DATASET, f"def load(self, name): return {given}")
    with pytest.raises(BenchError) as raised:
        _ = load_sql_dataset(f"{spec.name}/b").questions
    assert message in str(raised.value) and f"mine.py, line {line}: " in str(raised.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("Dataset.of(CARD, D + D, Q, J)", "a/b, that has the doc_id n1 twice"),
        ("Dataset.of(CARD, [], Q, J)", "that has no documents"),
        ("Dataset.of(CARD, [Document(1, 'x')], Q, J)", "that has the doc_id 1; give a text"),
        ("Dataset.of(CARD, [Document('n1', None)], Q, J)", "has None as the text of doc_id n1"),
        ("Dataset.of(CARD, None, Q, J)", "a/b: documents is None; give a list"),
        ("Dataset.of(CARD, ['gout'], Q, J)", "returned a list with a text in it; return a list of Document"),
        ("Dataset.of(CARD, D, Q + Q, J)", "that has the query_id q1 twice"),
        ("Dataset.of(CARD, D, [], J)", "that has no queries"),
        ("Dataset.of(CARD, D, Q, {})", "a/b, that has no judgments"),
        ("Dataset.of(CARD, D, Q, {'q1': ['n1']})", "has a list as judgments of query q1"),
        ("Dataset.of(CARD, D, Q, {'q1': {1: 1}})", "has a judgment of the doc_id 1"),
        ("Dataset.of(CARD, D, Q, {'q1': {'n1': 'high'}})", "has the relevance 'high' for document n1 and query q1"),
        ("Dataset.of(CARD, D, Q, {'q1': {'n1': 1.5}})", "has the relevance 1.5"),
        ("Dataset.of('a/b', D, Q, J)", "The card of a dataset is a text; give DatasetCard("),
        ("Dataset.of(DatasetCard('a/b', 'x', access='Public'), D, Q, J)", "a/b: access is 'Public'; it must"),
    ],
)
def test_a_retrieval_dataset_is_checked_before_a_run(tmp_path, given, message):
    spec, line = written(tmp_path, DATASET, f"def load(self, name): return {given}")
    with pytest.raises(BenchError) as raised:
        load_dataset(f"{spec.name}/b").check()
    assert message in str(raised.value) and f"mine.py, line {line}: " in str(raised.value)


def test_a_source_of_ones_own_is_named_by_its_class(tmp_path):
    body = "def load(self, name):\n    self.names.append(name)\n    raise KeyError(name)\nnames = []"
    spec, _ = written(tmp_path, "class Mine:\n    def cards(self): return []\n", body)
    for text in ("wards/7", "a:b/c"):
        with pytest.raises(KeyError):
            load_dataset(f"{spec.name}/{text}")
    assert SOURCES.load(spec.name).names == ["wards/7", "a:b/c"]


def test_an_exception_in_a_lazy_search_names_the_innermost_line_of_the_file(tmp_path):
    body = (
        "def search(self, queries, k):\n    for query in queries:\n        yield self.best(query)\n"
        "def best(self, query):\n    return {}[query.query_id]"
    )
    spec, line = written(tmp_path, RETRIEVER, body)
    retriever = RETRIEVERS.create(spec)
    retriever.index(Corpus([]), tmp_path)
    with pytest.raises(KeyError) as raised:
        list(retriever.search([QUERY], 1))
    assert f"mine.py, line {line + 4}: KeyError: 'q1'" in sentence_of(raised.value)


def test_an_installed_class_is_a_users_own(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "their_plugin"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(RERANKER + "    def rerank(self, batch): return {}['gone']\n")
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setattr("bench_core.plugins.places._installed_places", lambda: (tmp_path / "site-packages",))
    reranker = RERANKERS.create(StageSpec("their_plugin:Mine"))
    with pytest.raises(KeyError) as raised:
        reranker.rerank(BATCH)
    assert "their_plugin/__init__.py, line 4: KeyError: 'gone'" in sentence_of(raised.value)


def test_the_class_stays_the_users_own(tmp_path):
    body = (
        "def __init__(self, weight: float = 1.0): self.weight = weight\n"
        "def rerank(self, batch): return [super(Mine, self).recorded() and [] or [self.weight] * 2, []]"
    )
    spec, _ = written(tmp_path, RERANKER, body)
    cls = RERANKERS.load(spec.name)
    assert cls is RERANKERS.load(spec.name) and cls.__name__ == "Mine"
    reranker = RERANKERS.create(StageSpec(spec.name, (("weight", "2"),)))
    assert type(reranker) is cls and reranker.rerank(BATCH) == [[2.0, 2.0], []]
    assert reranker.describe().search == {"class": "Mine", "arguments": {"weight": 2.0}}


def test_a_model_that_the_suite_gives_is_part_of_the_description(tmp_path):
    class Client:
        def __init__(self, model):
            self.model = model

        def describe(self):
            return {"model": self.model}

    spec, _ = written(tmp_path, RERANKER, "def __init__(self, *, client): pass\ndef rerank(self, batch): pass")
    one, other = (RERANKERS.create(spec, client=Client(model)).describe().search for model in ("a", "b"))
    assert one == {"class": "Mine", "arguments": {}, "client": {"model": "a"}} != other
