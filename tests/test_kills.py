"""Sixty kills with a fixed seed: the next run ends as an undisturbed one would have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = Path(__file__).with_name("kill_driver.py")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    if not hasattr(os, "fork"):
        pytest.skip("kills are made in forks")
    command = [sys.executable, str(DRIVER), str(tmp_path_factory.mktemp("kills"))]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.slow
def test_killed_at_any_point_the_next_run_ends_as_an_undisturbed_one(found):
    assert {stage: result["problems"] for stage, result in found.items() if result["problems"]} == {}


@pytest.mark.slow
def test_there_were_sixty_kills_and_five_in_each_stage(found):
    kills = {stage: result["kills"] for stage, result in found.items()}
    assert sum(kills.values()) >= 60 and min(kills.values()) >= 5
    stages = {"generated", "reranked", "predictions", "executions", "index", "scores", "grid"}
    assert kills.keys() >= stages


@pytest.mark.slow
def test_each_stage_was_killed_between_its_last_item_and_its_manifest(found):
    assert all(result["at_manifests"] for stage, result in found.items() if stage not in ("verdicts", "scores"))
