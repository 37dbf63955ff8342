import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from hub_server import COMMIT, HubServer, Repository
from waiting import wait_until

from bench_core.errors import BadFile, BenchError, UserError
from retrieval_bench.datasets.hub import FetchedFolder, HubFiles, fetch_files

CONTENT = bytes(range(256)) * 1024
FILES = {"README.md": b"about", "corpus.jsonl": CONTENT, "query.jsonl": b"{}\n"}
WANTED = HubFiles("R2MED/Biology", "main", choose=lambda names: [name for name in names if name.endswith("l")])
PIECE = 16 * 1024


@pytest.fixture
def hub(monkeypatch):
    """A hub that this process is told to use; pieces of a transfer are small, so that small files can break."""
    from huggingface_hub import constants

    with HubServer({"R2MED/Biology": Repository(FILES, large=("corpus.jsonl",))}) as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", PIECE)
        monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the library waits between its tries
        yield server


def fetch(tmp_path, wanted=WANTED):
    told = []
    return fetch_files(wanted, tmp_path / "folder", told.append), told


def test_the_chosen_files_arrive_with_a_record(tmp_path, hub):
    fetched, told = fetch(tmp_path)
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == [
        "corpus.jsonl",
        "fetched.json",
        "query.jsonl",
    ]
    assert fetched.file("corpus.jsonl").read_bytes() == CONTENT
    assert (fetched.commit, fetched.revision) == (COMMIT, "main")
    assert FetchedFolder.open(tmp_path / "folder") == fetched
    assert told == [
        "R2MED/Biology: corpus.jsonl (0.3 MB)",
        "R2MED/Biology: query.jsonl (0.0 MB)",
        f"R2MED/Biology is in {tmp_path / 'folder'} (commit {COMMIT[:12]}).",
    ]


def test_another_commit_than_was_asked_for_is_no_copy(tmp_path, hub):
    fetch(tmp_path)
    record = tmp_path / "folder" / "fetched.json"
    asked_for = "f" * 40
    record.write_text(record.read_text().replace('"revision": "main"', f'"revision": "{asked_for}"'))
    assert FetchedFolder.open(tmp_path / "folder") is None


def test_what_is_whole_is_not_asked_for_again(tmp_path, hub):
    first, _ = fetch(tmp_path)
    n_requests = len(hub.requests)
    again, told = fetch(tmp_path)
    assert again == first
    assert told == [f"R2MED/Biology is there already: {tmp_path / 'folder'} (commit {COMMIT[:12]})."]
    assert len(hub.requests) == n_requests


def test_a_transfer_broken_in_the_middle_goes_on_where_it_broke(tmp_path, hub):
    hub.send = lambda name, content, start: content[: 5 * PIECE] if name == "corpus.jsonl" and start == 0 else None
    fetched, _ = fetch(tmp_path)
    assert fetched.file("corpus.jsonl").read_bytes() == CONTENT
    assert hub.ranges("corpus.jsonl")[:2] == ["", ""]  # the redirect and the storage
    assert hub.ranges("corpus.jsonl")[-1] == f"bytes={5 * PIECE}-"


def test_a_fetch_given_up_goes_on_in_the_next_one(tmp_path, hub):
    hub.send = lambda name, content, start: content[: 3 * PIECE] if start == 0 else b""
    with pytest.raises(BenchError, match="what has arrived is kept"):
        fetch(tmp_path)
    assert FetchedFolder.open(tmp_path / "folder") is None
    hub.send = lambda name, content, start: None
    hub.requests.clear()
    fetched, _ = fetch(tmp_path)
    assert set(hub.ranges("corpus.jsonl")) == {f"bytes={3 * PIECE}-"}
    assert fetched.file("corpus.jsonl").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_the_whole_again(tmp_path, hub):
    hub.send = lambda name, content, start: content[: 3 * PIECE] if start == 0 else b""
    with pytest.raises(BenchError):
        fetch(tmp_path)

    # It then answers 200 with everything, whatever range is asked for.
    hub.ignores_ranges = True
    hub.send = lambda name, content, start: None
    assert fetch(tmp_path)[0].file("corpus.jsonl").read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["corpus.jsonl", "query.jsonl"], ids=["sha256", "git"])
def test_bytes_other_than_announced_are_refused_and_not_kept(tmp_path, hub, name):
    repository = hub.repositories["R2MED/Biology"]
    announced = repository.listing()
    right = repository.files[name]
    repository.listing = lambda: announced
    repository.files[name] = right[:-1] + b"!"
    with pytest.raises(
        BenchError, match=rf"{name} arrived damaged \(its hash is .*, and the hub says .*fetch it again"
    ):
        fetch(tmp_path)
    assert not (tmp_path / "folder").exists()
    repository.files[name] = right
    assert fetch(tmp_path)[0].damaged() == []


def test_another_size_than_announced_is_refused(tmp_path, hub):
    repository = hub.repositories["R2MED/Biology"]
    announced = repository.listing()
    repository.listing = lambda: announced
    repository.files["query.jsonl"] = b"{}\n{}\n"
    with pytest.raises(BenchError, match="R2MED/Biology"):
        fetch(tmp_path)
    assert not (tmp_path / "folder").exists()


def test_a_file_changed_on_disk_is_noticed_and_fetched_again(tmp_path, hub):
    fetched, _ = fetch(tmp_path)
    (tmp_path / "folder" / "query.jsonl").write_bytes(b"{ \n")
    with pytest.raises(BadFile, match=r"query.jsonl: this is not the file that was fetched; .* again"):
        fetched.file("query.jsonl")
    assert fetched.file("corpus.jsonl")
    again, told = fetch(tmp_path)
    assert "query.jsonl is not what was fetched" in told[0]
    assert again.file("query.jsonl").read_bytes() == b"{}\n"


def test_a_damaged_record_is_told(tmp_path, hub):
    fetch(tmp_path)
    (tmp_path / "folder" / "fetched.json").write_text('{"commit": 3}')
    with pytest.raises(BadFile, match="no record of fetched files; delete"):
        FetchedFolder.open(tmp_path / "folder")


def answering(status, **headers):
    return lambda path: (status, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("refuse", "kind", "message"),
    [
        (
            answering(401, X_Error_Code="GatedRepo"),
            UserError,
            r"conditions; accept them at http://.*datasets/R2MED/Bio",
        ),
        (answering(403, X_Error_Code="GatedRepo"), UserError, "given out on conditions"),
        (
            answering(401, X_Error_Code="RepoNotFound"),
            UserError,
            "has no dataset R2MED/Biology, or shows it to its memb",
        ),
        (answering(401), UserError, r"refuses R2MED/Biology \(401\); log in with"),
        (answering(404, X_Error_Code="RevisionNotFound"), UserError, "has no revision main"),
        (answering(500), BenchError, "answered 500 when asked for R2MED/Biology; try again later"),
        (answering(200, Content_Type="text/html"), BenchError, "does not answer as a hub does"),
    ],
)
def test_a_refusal_is_one_sentence(tmp_path, hub, refuse, kind, message):
    hub.refuse = refuse
    with pytest.raises(kind, match=message) as caught:
        fetch(tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "folder").exists()


def test_a_dataset_the_hub_does_not_have(tmp_path, hub):
    with pytest.raises(UserError, match="has no dataset R2MED/Botany"):
        fetch(tmp_path, HubFiles("R2MED/Botany", "main", choose=list))


def test_the_users_token_is_sent(tmp_path, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_user")
    fetch(tmp_path)
    assert hub.tokens[0] == "Bearer hf_of_the_user"


def test_an_unreachable_hub(tmp_path, hub, monkeypatch):
    from huggingface_hub import constants

    hub.__exit__()
    with pytest.raises(BenchError, match="cannot be reached"):
        fetch(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="HF_HUB_OFFLINE forbids"):
        fetch(tmp_path)


def test_a_listed_path_outside_the_folder_is_refused(tmp_path, hub):
    hub.repositories["R2MED/Biology"] = Repository({"../escaped.jsonl": b"x"})
    with pytest.raises(BenchError, match="outside its folder"):
        fetch(tmp_path)
    assert not (tmp_path / "escaped.jsonl").exists()


def test_a_killed_fetch_is_taken_up_by_another_process(tmp_path):
    """The library's real settings, read from the environment; the process dies in the middle of a file."""
    program = (
        "import sys; from pathlib import Path\n"
        "from huggingface_hub import constants\n"
        f"constants.DOWNLOAD_CHUNK_SIZE = {PIECE}\n"
        "from retrieval_bench.datasets.hub import HubFiles, fetch_files\n"
        "wanted = HubFiles('R2MED/Biology', 'main', lambda names: ['corpus.jsonl'])\n"
        "fetch_files(wanted, Path(sys.argv[1]), print)\n"
    )
    with HubServer({"R2MED/Biology": Repository(FILES, large=("corpus.jsonl",))}) as hub:
        environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "NO_PROXY": "127.0.0.1"}
        command = [sys.executable, "-c", program, str(tmp_path / "folder")]
        hub.stall = lambda name, content, start: content[: 4 * PIECE]
        first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        wait_until(lambda: any(path.stat().st_size == 4 * PIECE for path in tmp_path.rglob("*.incomplete")))
        assert first.poll() is None
        first.send_signal(signal.SIGKILL)
        first.wait()
        hub.stall = lambda name, content, start: None
        hub.requests.clear()
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        assert set(hub.ranges("corpus.jsonl")) == {f"bytes={4 * PIECE}-"}
    assert (tmp_path / "folder" / "corpus.jsonl").read_bytes() == CONTENT
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == ["corpus.jsonl", "fetched.json"]
