import gzip
import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from waiting import is_blocked, wait_until

from bench_core.artifacts import (
    HashedFile,
    file_sha256,
    folder_written_whole,
    gzip_bytes,
    locked,
    read_json,
    write_atomically,
    write_json,
)


def test_an_atomic_write_replaces_the_whole_file(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    write_atomically(path, "long first content")
    write_atomically(path, "short")
    assert path.read_text() == "short"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


def test_gzip_is_the_same_bytes_at_any_time(monkeypatch):
    first = gzip_bytes([b"the same"])
    monkeypatch.setattr(time, "time", lambda: 1.0)
    assert gzip_bytes([b"the same"]) == first
    assert gzip.decompress(first) == b"the same"


def test_a_folder_is_there_whole_or_not_at_all(tmp_path):
    final = tmp_path / "index"
    with pytest.raises(RuntimeError), folder_written_whole(final) as folder:
        (folder / "part").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with folder_written_whole(final) as folder:
        (folder / "part").write_text("whole")
        assert not final.exists()
    assert (final / "part").read_text() == "whole"
    assert [entry.name for entry in tmp_path.iterdir()] == ["index"]


def test_what_a_killed_process_left_of_a_folder_is_cleared_by_the_next(tmp_path):
    final = tmp_path / "index"
    program = (
        "import sys\nfrom pathlib import Path\nfrom bench_core.artifacts import folder_written_whole\n"
        "with folder_written_whole(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'part').write_text('half')\n    print('ready', flush=True)\n    sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(final)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not final.exists()
    assert len(list(tmp_path.iterdir())) == 1
    with folder_written_whole(final) as folder:
        (folder / "part").write_text("whole")
    assert [entry.name for entry in tmp_path.iterdir()] == ["index"]


def test_a_second_process_waits_for_the_lock(tmp_path):
    target = tmp_path / "run"
    program = (
        "import sys\nfrom pathlib import Path\nfrom bench_core.artifacts import locked\n"
        "print('asking', flush=True)\n"
        "with locked(Path(sys.argv[1])):\n    print(Path(sys.argv[1]).exists())\n"
    )
    with locked(target):
        process = subprocess.Popen([sys.executable, "-c", program, str(target)], stdout=subprocess.PIPE)
        assert process.stdout is not None and process.stdout.readline() == b"asking\n"
        wait_until(lambda: is_blocked(process.pid))
        assert process.poll() is None
        target.mkdir()
    output, _ = process.communicate(timeout=30)
    assert output == b"True\n"


def test_the_hash_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert file_sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_this_process_wrote_is_not_read_to_be_hashed_until_somebody_changes_it(tmp_path, monkeypatch):
    path, moved = tmp_path / "file", tmp_path / "moved"
    with HashedFile(path) as file:
        file.write(b"a")
        file.write(b"bc")
    path.rename(moved)
    abc, abd = file_sha256(moved), hashlib.sha256(b"abd").hexdigest()
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert file_sha256(moved) == abc == hashlib.sha256(b"abc").hexdigest()
    write_atomically(path, "abd")
    assert file_sha256(path) == abd
    monkeypatch.undo()
    for _ in range(200):  # within one tick of the file system's clock too
        write_atomically(path, "abc")
        path.write_bytes(b"abd")
        assert file_sha256(path) == abd


def test_json_that_this_process_wrote_is_not_read_back_until_somebody_changes_it(tmp_path, monkeypatch):
    path = tmp_path / "value.json"
    write_json(path, {"n": 1})
    monkeypatch.setattr(Path, "read_text", None)
    assert read_json(path) == {"n": 1}
    monkeypatch.undo()
    for _ in range(100):
        write_json(path, {"n": 1})
        path.write_text(path.read_text().replace("1", "2"))
        assert read_json(path) == {"n": 2}
