"""Which run is meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sentiment_ft.errors import ModelError, OutputError
from sentiment_ft.run.find import newest_model, to_go_on
from sentiment_ft.run.folder import choose, create
from sentiment_ft.run.layout import RUN_CONFIG_HEADER


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


def test_a_run_of_another_name_is_not_gone_on_with(tmp_path, monkeypatch):
    """exp-2 may be the second run of the name exp, or the first of the name exp-2."""
    monkeypatch.chdir(tmp_path)
    for folder, name in (("exp", "exp"), ("exp-2", "exp-2"), ("exp-3", "exp")):
        create(tmp_path / "runs" / folder, f"{RUN_CONFIG_HEADER}\nrun_name: {name}\n", overwrite=False)
    assert to_go_on("auto", None, "exp") == Path("runs/exp-3")
    assert to_go_on("auto", None, "exp-2") == Path("runs/exp-2")
    assert to_go_on("auto", None, "ex") is None
    Path("runs/exp-3/config.yaml").write_text(f"{RUN_CONFIG_HEADER}\n[")
    assert to_go_on("auto", None, "exp") == Path("runs/exp-3"), "told when it is read"


def test_what_cannot_be_read_is_told(tmp_path, monkeypatch):
    run = tmp_path / "run"
    create(run, f"{RUN_CONFIG_HEADER}\n", overwrite=False)

    def refused(*given):
        raise PermissionError(13, "Permission denied", str(run))

    monkeypatch.setattr(os, "listdir", refused)
    monkeypatch.setattr(Path, "iterdir", refused)
    for go_on in (lambda: to_go_on(str(run), None, "x"), lambda: to_go_on("auto", str(run), "x")):
        with pytest.raises(OutputError, match="run: cannot be read: Permission denied"):
            go_on()
    with pytest.raises(OutputError, match="run: cannot be read: Permission denied"):
        choose(str(run), "x", overwrite=True)
