"""Which run is meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sentiment_ft.errors import ModelError
from sentiment_ft.run.find import newest_model


def test_newest_model_is_of_the_newest_finished_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="no finished run"):
        newest_model()
    for age, name in enumerate(("new", "old")):
        (tmp_path / "runs" / name / "best").mkdir(parents=True)
        summary = tmp_path / "runs" / name / "summary.json"
        summary.write_text("{}")
        os.utime(summary, ns=(0, 10**18 - age))
    (tmp_path / "runs" / "broken" / "best").mkdir(parents=True)
    assert newest_model() == Path("runs/new/best")
