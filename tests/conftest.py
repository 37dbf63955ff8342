"""What all tests share: where the real data is, and caches that are not the user's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Before anything imports huggingface-hub, which reads it once: a test reaches no hub, and does not wait for one.
os.environ["HF_HUB_OFFLINE"] = "1"

# An example may take as long as a busy machine takes.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = REPOSITORY.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real collections beside the repository; a test that needs it is skipped where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real collections (../shared/data) are not here")
    return SHARED_DATA
