"""Fixtures of several test files."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("sentiment_ft", deadline=None)  # a busy machine is no failure
settings.load_profile("sentiment_ft")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public data sets kept beside the checkout, not part of the project; tests that need them are skipped without."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no shared data beside the repository")
    return folder
