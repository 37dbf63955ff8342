"""What ranx compiles: a damaged file is deleted before it is loaded; a home that is not there does not matter."""

import json
import os
import subprocess
import sys
from pathlib import Path

from retrieval_bench.scoring.compiled import drop_damaged, seal

ROOT = Path(__file__).resolve().parents[2]


def compiled(folder):
    (folder / "a").mkdir(parents=True)
    for name in ("a/f.nbi", "a/f.1.nbc", "a/g.nbi"):
        (folder / name).write_bytes(name.encode())
    return {path.name for path in folder.rglob("*.nb?")}


def test_damaged_files_are_deleted_and_new_ones_kept(tmp_path):
    everything = compiled(tmp_path)
    seal(tmp_path)
    drop_damaged(tmp_path)
    assert {path.name for path in tmp_path.rglob("*.nb?")} == everything
    (tmp_path / "a/f.1.nbc").write_bytes(b"damaged")
    (tmp_path / "a/new.nbi").write_bytes(b"new")
    drop_damaged(tmp_path)
    assert {path.name for path in tmp_path.rglob("*.nb?")} == everything - {"f.1.nbc"} | {"new.nbi"}


def test_damaged_hashes_leave_nothing(tmp_path):
    compiled(tmp_path)
    seal(tmp_path)
    (tmp_path / "hashes.json").write_text("[" * 100_000)
    drop_damaged(tmp_path)
    assert not list(tmp_path.rglob("*.nb?")) and not (tmp_path / "hashes.json").exists()


def test_a_home_that_is_not_there_does_not_matter(tmp_path):
    (tmp_path / "run.txt").write_text("q1 Q0 d1 1 1.0 s\n")
    (tmp_path / "qrels.txt").write_text("q1 0 d1 1\n")
    code = "from retrieval_bench.cli.main import main; main()"
    arguments = ["score", "--run", "run.txt", "--qrels", "qrels.txt", "--format", "json"]
    environment = {**os.environ, "HOME": "/dev/null/none", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["rows"][0]["ndcg@10"] == 1
