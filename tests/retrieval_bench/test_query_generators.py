"""Query generators over a real HTTP chat server: what is asked, combined, searched for, stored, and refused."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1]))
from chat_server import ChatServer, choice, echo

from bench_core.errors import BadFile, UserError
from bench_core.llm.limits import Price
from bench_core.plugins.registry import StageSpec
from retrieval_bench.cli.main import main
from retrieval_bench.datasets import embedded
from retrieval_bench.datasets.dataset import load_dataset
from retrieval_bench.datasets.r2med import find_set
from retrieval_bench.pipeline.system import Setting, create_system
from retrieval_bench.query_generators.base import QUERY_GENERATORS
from retrieval_bench.query_generators.combination import DENSE, LEXICAL, R2MED, R2MED_REASONING, Combination
from retrieval_bench.query_generators.prompts import Prompt, load_prompt
from retrieval_bench.query_generators.replayed import Replay
from retrieval_bench.query_generators.search_tool import CorpusSearch
from retrieval_bench.retrievers.base import create_retriever
from retrieval_bench.types import Query, QueryPart


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments, code=0):
    result = CliRunner().invoke(main, [*arguments, "--cache", "cache", "--format", "json"])
    assert result.exit_code == code, result.output
    return result


def run(system, *arguments, code=0, dataset="demo/evidence"):
    return invoke("run", "-v", "-d", dataset, "-r", system, *arguments, code=code)


QUERY = Query("q", "chest pain")
GOLDEN = {
    "hyde": ("an answer", (QueryPart("chest pain"), QueryPart("an answer", "generated"))),
    "query2doc": ("chest painchest pain an answer", (QueryPart("chest pain[SEP]an answer"),)),
    "lamer": ("chest pain an answer", (QueryPart("chest pain"), QueryPart("an answer", "generated"))),
}


@pytest.mark.parametrize("method", GOLDEN)
def test_each_row_of_r2meds_table(method):
    text, parts = GOLDEN[method]
    assert R2MED[method].of(QUERY, "an answer") == Query("q", text, parts)


def test_a_reasoning_models_answer_is_searched_alone_and_averaged():
    expected = Query("q", "an answer", (QueryPart("chest pain"), QueryPart("an answer", "generated")))
    assert R2MED_REASONING.of(QUERY, "an answer") == expected


@pytest.mark.parametrize("model", ["Qwen2.5-7B-Instruct", "Qwen/QwQ-32B"])
@pytest.mark.parametrize("method", ["hyde", "query2doc", "lamer", "reasoning"])
def test_the_rule_follows_from_method_and_model(method, model, tmp_path):
    system = create_system(f"{method},llm=http://127.0.0.1:9/v1#{model} > bm25", Setting(find_set("biology").card("")))
    combination = system.describe()["generate"]["search"]["combination"]
    rule = R2MED_REASONING if "QwQ" in model else R2MED.get(method, R2MED_REASONING)
    assert combination == {"lexical": rule.lexical, "dense": rule.dense}


def test_rules_can_be_named_and_misspelt():
    assert Combination("query", "generated").of(QUERY, "x") == Query("q", "chest pain", (QueryPart("x", "generated"),))
    assert LEXICAL["query-five-times-generated"]("a", "b") == "a a a a a b"
    assert set(DENSE) == {"mean", "joined", "generated", "query"}
    with pytest.raises(UserError, match="did you mean mean"):
        Combination("generated", "men")


@pytest.mark.parametrize("task", ["general", "qa-reference", "clinical-evidence", "clinical-case", "health-records"])
@pytest.mark.parametrize("method", ["hyde", "query2doc", "lamer", "reasoning", "search-o1", "search-r1"])
def test_every_method_has_a_prompt_of_its_own_for_every_task(method, task):
    fields = frozenset({"query", "passages"})
    prompts = {load_prompt(method, other, "", fields).text for other in ("general", task)}
    assert len(prompts) == (1 if task == "general" else 2)
    filled = load_prompt(method, task, "", fields).filled({"query": "{passages} are {odd}", "passages": "P"})
    assert "{passages} are {odd}" in filled and "{query}" not in filled


def test_a_prompt_of_the_users(tmp_path):
    file = tmp_path / "p.txt"
    file.write_text("Say it: {query} {qurey}")
    with pytest.raises(BadFile, match=r"\{qurey\} is not filled"):
        load_prompt("hyde", "general", str(file), frozenset({"query"}))
    file.write_text("nothing")
    with pytest.raises(BadFile, match=r"expected \{query\}"):
        load_prompt("hyde", "general", str(file), frozenset({"query"}))
    with pytest.raises(UserError, match="no such prompt file"):
        load_prompt("hyde", "general", str(tmp_path / "none"), frozenset({"query"}))
    assert Prompt("a").sha256 != Prompt("b").sha256


def answering(number, body, handler):
    """Search once, then answer, whatever the method's marks are."""
    first = body["messages"][0]["content"] if len(body["messages"]) == 1 else ""
    if "<|begin_search_query|>" in first:
        return choice("Hm. <|begin_search_query|>adrenal hypertension")
    if "<search>" in first:
        return choice("<think>hm</think><search>adrenal hypertension")
    return choice("A tumour of the adrenal medulla. <answer>adrenal tumour</answer>")


@pytest.mark.slow
@pytest.mark.parametrize("method", [name for name in QUERY_GENERATORS.names() if name != "replay"])
def test_every_method_runs_once_and_asks_nothing_the_second_time(here, method):
    with ChatServer(answering) as server:
        model = f"{server.base_url}#m"
        first = run(f"{method} > bm25-qs", "--generator-model", model)
        n_requests = len(server.requests)
        assert n_requests == 16 * {"search-o1": 3, "search-r1": 2}.get(method, 1)
        second = run(f"{method} > bm25-qs", "--generator-model", model)
        assert second.stdout == first.stdout and len(server.requests) == n_requests
        other = run(f"{method} > bm25", "--generator-model", model, "--results", "elsewhere")
        assert len(server.requests) == n_requests and "0 requests made" in other.stderr
    (file,) = here.glob("results/retrieval/demo-evidence/*before-bm25-qs*/generated.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(lines) == 16 and all(line["text"] and len(line["sha256"]) == 64 for line in lines)
    if method == "search-r1":
        assert lines[0]["text"] == "adrenal tumour"
    if method.startswith("search"):
        searches = [step for step in lines[0]["trace"] if step["action"] == "search"]
        assert searches[0]["given"] == "adrenal hypertension" and searches[0]["returned"].count("\n") == 4


@pytest.mark.slow
@pytest.mark.parametrize(("finish", "status"), [("length", "cut off"), ("content_filter", "refused")])
@pytest.mark.parametrize("which", [1, 2])
def test_a_search_ends_with_the_first_answer_that_is_not_whole(here, which, finish, status):
    """The first is a turn that wants to search, the second what condenses its results."""

    def behave(number, body, handler):
        answer = answering(number, body, handler)
        turns = len(body["messages"])
        is_turn = turns == 1 and "<|begin_search_query|>" in body["messages"][0]["content"]
        answer["choices"][0]["finish_reason"] = finish if turns == 1 and is_turn == (which == 1) else "stop"
        return answer

    with ChatServer(behave) as server:
        options = f"llm={server.base_url}#m"
        message = f"16 of 16 queries have no generated text (16 {status})"
        assert message in run(f"search-o1,{options} > bm25", code=1).stderr
        assert len(server.requests) == 16 * which


@pytest.mark.slow
def test_how_tokens_are_drawn_can_be_told(here):
    with ChatServer(echo) as server:
        run(f"hyde,llm={server.base_url}#m,temperature=0.8,top_p=0.8,max_tokens=9 > bm25")
    assert (server.requests[0]["temperature"], server.requests[0]["top_p"], server.requests[0]["max_tokens"]) == (
        0.8,
        0.8,
        9,
    )


def test_lamer_shows_what_a_first_search_found_and_query2doc_examples(here):
    with ChatServer(echo) as server:
        run("lamer > bm25", "--generator-model", f"{server.base_url}#m")
        shown = server.requests[0]["messages"][0]["content"]
        assert "[10] " in shown and "[11] " not in shown
        sampling = {key: value for key, value in server.requests[0].items() if key not in ("messages", "model")}
        assert sampling == {"temperature": 0.7, "seed": 42, "max_tokens": 10240}


def test_search_is_bounded(here):
    with ChatServer(lambda *_: choice("more: <search>gout</search>")) as server:
        run(f"search-r1,llm={server.base_url}#m,steps=2 > bm25")
        per_query = len(server.requests) / 16
        last = server.requests[-1]["messages"]
    assert per_query == 3  # two searches and the last word
    assert any("No further search" in message["content"] for message in last)


def test_queries_without_a_text_are_counted_and_asked_for_again(here):
    failing = {"on": True}

    def behave(number, body, handler):
        if failing["on"] and "platelet" in body["messages"][-1]["content"].lower():
            return choice("half", "length")
        return choice("adrenal hypertension")

    with ChatServer(behave) as server:
        system = f"hyde,llm={server.base_url}#m > bm25"
        first = json.loads(run(system).stdout)
        n_first = len(server.requests)
        note = next(note for note in first["notes"] if "no generated text" in note)
        n_missing = int(note.split(": ")[1].split()[0])
        assert 0 < n_missing < 16 and f"({n_missing} cut off)" in note
        assert any(f"nothing found for {n_missing} judged" in note for note in first["notes"])
        table = json.loads(CliRunner().invoke(main, ["table", "--format", "json"]).stdout)
        assert any("no generated text" in note for note in table["notes"])
        failing["on"] = False
        second = json.loads(run(system).stdout)
        assert len(server.requests) == n_first + n_missing
        assert not any("no generated text" in note for note in second["notes"])


def test_a_dead_endpoint_is_one_sentence(here):
    result = run("hyde,llm=http://127.0.0.1:9/v1#m,timeout_s=1 > bm25", dataset="dir:nowhere", code=2)
    assert "no such folder" in result.stderr
    with ChatServer(lambda number, body, handler: handler.send(401, b'{"error": {"message": "no"}}')) as server:
        result = run(f"hyde,llm={server.base_url}#m > bm25", code=1)
    assert "is the key in OPENAI_API_KEY right? No more is asked" in result.stderr and "Traceback" not in result.stderr
    assert len(server.requests) < 16


def test_where_one_system_fails_the_others_go_on(here):
    with ChatServer(lambda number, body, handler: handler.send(401, b"{}")) as server:
        failing = f"hyde,llm={server.base_url}#m > bm25"
        result = invoke("run", "-d", "demo/evidence", "-r", failing, "-r", "bm25", code=1)
        assert [row["system"] for row in json.loads(result.stdout)["rows"]] == ["bm25"]
        assert "Failed: hyde" in result.stderr and "1 made, 0 already there, 1 failed" in result.stderr
        compared = invoke("compare", "-d", "demo/evidence", "-b", "bm25", "-r", failing, code=1)
    assert compared.stdout == "" and "answered 401" in compared.stderr


def test_a_cap_holds_for_all_stages_that_name_a_model_alike(here, monkeypatch):
    monkeypatch.setattr("bench_core.llm.clients.prices", lambda: {"m": Price(0.0, 100_000.0)})
    with ChatServer(echo) as server:
        options = f"llm={server.base_url}#m,max_tokens=3,n_at_once=1,max_dollars=1.6"
        systems = (f"hyde,{options} > bm25", f"reasoning,{options} > bm25")
        result = CliRunner().invoke(
            main, ["run", "-d", "demo/evidence", "-r", systems[0], "-r", systems[1], "--cache", "cache"]
        )
    assert result.exit_code == 1 and "16 of 16 queries have no generated text (16 spending cap)" in result.stderr
    assert len(server.requests) == 5


@pytest.fixture
def credentialed(here):
    folder = here / "notes"
    folder.mkdir()
    (folder / "corpus.jsonl").write_text('{"id": "d1", "text": "Patient Smith has gout"}\n')
    (folder / "query.jsonl").write_text('{"id": "q1", "text": "gout"}\n')
    (folder / "qrels.jsonl").write_text('{"q_id": "q1", "p_id": "d1", "score": 1}\n')
    return "dir:notes,access=credentialed"


@pytest.fixture
def recording(monkeypatch):
    """A server on loopback that stands for a remote one."""
    from bench_core.machine import http as http_json
    from retrieval_bench.encoders import embeddings_api

    monkeypatch.setattr(http_json.JsonEndpoint, "is_remote", True)
    monkeypatch.setattr(embeddings_api.Endpoint, "is_remote", True)
    with ChatServer(echo) as server:
        yield server


@pytest.mark.parametrize(
    "command",
    [
        ("run", "-r", "hyde,llm={url}#m > bm25"),
        ("run", "-r", "rrf(bm25, hyde,llm={url}#m > bm25)"),
        ("run", "-r", "lamer,llm={url}#m > bm25"),
        ("run", "-r", "bm25 > listwise,llm={url}#m"),
        ("run", "-r", "hyde > bm25", "--generator-model", "{url}#m"),
        ("run", "-r", "dense,model=m,endpoint={url}"),
        ("compare", "-b", "bm25", "-r", "hyde,llm={url}#m > bm25"),
        ("gains", "-r", "hyde,llm={url}#m > bm25"),
    ],
    ids=" ".join,
)
def test_nothing_credentialed_leaves_the_machine(credentialed, recording, command):
    name, *arguments = (word.format(url=recording.base_url) for word in command)
    result = invoke(name, "-d", credentialed, *arguments, code=2)
    assert "credentialed" in result.stderr and "--allow-remote-for-credentialed" in result.stderr
    assert recording.requests == []


def test_an_index_of_credentialed_text_stays_here_too(credentialed, recording):
    system = f"dense,model=m,endpoint={recording.base_url}"
    result = CliRunner().invoke(main, ["index", "-d", credentialed, "-r", system])
    assert result.exit_code == 2 and "--allow-remote-for-credentialed" in result.stderr
    assert recording.requests == []


def test_it_may_leave_where_the_user_says_so(credentialed, recording):
    for system in ("hyde > bm25", "bm25 > listwise"):
        model = ("--generator-model", f"{recording.base_url}#m")
        run(system, *model, "--allow-remote-for-credentialed", "The institute; none", dataset=credentialed)
    assert recording.requests
    used = [json.loads(path.read_text())["recorded"]["data_use"] for path in Path("results").rglob("manifest.json")]
    said = {(use["access"], use["sent_to_other_machines"], use["allow_remote_for_credentialed"]) for use in used}
    assert said == {
        ("credentialed", True, "The institute; none"),
        ("credentialed", False, "The institute; none"),  # bm25, which listwise orders anew
    }


def test_what_is_made_of_credentialed_text_is_its_owners_alone(credentialed, here):
    (here / "cache").mkdir(mode=0o755)
    with ChatServer(echo) as server:
        run(f"hyde,llm={server.base_url}#m > bm25", dataset=credentialed)
    CliRunner().invoke(main, ["index", "-d", credentialed, "-r", "bm25,k1=2"])
    files = [path for top in ("results", "indexes", "cache") for path in (here / top).rglob("*") if path.is_file()]
    secret = [path for path in files if not path.name.endswith(".lock")]
    assert len(secret) > 10
    assert [path for path in secret if path.stat().st_mode & 0o077] == []
    run("bm25")
    public = next((here / "results" / "retrieval" / "demo-evidence").rglob("manifest.json"))
    assert public.stat().st_mode & 0o040


def test_replay_reads_our_lines_and_r2meds(tmp_path):
    ours, theirs = tmp_path / "ours.jsonl", tmp_path / "theirs.jsonl"
    ours.write_text('{"query_id": "q", "text": "gout"}\n')
    theirs.write_text('{"id": "q", "text": "the query", "hy_doc": "gout", "doc_id": []}\n')
    for file in (ours, theirs):
        generated = Replay(str(file)).generate(QUERY)
        assert (generated.text, generated.status) == ("gout", "ok")
        assert Replay(str(file)).generate(Query("other", "x")).status == "not in the file"
    ours.write_text('{"query_id": "q", "text": "a"}\n{"query_id": "q", "text": "b"}\n')
    with pytest.raises(BadFile, match="line 2"):
        Replay(str(ours))


def test_an_archive_serves_who_has_no_model(here):
    with ChatServer(echo) as server:
        system = f"hyde,llm={server.base_url}#m > bm25"
        scores = json.loads(run(system).stdout)["rows"]
    CliRunner().invoke(main, ["cache", "export", "--cache", "cache", "answers.gz"], catch_exceptions=False)
    taken = CliRunner().invoke(main, ["cache", "import", "--cache", "other", "answers.gz"], catch_exceptions=False)
    assert "16 new" in taken.output
    result = CliRunner().invoke(
        main, ["run", "-d", "demo/evidence", "-r", system, "--cache", "other", "--results", "r2", "--format", "json"]
    )
    assert json.loads(result.stdout)["rows"] == scores


def test_why_an_answer_is_not_stored(here):
    with ChatServer(echo) as server:
        run(f"hyde,llm={server.base_url}#m > bm25")

        def explained(system):
            result = CliRunner().invoke(
                main, ["cache", "explain", "-d", "demo/evidence", "-r", system, "--cache", "cache", "--format", "json"]
            )
            return json.loads(result.stdout)["rows"]

        rows = explained(f"hyde,llm={server.base_url}#m > dense")
        assert {row["state"] for row in rows} == {"stored"} and len(rows) == 16
        rows = explained(f"hyde,llm={server.base_url}#m,temperature=0.1 > bm25")
        assert {row["nearest_differs_in"] for row in rows} == {"sampling.temperature"}
        stats = CliRunner().invoke(main, ["cache", "stats", "--cache", "cache", "--format", "json"])
        assert json.loads(stats.stdout)["rows"] == [
            {"model": "m", "answers": 16, "prompt_tokens": 7 * 16, "completion_tokens": 3 * 16, "credentialed": 0}
        ]


def test_what_generation_changed_is_shown_query_by_query(here):
    def gains(system):
        arguments = ["gains", "-d", "demo/evidence", "-r", system, "--cache", "cache", "--format", "json"]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    table = gains("hyde > bm25")
    rows = {row["query_id"]: row for row in table["rows"]}
    assert len(rows) == 16
    first = rows["evidence-q01"]
    assert first["gain"] == pytest.approx(first["with"] - first["without"]) and first["gain"] > 0
    assert "catecholamin" in first["terms"]
    assert first["found"] and "replayed" in table["notes"][-1]
    folder = Path(embedded.__file__).parent / "demo" / "evidence"
    queries = [json.loads(line) for line in (folder / "query.jsonl").read_text().splitlines()]
    texts = {item["query_id"]: item["text"] for item in map(json.loads, (folder / "hyde.jsonl").open())}

    def behave(number, body, handler):
        prompt = body["messages"][0]["content"]
        return choice(next(texts[query["id"]] for query in queries if query["text"] in prompt))

    with ChatServer(behave) as server:
        table = gains(f"hyde,llm={server.base_url}#m > bm25")
    assert {row["tokens"] for row in table["rows"]} == {10}
    means = [sum(row[name] for row in table["rows"]) / 16 for name in ("without", "with")]
    assert means[1] > means[0] and f"{160 / (100 * (means[1] - means[0])):.0f} tokens" in table["notes"][-1]


GENERATOR = """
from retrieval_bench.query_generators.base import GeneratedQuery
from retrieval_bench.query_generators.combination import Combination
from retrieval_bench.types import Description

class Twice:
    def describe(self):
        return Description("twice")
    def generate(self, query):
        return GeneratedQuery(query.query_id, query.text, Combination("query-generated", "mean"))
"""


def test_a_generator_of_ones_own(here):
    (here / "mine.py").write_text(GENERATOR)
    rows = json.loads(run("mine.py:Twice > bm25-qs").stdout)["rows"]
    assert rows[0]["system"] == "mine.py:Twice > bm25-qs" and rows[0]["ndcg@10"] > 0.2


def test_a_damaged_index_of_the_search_is_named_and_made_again(tmp_path):
    corpus, told = load_dataset("demo/evidence").corpus, []

    def found():
        search = CorpusSearch(create_retriever(StageSpec.parse("bm25")))
        search.open(corpus, "demo/evidence", tmp_path, told.append)
        return [document.doc_id for document in search.search("gout", 3)]

    whole = found()
    (lengths,) = tmp_path.rglob("lengths.npy")
    lengths.write_bytes(lengths.read_bytes()[:-1] + b"\x07")
    assert found() == whole
    assert told == [f"{lengths} is not as it was written; the index is made again."]
