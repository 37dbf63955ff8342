"""The layout of the tree: folders hold the code, and few modules stand beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("half", ["retrieval_bench", "sql_bench"])
def test_at_most_three_modules_stand_beside_the_folders(half):
    loose = {path.name for path in (REPOSITORY / half).glob("*.py")} - {"__init__.py"}
    assert "types.py" in loose
    assert len(loose) <= 3, f"move one of {sorted(loose)} into a folder"
