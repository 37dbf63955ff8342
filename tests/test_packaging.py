"""What somebody gets who installs the suite instead of cloning it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = ("bench_core", "retrieval_bench", "sql_bench")


@pytest.mark.slow
@pytest.mark.skipif(find_spec("setuptools") is None, reason="setuptools is not installed here")
def test_a_wheel_holds_every_tracked_file_of_the_packages(tmp_path):
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
    ]
    subprocess.run([*command, str(REPOSITORY)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    listed = subprocess.run(
        ["git", "-C", str(REPOSITORY), "ls-files", *PACKAGES], capture_output=True, text=True, check=True
    ).stdout.split()
    assert listed and not [name for name in listed if name not in held]


def test_the_constraints_pin_what_setup_cfg_asks_for():
    import configparser
    import re

    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg")
    wanted = setup["options"]["install_requires"] + "".join(
        setup["options.extras_require"][extra] for extra in ("dense", "demo", "dev")
    )
    names = {re.split(r"[<>=\[;]", line.strip())[0] for line in wanted.splitlines() if line.strip()}
    pinned = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (REPOSITORY / "constraints.txt").read_text().splitlines()
    }
    assert not [name for name in names if name.lower().replace("_", "-") not in pinned]
