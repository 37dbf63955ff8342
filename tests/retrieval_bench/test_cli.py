"""The command line as a user meets it, in folders of its own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1]))
from chat_server import ChatServer, choice
from killing import kill_before
from waiting import wait_until

from retrieval_bench.cli.main import main

PLUGIN = '''
from retrieval_bench.retrievers.base import RetrieverBase
from retrieval_bench.types import RankedList


class WordOverlap(RetrieverBase):
    """Counts the words that query and document share."""

    def __init__(self, depth: int = 3):
        self.depth = depth

    def index(self, corpus, index_dir):
        self.words = {d.doc_id: set(d.text.lower().split()) for d in corpus}

    def search(self, queries, k):
        for query in queries:
            terms = set(query.text.lower().split())
            yield RankedList(query.query_id, {doc_id: len(terms & words) for doc_id, words in self.words.items()})
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments, code=0):
    shown = ["-v"] if arguments[:1] == ("run",) else []
    result = CliRunner().invoke(main, [*map(str, arguments), *shown])
    assert result.exit_code == code, result.output + result.stderr
    assert "Traceback" not in result.stderr
    return result


def small_set(folder: Path, **changed: str) -> Path:
    files = {
        "corpus.jsonl": '{"id": "d1", "text": "urate gout"}\n{"id": "d2", "text": "stroke"}\n',
        "query.jsonl": '{"id": "q1", "text": "gout"}\n{"id": "q2", "text": "nothing like it"}\n',
        "qrels.jsonl": '{"q_id": "q1", "p_id": "d1", "score": 1}\n{"q_id": "q2", "p_id": "d2", "score": 1}\n',
    }
    folder.mkdir(exist_ok=True)
    for name, content in {**files, **changed}.items():
        (folder / name).write_text(content)
    return folder


def test_a_run_leaves_run_scores_and_manifest(here):
    result = invoke("run", "-d", "demo/evidence", "-r", "bm25", "-r", "bm25-qs", "--format", "json")
    rows = json.loads(result.stdout)["rows"]
    assert [row["system"] for row in rows] == ["bm25", "bm25-qs"]
    folders = sorted((here / "results/retrieval/demo-evidence").glob("[!.]*--*"))
    assert len(folders) == 2
    for folder in folders:
        names = sorted(path.name for path in folder.iterdir())
        assert names == ["manifest.json", "per_query.csv", "run.trec.gz", "scores.json"]
        assert json.loads((folder / "manifest.json").read_text())["status"] == "complete"
    assert len(list((here / "indexes/demo-evidence").glob("[!.]*--*"))) == 1, "both weightings share one index"


def test_the_same_run_is_skipped_and_prints_the_same_bytes(here):
    first = invoke("run", "-d", "demo/ehr", "-r", "bm25")
    stamps = {path: path.stat().st_mtime_ns for path in here.rglob("*") if path.is_file()}
    second = invoke("run", "-d", "demo/ehr", "-r", "bm25")
    assert first.stdout == second.stdout
    assert "skipped" in second.stderr and "skipped" not in first.stderr
    assert stamps == {path: path.stat().st_mtime_ns for path in here.rglob("*") if path.is_file()}


def test_two_runs_elsewhere_give_the_same_files(here):
    for name in ("a", "b"):
        invoke("run", "-d", "demo/ehr", "-r", "bm25", "--results", name, "--indexes", f"{name}-indexes")
    for name in ("run.trec.gz", "scores.json", "per_query.csv"):
        (one,), (other,) = (list((here / place).rglob(name)) for place in ("a", "b"))
        assert one.read_bytes() == other.read_bytes()


def test_a_changed_argument_is_another_run_and_the_same_index(here):
    invoke("run", "-d", "demo/ehr", "-r", "bm25")
    invoke("run", "-d", "demo/ehr", "-r", "bm25", "-p", "k1=1.2")
    invoke("run", "-d", "demo/ehr", "-r", "bm25", "-k", "5")
    assert len(list((here / "results/retrieval/demo-ehr").glob("bm25--*"))) == 3
    assert len(list((here / "indexes/demo-ehr").glob("[!.]*--*"))) == 1


def test_changed_judgments_are_scored_anew_without_searching(here):
    folder = small_set(here / "set")
    before = json.loads(invoke("run", "-d", f"dir:{folder}", "-r", "bm25", "--format", "json").stdout)
    small_set(folder, **{"qrels.jsonl": '{"q_id": "q1", "p_id": "d2", "score": 1}\n'})
    result = invoke("run", "-d", f"dir:{folder}", "-r", "bm25", "--format", "json")
    assert "skipped" in result.stderr
    assert before["rows"][0]["ndcg@10"] == 0.5 and json.loads(result.stdout)["rows"][0]["ndcg@10"] == 0.0


def test_a_damaged_run_is_made_again(here):
    invoke("run", "-d", "demo/ehr", "-r", "bm25")
    (run,) = here.rglob("run.trec.gz")
    content = run.read_bytes()
    run.write_bytes(content[:-10])
    assert "skipped" not in invoke("run", "-d", "demo/ehr", "-r", "bm25").stderr
    assert run.read_bytes() == content


def test_a_class_of_the_users_own_runs_and_is_checked(here):
    (here / "mine.py").write_text(PLUGIN)
    result = invoke(
        "run", "-d", "demo/evidence", "-r", "mine.py:WordOverlap", "-p", "depth=3", "-m", "ndcg@10", "--format", "json"
    )
    row = json.loads(result.stdout)["rows"][0]
    assert row["system"] == "mine.py:WordOverlap,depth=3" and 0 < row["ndcg@10"] < 1
    checked = invoke("doctor", "-r", "mine.py:WordOverlap", "--format", "json")
    assert {row["state"] for row in json.loads(checked.stdout)["rows"]} == {"holds"}


def test_a_broken_class_is_told_its_point_and_fails(here):
    (here / "mine.py").write_text(PLUGIN.replace("yield RankedList(query.query_id,", "yield RankedList('other',"))
    result = invoke("doctor", "-r", "mine.py:WordOverlap", code=1)
    assert "list for query other" in result.stdout
    failed = invoke("run", "-d", "demo/evidence", "-r", "mine.py:WordOverlap", code=1)
    assert "returned a list for query other, which was not asked" in failed.stderr
    (manifest,) = (here / "results").rglob("manifest.json")
    assert json.loads(manifest.read_text())["status"] == "failed"


def test_an_error_in_the_users_own_class_is_told_with_its_place(here):
    (here / "mine.py").write_text(PLUGIN.replace("terms = set(", "terms = 1 / 0 or set("))
    failed = invoke("run", "-d", "demo/evidence", "-r", "mine.py:WordOverlap", code=1)
    assert failed.stderr.splitlines()[-1].startswith(f"Error: {here / 'mine.py'}, line 17: ZeroDivisionError: ")


def test_score_takes_anybodys_run(here, shared_data):
    folder = shared_data / "retrieval" / "trec_eval"
    result = invoke(
        "score", "--run", folder / "results.test", "--qrels", folder / "qrels.test", "-m", "map", "-m", "rprec",
        "--format", "json",
    )  # fmt: skip
    row = json.loads(result.stdout)["rows"][0]
    assert (round(row["map"], 4), round(row["rprec"], 4)) == (0.1785, 0.2174)
    per_query = invoke(
        "score", "--run", folder / "results.test", "--qrels", folder / "qrels.test", "--per-query", "--format", "csv"
    )
    assert len(per_query.stdout.splitlines()) == 4


def test_our_own_run_scores_alike_from_its_file(here):
    made = json.loads(invoke("run", "-d", "demo/evidence", "-r", "bm25", "--format", "json").stdout)["rows"][0]
    (run,) = here.rglob("run.trec.gz")
    qrels = Path(__file__).resolve().parents[2] / "qrels" / "demo-evidence.qrels"
    scored = json.loads(invoke("score", "--run", run, "--qrels", qrels, "--format", "json").stdout)["rows"][0]
    assert scored["ndcg@10"] == made["ndcg@10"] and scored["map"] == made["map"]


def test_compare_pairs_queries(here):
    result = invoke("compare", "-d", "demo/evidence", "-b", "bm25", "-r", "bm25-qs", "--format", "json")
    (row,) = json.loads(result.stdout)["rows"]
    assert row["wins"] + row["losses"] + row["ties"] == 16 and 0 < row["p"] <= row["p_holm"] <= 1
    assert row["difference_low"] < row["difference"] < row["difference_high"]


def test_a_system_of_few_judged_documents_is_flagged(here):
    result = invoke("compare", "-d", "demo/evidence", "-r", "random", "-r", "bm25", "--format", "json")
    flagged = [note for note in json.loads(result.stdout)["notes"] if "documents are judged" in note]
    assert len(flagged) == 1 and flagged[0].startswith("random: only ")
    other = invoke("compare", "-d", "demo/evidence", "-r", "bm25-qs", "-r", "bm25", "--format", "json")
    assert "documents are judged" not in other.stdout


def test_compare_takes_the_best_where_no_baseline_is_named(here):
    result = invoke("compare", "-d", "demo/evidence", "-r", "bm25", "-r", "bm25-qs", "--format", "json")
    assert [row["system"] for row in json.loads(result.stdout)["rows"]] == ["bm25"]
    assert "Baseline (the best): bm25-qs" in result.stdout
    assert "compared with itself" in invoke("compare", "-d", "demo/ehr", "-b", "bm25", "-r", "bm25", code=2).stderr
    assert "two systems or more" in invoke("compare", "-d", "demo/evidence", "-r", "bm25", code=2).stderr


def test_table_lists_what_was_run(here):
    invoke("run", "-d", "demo/evidence", "-d", "demo/ehr", "-r", "bm25", "-r", "bm25-qs")
    rows = json.loads(invoke("table", "--format", "json").stdout)["rows"]
    assert [(row["dataset"], row["system"]) for row in rows] == [
        ("demo/ehr", "bm25"),
        ("demo/ehr", "bm25-qs"),
        ("demo/evidence", "bm25"),
        ("demo/evidence", "bm25-qs"),
    ]
    assert len(json.loads(invoke("table", "-d", "demo/ehr", "--format", "json").stdout)["rows"]) == 2


@pytest.mark.parametrize("system", ["bm25 > bi-encoder", "rrf(bm25, dense)"])
def test_doctor_checks_one_stage(here, system):
    assert "name one stage" in invoke("doctor", "-r", system, code=2).stderr


def test_doctor_names_all_that_is_fetched(here):
    details = {row["what"]: row["detail"] for row in json.loads(invoke("doctor", "--format", "json").stdout)["rows"]}
    assert "castorini/rankllama-v1-7b-lora-passage and meta-llama/Llama-2-7b-hf" in details["reranker rankllama"]


@pytest.fixture
def ctrl_c_is_heard():
    """A job in the background of a shell ignores SIGINT, and so would what it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_ctrl_c_does_not_wait_for_a_model(tmp_path):
    never = threading.Event()
    with ChatServer(lambda *_: never.wait(60) or choice("late")) as server:
        system = f"hyde,llm={server.base_url}#m > bm25"
        command = [Path(sys.executable).with_name("retrieval-bench"), "run", "-d", "demo/evidence", "-r", system]
        running = subprocess.Popen([*command, "--cache", "cache"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: server.requests or running.poll() is not None)
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=30)
        never.set()
    assert running.returncode == 130 and "Stopped." in told and "Traceback" not in told


def test_an_experiment_file_names_the_grid(here):
    (here / "grid.yaml").write_text("grids:\n- datasets: [demo/ehr]\n  systems: ['bm25,k1=1.5']\nk: 7\n")
    rows = json.loads(invoke("run", "-e", "grid.yaml", "--format", "json").stdout)["rows"]
    assert rows[0]["system"] == "bm25,k1=1.5 (k=7)"
    (here / "grid.yaml").write_text("grids:\n- datasets: [demo/ehr]\n  sistems: [bm25]\n")
    assert "grid.yaml, line " in invoke("run", "-e", "grid.yaml", code=2).stderr


CHANGES = {
    "a document's text": lambda folder: rewrite(folder / "corpus.jsonl", "urate gout", "urate"),
    "the order of documents": lambda folder: reverse_lines(folder / "corpus.jsonl"),
    "a document's id": lambda folder: rewrite(folder / "corpus.jsonl", '"d2"', '"d3"', folder / "qrels.jsonl"),
    "a query's text": lambda folder: rewrite(folder / "query.jsonl", '"gout"', '"urate"'),
}


def rewrite(path: Path, old: str, new: str, *others: Path) -> None:
    for file in (path, *others):
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))


def reverse_lines(path: Path) -> None:
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_in_place_is_another_run(here, change):
    folder = small_set(here / "set")
    invoke("run", "-d", f"dir:{folder}", "-r", "bm25")
    CHANGES[change](folder)
    result = invoke("run", "-d", f"dir:{folder}", "-r", "bm25")
    assert "skipped" not in result.stderr
    assert ("indexed" in result.stderr) == ("query" not in change)
    assert len(list((here / "results/retrieval/dir-set").glob("[!.]*--*"))) == 2


def test_a_damaged_index_is_made_again(here):
    folder = small_set(here / "set")
    good = json.loads(invoke("run", "-d", f"dir:{folder}", "-r", "bm25", "--format", "json").stdout)["rows"]
    for index_file in sorted((here / "indexes").rglob("*.npy")):
        content = bytearray(index_file.read_bytes())
        content[-1] ^= 0xFF  # as many bytes as before
        index_file.write_bytes(bytes(content))
        again = invoke("run", "-d", f"dir:{folder}", "-r", "bm25", "--format", "json", "--results", index_file.stem)
        assert "indexed" in again.stderr, index_file
        assert json.loads(again.stdout)["rows"] == good


def test_a_damaged_manifest_is_no_manifest(here):
    folder = small_set(here / "set")
    invoke("run", "-d", f"dir:{folder}", "-r", "bm25")
    for manifest in [*here.glob("results/**/manifest.json"), *here.glob("indexes/**/manifest.json")]:
        manifest.write_text("")
    assert "indexed" in invoke("run", "-d", f"dir:{folder}", "-r", "bm25").stderr


def test_a_subclass_of_a_built_in_is_another_system(here):
    (here / "mine.py").write_text("from retrieval_bench.retrievers.bm25 import Bm25\n\n\nclass Mine(Bm25):\n    pass\n")
    invoke("run", "-d", "demo/ehr", "-r", "bm25")
    assert "skipped" not in invoke("run", "-d", "demo/ehr", "-r", "mine.py:Mine").stderr


def test_any_measure_can_be_asked_for_and_stays(here):
    first = invoke("run", "-d", "demo/ehr", "-r", "bm25", "-m", "ndcg@20", "--format", "json")
    assert "ndcg@20" in json.loads(first.stdout)["rows"][0]
    invoke("compare", "-d", "demo/ehr", "-b", "bm25", "-r", "bm25-qs", "-m", "precision@7")
    row = json.loads(invoke("table", "-m", "ndcg@10", "--format", "json").stdout)["rows"][0]
    assert row["system"] == "bm25"
    (scores,) = (path for path in here.rglob("scores.json") if "bm25--" in str(path))
    assert {"ndcg@20", "precision@7"} <= set(json.loads(scores.read_text())["figures"])


def test_a_system_that_finds_nothing_scores_zero(here):
    folder = small_set(here / "set", **{"query.jsonl": '{"id": "q1", "text": "zzz"}\n{"id": "q2", "text": "yyy"}\n'})
    result = invoke("run", "-d", f"dir:{folder}", "-r", "bm25", "--format", "json")
    content = json.loads(result.stdout)
    assert content["rows"][0]["ndcg@10"] == 0.0
    assert any("nothing found for 2 judged queries" in note for note in content["notes"])


def test_datasets_of_one_name_are_told_apart(here):
    (here / "a").mkdir()
    (here / "b").mkdir()
    small_set(here / "a" / "set")
    small_set(here / "b" / "set", **{"query.jsonl": '{"id": "q1", "text": "zzz"}\n{"id": "q2", "text": "yyy"}\n'})
    ran = invoke("run", "-d", "dir:a/set", "-d", "dir:b/set", "-r", "bm25", "--format", "json")
    for shown in (ran, invoke("table", "--format", "json")):
        names = [row["dataset"] for row in json.loads(shown.stdout)["rows"]]
        assert len(set(names)) == 2 and all(re.fullmatch(r"dir/set \([0-9a-f]{8}\)", name) for name in names)


def test_a_table_does_not_mix_judgments(here):
    folder = small_set(here / "set")
    invoke("run", "-d", f"dir:{folder}", "-r", "bm25")
    small_set(folder, **{"qrels.jsonl": '{"q_id": "q1", "p_id": "d1", "score": 1}\n'})
    invoke("run", "-d", f"dir:{folder}", "-r", "bm25-qs")
    assert "were scored against different judgments" in invoke("table", code=2).stderr
    invoke("run", "-d", f"dir:{folder}", "-r", "bm25")
    invoke("table")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("yield RankedList(query.query_id, ", "yield (query.query_id, ", "yielded a tuple; yield RankedList"),
        ("for query in queries:", "return None\n        for query in queries:", "returned no list for query"),
        ("def search(", "def find(", "has no method search"),
        ("{doc_id: len(terms & words)", "{len(words): len(terms & words)", "ids are text"),
        ("{doc_id: len(terms & words)", "{doc_id: float('nan')", "is NaN"),
        (
            "from retrieval_bench.types",
            "raise SystemExit(3)\nfrom retrieval_bench.types",
            "cannot be imported: SystemExit",
        ),
    ],
)
def test_a_broken_class_is_told_what_is_wrong_with_it(here, old, new, message):
    assert old in PLUGIN
    (here / "mine.py").write_text(PLUGIN.replace(old, new))
    result = CliRunner().invoke(main, ["run", "-d", "demo/ehr", "-r", "mine.py:WordOverlap"])
    assert result.exit_code in (1, 2) and message in result.stderr and "fault of the suite" not in result.stderr


@pytest.mark.parametrize("form", ["rich", "markdown", "latex", "csv", "json"])
def test_lists_take_every_form(form):
    assert "bm25-qs" in invoke("list", "retrievers", "--format", form).stdout


@pytest.mark.parametrize("name", ["demo/evidence", "bm25", "bm25,k1=2"])
def test_show_tells_about_datasets_and_retrievers(name):
    assert ("corpus_sha256" if "/" in name else "analyzer") in invoke("show", name).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "-d", "demo/nowhere", "-r", "bm25"], "There is no demo set 'nowhere'"),
        (["run", "-d", "demo/ehr", "-r", "bm52"], "did you mean bm25?"),
        (["run", "-d", "demo/ehr", "-r", "bm25", "-p", "kk1=1"], "did you mean k1?"),
        (["run", "-d", "demo/ehr", "-r", "bm25", "-p", "k1=-1"], "k1=-1.0 does not fit"),
        (["run", "-d", "demo/ehr", "-r", "absent.py:Mine"], "there is no such file"),
        (["run", "-d", "demo/ehr", "-r", "bm25", "-m", "ncdg@10"], "did you mean ndcg?"),
        (["run", "-d", "demo/ehr"], "Give --dataset and --retriever"),
        (["run", "-d", "dir:absent", "-r", "bm25"], "absent: there is no such folder"),
        (["score", "--run", "absent"], "Give either --qrels"),
        (["score", "--run", "absent", "--qrels", "absent"], "absent: there is no such file"),
        (["table"], "There is no complete run in results"),
        (["show", "nothing"], "'nothing' is nothing that can be shown"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(here, arguments, message):
    result = invoke(*arguments, code=2)
    assert message in result.stderr
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("corpus.jsonl", "", "set/corpus.jsonl: expected at least one document"),
        ("corpus.jsonl", '{"id": "d1", "text": "x"}\n{"id"', "set/corpus.jsonl, line 2: expected a whole JSON object"),
        ("corpus.jsonl", '{"id": "d1", "text": "x"}\n' * 2, "set/corpus.jsonl, line 2: doc_id d1 stands in line 1"),
        ("corpus.jsonl", '{"id": "d1", "txt": "x"}\n', "set/corpus.jsonl, line 1: expected a field text"),
        (
            "qrels.jsonl",
            '{"q_id": "q1", "p_id": "d7", "score": 1}\n',
            "set/qrels.jsonl, line 1: 1 judged documents are not",
        ),
        ("qrels.jsonl", '{"q_id": "q7", "p_id": "d1", "score": 1}\n', "set/qrels.jsonl, line 1: query q7 is judged"),
    ],
)
def test_a_bad_file_is_one_sentence_with_its_line(here, name, content, message):
    small_set(here / "set", **{name: content})
    result = invoke("run", "-d", "dir:set", "-r", "bm25", code=2)
    assert result.stderr.startswith(f"Error: {message}")
    assert not (here / "results").exists()


@pytest.mark.parametrize(
    "command", [[], ["list"], ["show"], ["index"], ["run"], ["score"], ["table"], ["compare"], ["doctor"]]
)
def test_help_imports_nothing_heavy(command):
    program = (
        "import sys\nfrom retrieval_bench.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'ranx', 'numba', 'duckdb', 'pandas', 'numpy', 'pydantic', 'faiss', 'sqlglot', 'regex'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, *command, "--help"], capture_output=True, text=True, check=True
    )
    assert "Usage:" in result.stdout and result.stdout.endswith("HEAVY []\n"), result.stdout


@pytest.mark.slow
def test_two_processes_at_the_same_run_share_it(here):
    command = [
        sys.executable,
        "-c",
        "from retrieval_bench.cli.main import main; main()",
        "run",
        "-d",
        "demo/ehr",
        "-r",
        "bm25",
        "-v",
    ]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0], outputs
    assert outputs[0][0] == outputs[1][0]
    assert sum(b"queries done" in stderr for _, stderr in outputs) == 1
    assert sum(b"skipped" in stderr for _, stderr in outputs) == 1


# Each is reached by the run after a kill at the one before it.
KILLED_BEFORE = [
    (r"indexes/.*/manifest\.json$", 1),
    (r"indexes/.*/rows\.npy$", 1),
    (r"indexes/.*/inverted-index--\w+$", 1),
    (r"results/.*/bm25--\w+/run\.trec\.gz$", 1),
    (r"results/.*/bm25--\w+/manifest\.json$", 2),
    (r"results/.*/bm25-qs--\w+/manifest\.json$", 1),
    (r"results/.*/bm25-qs--\w+/scores\.json$", 1),
]


@pytest.mark.slow
def test_killed_at_any_point_the_next_run_completes_and_keeps_what_was_finished(here):
    folder = small_set(
        here / "set",
        **{"corpus.jsonl": "".join(f'{{"id": "d{n}", "text": "gout urate stroke word{n}"}}\n' for n in range(20_000))},
    )
    command = [
        sys.executable,
        "-m",
        "retrieval_bench.cli.main",
        "run",
        "-d",
        f"dir:{folder}",
        "-r",
        "bm25",
        "-r",
        "bm25-qs",
    ]
    command[1:3] = ["-c", "from retrieval_bench.cli.main import main; main()"]
    reference = subprocess.run(
        [*command, "--results", "whole", "--indexes", "whole-indexes"], capture_output=True, check=True
    )
    complete: dict[Path, int] = {}
    for file, nth in KILLED_BEFORE:
        kill_before(file, command, here / "watcher", nth)
        for path, stamp in complete.items():
            assert path.stat().st_mtime_ns == stamp, "what was complete before is not made again"
        complete = {
            path: path.stat().st_mtime_ns
            for path in [*here.glob("results/**/manifest.json"), *here.glob("indexes/**/manifest.json")]
            if ".partial" not in str(path) and json.loads(path.read_text())["status"] == "complete"
        }
    finished = subprocess.run(command, capture_output=True, check=True)
    assert finished.stdout == reference.stdout
    assert not [path for path in here.rglob("*") if ".partial" in path.name]
