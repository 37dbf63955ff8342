import gzip
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from waiting import is_blocked, wait_until

from bench_core.artifacts import JsonLines, file_sha256, folder_written_whole, gzip_bytes, locked, write_atomically
from bench_core.errors import BadFile


def test_an_atomic_write_replaces_the_whole_file(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    write_atomically(path, "long first content")
    write_atomically(path, "short")
    assert path.read_text() == "short"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


def test_gzip_is_the_same_bytes_at_any_time(monkeypatch):
    first = gzip_bytes(b"the same")
    monkeypatch.setattr(time, "time", lambda: 1.0)
    assert gzip_bytes(b"the same") == first
    assert gzip.decompress(first) == b"the same"


def test_json_lines_ignore_a_torn_last_line_and_go_on_after_it(tmp_path):
    path = tmp_path / "items.jsonl"
    with JsonLines(path) as lines:
        lines.append({"n": 1})
        lines.append({"n": 2})
    with path.open("ab") as file:
        file.write(b'{"n": 3, "text": "cut of')
    assert [item["n"] for item in JsonLines(path).read()] == [1, 2]
    with JsonLines(path) as lines:
        offset = lines.append({"n": 4})
    assert [item["n"] for item in JsonLines(path).read()] == [1, 2, 4]
    assert JsonLines(path).line_at(offset) == b'{"n":4}\n'
    assert [offset_ for offset_, _ in JsonLines(path).read_with_offsets()][-1] == offset


def test_a_whole_line_that_is_not_json_is_an_error_with_its_line(tmp_path):
    path = tmp_path / "items.jsonl"
    path.write_text('{"n": 1}\nnot json\n{"n": 2}\n')
    with pytest.raises(BadFile, match=r"items\.jsonl, line 2: "):
        list(JsonLines(path).read())


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
