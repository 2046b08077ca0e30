"""Which views a run has, and under which id W&B knows it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from sentiment_ft import recording
from sentiment_ft.config import Config
from sentiment_ft.errors import ConfigError
from sentiment_ft.track import tracked
from sentiment_ft.track.tracked import Tracked


@pytest.mark.parametrize(
    ("id", "sweep", "taken"),
    [("abc", "s1", "abc"), ("abc", "", None), ("../../etc", "s1", None), ("", "s1", None)],
)
def test_the_id_of_the_environment_counts_in_a_sweep_only(monkeypatch, id, sweep, taken):
    """Exported in a shell it would make one run of two."""
    monkeypatch.setenv("WANDB_RUN_ID", id)
    monkeypatch.setenv("WANDB_SWEEP_ID", sweep)
    assert recording._given_id() == taken


@pytest.mark.parametrize(
    ("mode", "variables", "off"),
    [
        (None, {}, False),
        ("disabled", {}, True),
        (None, {"WANDB_MODE": "disabled"}, True),
        (None, {"WANDB_DISABLED": "1"}, True),
        ("offline", {"WANDB_MODE": "disabled"}, False),
        ("online", {"WANDB_DISABLED": "true"}, False),
    ],
)
def test_a_setting_comes_before_the_environment(monkeypatch, mode, variables, off):
    for name in ("WANDB_MODE", "WANDB_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert recording._is_disabled(Config(wandb_mode=mode)) is off


def test_a_view_whose_package_is_missing_is_told_at_once(monkeypatch):
    monkeypatch.setattr(recording, "find_spec", lambda name: None)
    recording.check(Config())
    with pytest.raises(ConfigError, match=r"tensorboard is not installed"):
        recording.check(Config(report_to="tensorboard"))


@pytest.mark.parametrize(
    ("of_the_file", "of_the_checkpoint", "taken"),
    [(None, "mine", "mine"), ("mine", None, "mine"), ("changed", "mine", "mine"), ("mine", "mine", "mine")],
)
def test_the_id_of_the_checkpoint_comes_first(tmp_path, of_the_file, of_the_checkpoint, taken):
    """The file may be of a run with other settings that was killed before it saved anything."""
    if of_the_file is not None:
        tracked.write(tmp_path, Tracked(of_the_file, project="films"))
    main = SimpleNamespace(is_main_process=True)
    run = SimpleNamespace(
        accelerator=main, changed=False, folder=tmp_path, mirror_id=of_the_checkpoint, config=Config(), quiet=True
    )
    with recording.open_recorder(run, None):  # type: ignore[arg-type]
        pass
    found = tracked.read(tmp_path)
    assert found is not None and found.id == run.mirror_id == taken
    assert found.project == ("films" if of_the_file is not None else None), "there it stays"


@pytest.mark.parametrize(("changed", "kept"), [(True, None), (False, Tracked("old", complete=False))])
def test_a_changed_run_leaves_the_one_that_w_and_b_has_also_when_it_is_not_tracked(tmp_path, changed, kept):
    """A later `sync` would put its records behind those of the old settings."""
    tracked.write(tmp_path, Tracked("old", complete=True))
    main = SimpleNamespace(is_main_process=True)
    run = SimpleNamespace(
        accelerator=main, changed=changed, folder=tmp_path, mirror_id="old", config=Config(), quiet=True
    )
    with recording.open_recorder(run, None):  # type: ignore[arg-type]
        pass
    assert tracked.read(tmp_path) == kept and run.mirror_id == (kept.id if kept else None)


def test_where_a_run_is_to_be_seen(tmp_path):
    folder = tmp_path / "my run"
    folder.mkdir()
    run = SimpleNamespace(folder=folder, config=Config(report_to="wandb,tensorboard"))
    board = ("TensorBoard", f"tensorboard --logdir '{folder}'")
    assert recording.seen_at(run) == [board], "W&B was disabled"
    later = ("W&B", f"later: sentiment-ft sync '{folder}'")
    known = Tracked("abc", url="https://wandb.test/a/b/runs/abc")
    for one, shown in (
        (known, later),
        (replace(known, complete=True), ("W&B", known.url)),
        (Tracked("abc", mode="offline"), later),
    ):
        tracked.write(folder, one)
        assert recording.seen_at(run) == [shown, board]
    run.config = Config()
    assert recording.seen_at(run) == []
