"""A run that was stopped and goes on ends with the bits of one that was never touched. Real runs of a tiny model, real
signals to this very process; killed processes are in test_faults.py.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file, save_file

from sentiment_ft import evaluation, outcome, periodic, recipe, saving, train
from sentiment_ft.cli.training import train as command
from sentiment_ft.errors import EXIT_PREEMPTED, ConfigError, ModelError, OutputError, Preempted
from sentiment_ft.run import checkpoint, saver
from sentiment_ft.run.begin import Begin
from sentiment_ft.run.lock import lock
from sentiment_ft.track import record
from tests.tiny import write_reviews

# 104 rows to train in batches of 16: 7 updates an epoch, the last of 8 rows; judged in the middle of epochs too.
SETTINGS = (
    "mixed_precision=fp32", "max_length=32", "per_device_batch_size=4", "global_batch_size=16", "num_train_epochs=3",
    "learning_rate=1e-3", "warmup_ratio=0.1", "test=null", "bootstrap_samples=100", "logging_steps=4", "eval_steps=5",
    "freeze_embeddings=false", "save_steps=3",
)  # fmt: skip
UPDATES = 21
TIMES = ("_s", "_memory_mib")  # endings of what differs from run to run


@dataclass
class Trainer:
    """Trains with overrides; the run folder is tmp/NAME."""

    reviews: Path
    model: Path
    folder: Path

    def __call__(self, *overrides: str, name: str = "run", resume: str | None = None, **begin: Any) -> Path:
        AcceleratorState._reset_state(reset_partial_state=True)
        given = {"data": str(self.reviews), "model_name_or_path": str(self.model)}
        loaded = recipe.load("quickstart", SETTINGS + overrides, given)
        output = str(self.folder / name) if resume in (None, "auto") else None
        train.main(loaded, Begin(output, resume=resume, **begin), quiet=True)
        return self.folder / name


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Reviews, their cache, and whole runs, each made once."""
    folder = tmp_path_factory.mktemp("whole")
    write_reviews(folder / "reviews.jsonl", 130)
    return folder


@pytest.fixture
def trainer(model, place, tmp_path, monkeypatch, no_pictures) -> Trainer:
    monkeypatch.setenv("SENTIMENT_FT_CACHE", str(place / "cache"))
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    return Trainer(place / "reviews.jsonl", model, tmp_path)


def whole(trainer: Trainer, place: Path, *settings: str) -> Path:
    """A run that nothing touches."""
    name = "-".join(["whole", *settings])
    if not (place / name).exists():
        replace(trainer, folder=place)(*settings, name=name)
    return place / name


@pytest.fixture(autouse=True)
def _other_states_of_accelerate():
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def records(folder: Path) -> list[dict]:
    """Of training and judging, without what the clock on the wall says."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    kept = [line for line in lines if line["event"] in ("train", "eval", "skipped")]
    return [{key: value for key, value in line.items() if not key.endswith(TIMES)} for line in kept]


def bits(folder: Path) -> dict[str, bytes]:
    """The last checkpoint, tensor by tensor, with optimizer and random numbers; the best model; all probabilities."""
    found: dict[str, bytes] = {}
    last = max((folder / "checkpoints").iterdir())
    for path in (last / "model.safetensors", last / "training.safetensors", folder / "best" / "model.safetensors"):
        found |= {f"{path.name}:{name}": tensor.numpy().tobytes() for name, tensor in load_file(path).items()}
    return found | {"predictions": (folder / "predictions.jsonl").read_bytes()}


def assert_same(folder: Path, other: Path) -> None:
    assert records(folder) == records(other)
    assert bits(folder) == bits(other)
    states = [
        json.loads((max((path / "checkpoints").iterdir()) / "state.json").read_text()) for path in (folder, other)
    ]
    assert states[0]["state"] == states[1]["state"] and states[0]["state"]["update"] == UPDATES


def signal_at(monkeypatch, module: Any, function: str, call: int, number: int = signal.SIGTERM) -> None:
    """A real signal to this process at the given call of a function of the run, counted from 1."""
    real, calls = getattr(module, function), []

    def struck(*arguments: Any, **settings: Any) -> Any:
        calls.append(None)
        if len(calls) == call:
            os.kill(os.getpid(), number)
        return real(*arguments, **settings)

    monkeypatch.setattr(module, function, struck)


def stop(trainer: Trainer, *overrides: str, **begin: Any) -> int:
    """Train until the signal; the update that was saved."""
    with pytest.raises(Preempted) as caught:
        trainer(*overrides, **begin)
    assert caught.value.exit_code == EXIT_PREEMPTED
    saved = checkpoint.newest(Path(trainer.folder / "run" / "checkpoints"), pytest.fail)
    assert saved is not None and f"after update {saved.update} of {UPDATES}; it is saved" in caught.value.what
    return saved.update


@pytest.mark.parametrize(
    ("function", "call", "saved"),
    [
        ("collate", 1, 0),  # the first micro-batch of all
        ("collate", 25, 6),  # the first of two of update 7, right after a checkpoint
        ("collate", 27, 7),  # the first of the second epoch
        ("collate", 30, 8),  # the last one of update 8, which is applied
        ("seed_micro_batch", 77, 20),  # in the last update
    ],
)
def test_stopped_in_an_update(trainer, place, monkeypatch, function, call, saved):
    with monkeypatch.context() as patched:
        signal_at(patched, train, function, call)
        assert stop(trainer) == saved
    assert_same(trainer(resume="auto"), whole(trainer, place))


@pytest.mark.parametrize(("call", "saved"), [(1, 0), (2, 5), (3, 10), (6, UPDATES)])
def test_stopped_while_judging(trainer, place, monkeypatch, call, saved):
    """The update is saved as not yet judged. (The first look at the validation rows only sees whether they fit.)"""
    with monkeypatch.context() as patched:
        signal_at(patched, evaluation, "collate", call)
        assert stop(trainer) == saved
    assert_same(trainer(resume=str(trainer.folder / "run")), whole(trainer, place))


def test_stopped_while_saving(trainer, place, monkeypatch):
    with monkeypatch.context() as patched:
        signal_at(patched, saving, "capture", 3)
        assert stop(trainer) == 9
    assert_same(trainer(resume="auto"), whole(trainer, place))


@pytest.mark.parametrize("space_returns", [True, False])
def test_a_save_that_failed_is_not_called_saved(trainer, place, monkeypatch, space_returns):
    """It was begun at the very update at which the run is stopped."""
    real, calls = saver.commit, []

    def full(*arguments: Any, **settings: Any) -> Any:
        calls.append(1)
        if len(calls) == 1 or not space_returns:
            raise OSError(28, "No space left on device")
        return real(*arguments, **settings)

    monkeypatch.setattr(saver, "commit", full)
    signal_at(monkeypatch, train, "collate", 13)  # in update 4, after the save at 3
    if space_returns:
        assert stop(trainer) == 3
    else:
        with pytest.raises(OutputError, match="No space left"):
            trainer()


def test_a_file_that_a_desktop_leaves_in_best_is_no_part_of_a_checkpoint(trainer, monkeypatch):
    real = saving.keep_best

    def and_more(run: Any, weights: Any) -> None:
        real(run, weights)
        (run.folder / "best" / ".DS_Store").touch()

    monkeypatch.setattr(saving, "keep_best", and_more)
    run = trainer()
    newest = checkpoint.newest(run / "checkpoints", pytest.fail)
    assert newest is not None and newest.update == UPDATES and not any("DS_Store" in name for name in newest.files)


def test_what_people_do_in_best_harms_no_checkpoint_and_is_not_lost(trainer, place, stopped):
    best = stopped / "best"
    with (best / "config.json").open("a") as file:  # in place, as some editors do
        file.write("\n")
    (best / "notes.txt").write_text("mine")
    (best / "more").mkdir()
    (best / "more" / "notes.txt").write_text("mine, too")
    (best / "tokenizer").mkdir()  # a name of ours
    assert_same(trainer(resume="auto"), whole(trainer, place))
    assert [(best / name).read_text() for name in ("notes.txt", "more/notes.txt")] == ["mine", "mine, too"]
    assert checkpoint.newest(stopped / "checkpoints", pytest.fail).update == UPDATES
    assert (best / "tokenizer").is_dir()


def test_stopped_again_and_again_in_one_epoch(trainer, place, monkeypatch):
    saved = []
    for call in (5, 5, 6, 9):
        with monkeypatch.context() as patched:
            signal_at(patched, train, "collate", call)
            saved.append(stop(trainer, resume="auto"))
    assert saved == sorted(saved) and saved[0] == 1 and saved[-1] < 7, "all within the first epoch"
    assert_same(trainer(resume="auto"), whole(trainer, place))


@pytest.mark.parametrize(
    "settings",
    [
        ("average_share=0.2",),
        ("gradual_unfreezing_updates=3",),
        ("early_stopping_patience=1", "early_stopping_threshold=0.5"),
        ("group_by_length=false", "hidden_dropout=0.3", "freeze_embeddings=true"),
        ("metric_for_best_model=log_loss", "save_steps=1", "logging_steps=5"),
    ],
    ids=lambda settings: settings[0],
)
def test_all_that_a_run_carries_goes_on(trainer, place, monkeypatch, settings):
    """The average, unreleased layers without moments, patience, sums since the last record."""
    with monkeypatch.context() as patched:
        signal_at(patched, train, "train_step", 9)
        stop(trainer, *settings)
    again, untouched = trainer(*settings, resume="auto"), whole(trainer, place, *settings)
    assert records(again) == records(untouched) and bits(again) == bits(untouched)


def test_a_run_that_is_killed_before_its_first_checkpoint_begins_again_in_its_folder(trainer, place, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(train, "fit", lambda run: (_ for _ in ()).throw(ZeroDivisionError))
        with pytest.raises(ZeroDivisionError):
            trainer()
    assert_same(trainer(resume="auto"), whole(trainer, place))


def test_a_finished_run_is_left_as_it_is(trainer, capsys):
    folder = trainer()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    trainer(resume="auto")
    trainer(resume=str(folder))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert capsys.readouterr().err.count("is finished: nothing to do") == 2


def test_auto_without_an_output_takes_the_newest_that_is_not_finished(trainer, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    loaded = recipe.load(
        "quickstart", SETTINGS, {"data": str(trainer.reviews), "model_name_or_path": str(trainer.model)}
    )

    def run(resume: str | None) -> None:
        AcceleratorState._reset_state(reset_partial_state=True)
        train.main(loaded, Begin(resume=resume), quiet=True)

    run("auto")  # none is there: a new one
    assert [path.name for path in Path("runs").iterdir()] == ["quickstart-reviews"]
    with monkeypatch.context() as patched:
        signal_at(patched, train, "train_step", 4)
        with pytest.raises(Preempted):
            run("auto")  # that one is finished
    assert sorted(path.name for path in Path("runs").iterdir()) == ["quickstart-reviews", "quickstart-reviews-2"]
    run("auto")
    assert Path("runs/quickstart-reviews-2/summary.json").is_file()
    assert_same(Path("runs/quickstart-reviews"), Path("runs/quickstart-reviews-2"))


# --- what may not differ --------------------------------------------------------------------------------------------


@pytest.fixture
def stopped(trainer, monkeypatch) -> Path:
    """A run that was stopped after update 6."""
    with monkeypatch.context() as patched:
        signal_at(patched, train, "train_step", 7)
        assert stop(trainer) == 6
    return trainer.folder / "run"


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ("learning_rate=2e-3", ["learning_rate: 0.001, here 0.002"]),
        ("num_train_epochs=4", ["num_train_epochs: 3.0, here 4.0", "total_updates: 21, here 28"]),
        ("global_batch_size=8", ["global_batch_size: 16, here 8", "updates_per_epoch: 7, here 13"]),
        ("seed=1", ["seed: 42, here 1"]),
        ("mixed_precision=fp64", ["mixed_precision: fp32, here fp64"]),
    ],
)
def test_other_settings_are_named(trainer, stopped, override, names):
    with pytest.raises(ConfigError) as caught:
        trainer(override, resume="auto")
    for name in names:
        assert f"  - {name}" in str(caught.value)
        assert f"--allow-changed {name.split(':')[0]}" in str(caught.value.way_out)
    assert ("--global-batch-size 16 " in str(caught.value.way_out)) == override.startswith("global")
    assert not (stopped / "summary.json").exists()


def test_other_rows_and_other_code_are_named(trainer, stopped, monkeypatch):
    trainer.reviews = write_reviews(trainer.folder / "reviews.jsonl", 130, seed=9)
    monkeypatch.setattr("sentiment_ft.fingerprint.code_digest", lambda: "of another checkout")
    with pytest.raises(ConfigError) as caught:
        trainer(resume="auto")
    assert f"content of {trainer.reviews}: nothing, here " in str(caught.value) and "code: " in str(caught.value)


def test_a_change_that_is_meant_is_allowed(trainer, stopped):
    allowed = ("learning_rate", "num_train_epochs", "total_updates", "warmup_updates")
    folder = trainer("learning_rate=2e-3", "num_train_epochs=2", resume="auto", allow_changed=allowed)
    assert json.loads((folder / "summary.json").read_text())["updates"] == 14
    kept = recipe.load(str(folder / "config.yaml")).config
    assert (kept.learning_rate, kept.num_train_epochs, kept.run_name) == (2e-3, 2, "quickstart-reviews")


def test_layers_that_are_released_by_a_change_begin_without_moments(trainer, monkeypatch):
    with monkeypatch.context() as patched:
        signal_at(patched, train, "train_step", 7)
        stop(trainer, "freeze_embeddings=true", "gradual_unfreezing_updates=4")
    allowed = ("freeze_embeddings", "gradual_unfreezing_updates")
    assert (trainer(resume="auto", allow_changed=allowed) / "summary.json").is_file()


def test_fewer_updates_than_there_are_is_refused(trainer, stopped):
    """It would train on for ever: the last update has been."""
    allowed = ("max_steps", "total_updates", "warmup_updates")
    with pytest.raises(ConfigError, match="the checkpoint has 6 updates, this run would have 5"):
        trainer("max_steps=5", resume="auto", allow_changed=allowed)
    assert checkpoint.newest(stopped / "checkpoints", pytest.fail).update == 6


def test_what_another_version_saved_is_no_bug(trainer, stopped):
    def change(folder: Path) -> None:
        state = json.loads((folder / "state.json").read_text())
        state["state"]["of_the_future"] = 1
        (folder / "state.json").write_text(json.dumps(state))

    rewritten(max((stopped / "checkpoints").iterdir()), change)
    with pytest.raises(ModelError, match=r"does not hold what this version needs.*of_the_future"):
        trainer(resume="auto")


def edited(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        if name == "state.json":
            state = json.loads((folder / name).read_text())
            (folder / name).write_text(json.dumps(change(state) or state))
        else:
            tensors = load_file(folder / name)
            change(tensors)
            save_file(tensors, folder / name)

    return edit


HEAD = "classifier.weight"
MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def half(tensors: dict[str, torch.Tensor], name: str) -> None:
    tensors[name] = tensors[name].half()


@pytest.mark.parametrize(
    "edit",
    [
        edited("state.json", lambda state: [1]),
        edited("state.json", lambda state: state["state"].update(update="many")),
        edited("state.json", lambda state: state["state"].update(update=10**30)),
        edited("state.json", lambda state: state["state"].update(window=-5)),
        edited("state.json", lambda state: state.update(processes=[])),
        edited("state.json", lambda state: state["totals"].update(train_s=float("nan"))),
        edited("state.json", lambda state: state.update(metrics_bytes="all")),
        lambda folder: (folder / "state.json").write_text("[" * 100_000),
        lambda folder: (folder / "model.safetensors").write_text("no tensors"),
        edited("model.safetensors", lambda tensors: tensors.update({HEAD: torch.zeros(3, 3)})),
        edited("model.safetensors", lambda tensors: tensors.update({HEAD: tensors[HEAD].to(torch.int8)})),
        edited("model.safetensors", lambda tensors: tensors.pop(HEAD)),
        edited("model.safetensors", lambda tensors: tensors.update(more=torch.zeros(3))),
        edited("model.safetensors", lambda tensors: tensors.update({HEAD: tensors[HEAD].half()})),
        edited("model.safetensors", lambda tensors: tensors[HEAD].fill_(math.nan)),
        edited("state.json", lambda state: state["state"].update(update=2)),
        edited("state.json", lambda state: state["state"].update(window=7)),
        edited("state.json", lambda state: state["state"].update(judged=7)),
        edited("state.json", lambda state: state.update(metrics_bytes=-1)),
        edited("state.json", lambda state: state.pop("engine")),
        edited("state.json", lambda state: state.pop("mirror")),
        edited("state.json", lambda state: state.update(scaler=[])),
        edited("state.json", lambda state: state.update(optimizer_tensors=0)),
        lambda folder: (folder / "state.json").rename(folder / "more.json"),
        edited("state.json", lambda state: state["processes"][0]["interval"].update(rows=-1)),
        edited("state.json", lambda state: state["processes"][0]["interval"].update(rows=1.5)),
        edited("state.json", lambda state: state["processes"][0]["interval"].update(loss_sum="much")),
        edited("state.json", lambda state: state["processes"][0]["interval"].update(digest=-1)),
        edited("state.json", lambda state: state["processes"][0]["interval"].update(real_tokens=10**30)),
        edited("state.json", lambda state: state["processes"][0]["numpy"].update(kind="dice")),
        edited("state.json", lambda state: state["processes"][0]["python"].append(3)),
        edited("training.safetensors", lambda tensors: tensors.update({f"optimizer.exp_avg.{HEAD}": torch.zeros(3)})),
        edited("training.safetensors", lambda tensors: tensors.update({f"optimizer.step.{HEAD}": torch.zeros(3)})),
        edited("training.safetensors", lambda tensors: tensors.pop(f"optimizer.exp_avg.{HEAD}")),
        edited("training.safetensors", lambda tensors: [tensors.pop(f"optimizer.{key}.{HEAD}") for key in MOMENTS]),
        edited("training.safetensors", lambda tensors: half(tensors, f"optimizer.exp_avg_sq.{HEAD}")),
        edited("training.safetensors", lambda tensors: tensors.update({"optimizer.exp_avg.more": torch.zeros(3)})),
        edited("training.safetensors", lambda tensors: tensors[f"optimizer.exp_avg_sq.{HEAD}"].fill_(math.nan)),
        edited("training.safetensors", lambda tensors: tensors["judged.last"].add_(2)),
        edited("training.safetensors", lambda tensors: tensors["random.0.torch"].zero_()),
        edited("training.safetensors", lambda tensors: tensors.update({"average.0000": torch.zeros(3)})),
        edited("training.safetensors", lambda tensors: half(tensors, "judged.last")),
        edited("training.safetensors", lambda tensors: half(tensors, "random.0.torch")),
        edited("training.safetensors", lambda tensors: tensors.update({"random.0.torch": torch.zeros(9).byte()})),
        edited("training.safetensors", lambda tensors: tensors.update({"random.0.python": torch.zeros(9).long()})),
        edited("training.safetensors", lambda tensors: tensors.update({"random.0.numpy": torch.zeros(9).long()})),
    ],
)
def test_what_was_edited_and_sealed_again_is_no_bug(trainer, stopped, edit):
    rewritten(max((stopped / "checkpoints").iterdir()), edit)
    with pytest.raises(ModelError, match="does not hold what this version needs"):
        trainer(resume="auto")


def test_a_record_that_is_shorter_than_its_checkpoint_says_costs_records_only(trainer, stopped):
    rewritten(
        max((stopped / "checkpoints").iterdir()),
        edited("state.json", lambda state: state.update(metrics_bytes=10**15)),
    )
    trainer(resume="auto")


def test_nothing_that_a_run_writes_shows_a_secret_of_the_environment(trainer, monkeypatch):
    secrets = {
        "HF_TOKEN": "hf_" + "s" * 30,
        "WANDB_API_KEY": "5ec7e7" + "0" * 34,
        "AWS_SECRET_ACCESS_KEY": "sEcReT/" * 5,
    }
    for name, secret in secrets.items():
        monkeypatch.setenv(name, secret)
    written = [path.read_bytes() for path in trainer().rglob("*") if path.is_file()]
    assert len(written) > 15 and not any(
        secret.encode() in content for secret in secrets.values() for content in written
    )


def test_a_key_that_there_is_not_cannot_be_allowed(trainer, stopped):
    with pytest.raises(ConfigError, match=r"no such key: learning_rat\nway out: did you mean learning_rate\?"):
        trainer(resume="auto", allow_changed=("learning_rat",))


def test_what_does_not_change_the_training_may_differ(trainer, place, stopped):
    assert_same(
        trainer("save_steps=2", "save_total_limit=1", "hang_seconds=null", resume="auto"),
        whole(trainer, place),
    )


# --- what is damaged ------------------------------------------------------------------------------------------------


def rewritten(folder: Path, change: Callable[[Path], None]) -> None:
    """Change a checkpoint and give it a manifest that fits: as if it had been saved so."""
    found = checkpoint.read(folder)
    staged = folder.with_name(f".{folder.name}.part")
    folder.rename(staged)
    (staged / checkpoint.MANIFEST).unlink()
    change(staged)
    names = [str(path.relative_to(staged)) for path in staged.rglob("*") if path.is_file()]
    assert len(names) == len(found.files)
    checkpoint.commit(staged, {name: checkpoint.seal(staged / name) for name in names})


def test_missing_random_numbers_are_an_error(trainer, stopped):
    def change(folder: Path) -> None:
        tensors = load_file(folder / "training.safetensors")
        del tensors["random.0.numpy"]
        save_file(tensors, folder / "training.safetensors")

    newest = max((stopped / "checkpoints").iterdir())
    rewritten(newest, change)
    with pytest.raises(ModelError, match="the random numbers of process 0 are missing: numpy"):
        trainer(resume="auto")


def test_a_damaged_checkpoint_is_passed_over_with_a_warning(trainer, place, stopped, capsys):
    newest = max((stopped / "checkpoints").iterdir())
    with (newest / "model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\xff")
    again = trainer(resume="auto")
    said = capsys.readouterr().err
    assert "warning: passed over" in said and f"{newest.name}/model.safetensors: has not the content" in said
    assert_same(again, whole(trainer, place))


def test_a_damaged_best_model_does_not_take_the_checkpoints_with_it(trainer, place, stopped):
    """They have copies: a disk that loses a block, or a program that writes in place, changes one of them."""
    with (stopped / "best" / "model.safetensors").open("r+b") as file:
        file.seek(5000)
        file.write(b"X")
    assert_same(trainer(resume="auto"), whole(trainer, place))


def test_of_checkpoints_that_are_all_damaged_none_is_taken(trainer, stopped):
    for path in (stopped / "checkpoints").glob("*/model.safetensors"):
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="none of its 2 checkpoints is whole"):
        trainer(resume="auto")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_checkpoints_of_another_user_are_not_read(trainer, stopped):
    """As after a run in a container: they are good, but whoever owns them may change them after a look."""
    for path in (stopped / "checkpoints").iterdir():
        os.chown(path, 1234, -1)
    with pytest.raises(ModelError, match=r"none of its 2 checkpoints is yours\nway out: if you trust them: chown -R"):
        trainer(resume="auto")


def test_a_damaged_checkpoint_that_was_asked_for_is_refused(trainer, stopped):
    newest = max((stopped / "checkpoints").iterdir())
    (newest / "state.json").unlink()
    with pytest.raises(ModelError, match=r"cannot be gone on from: .*state.json"):
        trainer(resume=str(newest))


def test_an_older_checkpoint_can_be_asked_for_and_becomes_the_newest(trainer, place, stopped, monkeypatch):
    oldest = min((stopped / "checkpoints").iterdir())
    assert oldest.name == "0001-update-3"
    with monkeypatch.context() as patched:
        signal_at(patched, train, "train_step", 2)
        assert stop(trainer, resume=str(oldest)) == 4
    newest = max(path.name for path in (stopped / "checkpoints").iterdir())
    assert newest == "0004-update-4", "the one that was asked for is 0003"
    assert_same(trainer(resume="auto"), whole(trainer, place))


def put_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def put_file(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.write_text("no folder")


def put_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def put_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("name", "change", "error"),
    [
        ("best", put_link, "is a link"),
        ("plots", put_link, "is a link"),
        ("metrics.jsonl", put_link, "is a link"),
        ("metrics.jsonl", put_folder, "is no plain file"),
        ("metrics.jsonl", put_pipe, "is no plain file"),
        ("predictions.jsonl", put_folder, "is no plain file"),
        ("summary.json", put_folder, "is no plain file"),
        ("checkpoints", put_file, "is no folder"),
    ],
)
def test_what_stands_in_the_place_of_a_runs_own_is_told_before_anything_is_written(
    trainer, stopped, name, change, error
):
    change(stopped / name)
    before = {path: path.lstat().st_mtime_ns for path in stopped.rglob("*")}
    with pytest.raises(OutputError, match=f"run/{name}: {error}\nway out: put back what was there; or move it away"):
        trainer(resume="auto")
    assert {path: path.lstat().st_mtime_ns for path in stopped.rglob("*")} == before


@pytest.mark.parametrize("damage", ["", "half", "\xff"])
def test_a_config_that_is_lost_is_in_the_checkpoints(trainer, place, stopped, damage, capsys):
    config = stopped / "config.yaml"
    text = config.read_text()
    config.write_bytes(
        text[: text.index("learning_rate") + 7].encode() if damage == "half" else damage.encode("latin-1")
    )
    with pytest.raises(SystemExit) as ended:
        command(["--resume", str(stopped)], prog_name="train")
    newest = stopped / "checkpoints" / "0002-update-6" / "run-config.yaml"
    assert ended.value.code == 2 and f"way out: cp {newest} {config}\n" in capsys.readouterr().err
    shutil.copyfile(newest, config)
    (stopped.parent / "before.yaml").write_text(text)
    settings = [recipe.load(str(path)).config for path in (config, stopped.parent / "before.yaml")]
    assert settings[0].model_copy(update={"run_name": None}) == settings[1].model_copy(update={"run_name": None})
    assert_same(trainer(resume=str(stopped)), whole(trainer, place))


def test_where_the_values_came_from_is_told_after_a_resume_too(stopped):
    def origins() -> dict[str, str]:
        found = json.loads((stopped / "plan.json").read_text())["config"]
        return {key: entry["origin"] for key, entry in found.items() if key != "run_name"}  # of the folder by now

    first = origins()
    with pytest.raises(SystemExit) as ended:
        command(["--resume", str(stopped), "--quiet"], prog_name="train")
    assert ended.value.code == 0 and origins() == first and not any("config.yaml" in one for one in first.values())


def test_a_pipe_in_the_place_of_its_config_is_not_waited_for(trainer, stopped):
    put_pipe(stopped / "config.yaml")
    with pytest.raises(ConfigError, match=r"is no run folder: it has no config.yaml of a run"):
        trainer(resume=str(stopped))


def test_checkpoints_may_lie_on_another_disk(trainer, place, stopped):
    put_link(stopped / "checkpoints")
    assert_same(trainer(resume=str(stopped)), whole(trainer, place))


def test_without_its_record_a_run_goes_on(trainer, place, stopped, capsys):
    (stopped / "metrics.jsonl").unlink()
    again = trainer(resume="auto")
    assert "run/metrics.jsonl is gone: it goes on without the records so far" in capsys.readouterr().err
    assert bits(again) == bits(whole(trainer, place))
    assert [record["update"] for record in records(again) if record["event"] == "train"] == [8, 12, 16, 20, 21]


def test_a_run_whose_record_is_not_on_the_disk_is_not_finished(trainer, monkeypatch, place):
    """A disk that took no line took no checkpoint either: it begins again."""
    with monkeypatch.context() as patched:
        full = OSError(28, "No space left on device")
        patched.setattr(record.Recorder, "_flush", lambda self: (_ for _ in ()).throw(full))
        with pytest.raises(OutputError, match=r"No space left.*\nway out: mend that, then .* --resume "):
            trainer()
    assert not (trainer.folder / "run" / "summary.json").exists()
    assert bits(trainer(resume="auto")) == bits(whole(trainer, place))


@pytest.mark.parametrize("below", ["", "checkpoints", "checkpoints/0002-update-6"])
def test_a_run_can_be_named_by_what_is_in_it_whatever_is_above_it(trainer, place, stopped, below):
    (trainer.folder / "checkpoints").mkdir()
    moved = stopped.rename(trainer.folder / "checkpoints" / "run")
    trainer(resume=str(moved / below))
    assert_same(moved, whole(trainer, place))


@pytest.mark.parametrize(
    ("path", "error"),
    [("nowhere", "there is no such run"), (".", "is no run folder"), ("run/config.yaml", "is no run folder")],
)
def test_what_is_no_run_is_refused(trainer, stopped, path, error):
    with pytest.raises(ConfigError, match=error):
        trainer(resume=str(trainer.folder / path))


def test_time_goes_on_over_starts(trainer, stopped):
    """A run of 34 s that was gone on with for 8 s took 42, and its record does not go back to 0."""
    newest = max((stopped / "checkpoints").iterdir(), key=lambda path: int(path.name.split("-")[0]))
    before = json.loads((newest / "state.json").read_text())["totals"]["wall_s"]
    trainer(resume=str(stopped))
    own = time.time() - psutil.Process().create_time()
    summary = json.loads((stopped / "summary.json").read_text())
    assert own < summary["wall_s"] <= before + own + 0.01, "the time of both"
    assert summary["wall_s"] >= summary["train_s"] + summary["eval_s"]
    lines = [json.loads(line) for line in (stopped / "metrics.jsonl").read_text().splitlines()]
    elapsed = [line["elapsed_s"] for line in lines if "elapsed_s" in line]
    assert elapsed == sorted(elapsed) and elapsed[-1] > before


def test_two_runs_do_not_go_on_in_one_folder(trainer, stopped):
    held = shutil.copytree(stopped, trainer.folder / "held")  # this process still holds the other one
    descriptor = lock(held)
    assert descriptor is not None
    with pytest.raises(OutputError, match="another run is writing there"):
        trainer(resume=str(held))
    os.close(descriptor)


# --- signals --------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _hear_signals():
    """A background job, nohup would start without these two."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, usual in before.items():
        signal.signal(number, usual)


@pytest.mark.parametrize(
    ("module", "function", "call"), [(periodic, "restore_best", 1), (outcome, "judge", 1), (outcome, "write_judged", 1)]
)
def test_stopped_after_the_last_update(trainer, place, monkeypatch, module, function, call):
    """While the test rows are judged, while intervals are drawn, before the last file: all is saved already."""
    held_out = ("test=synthetic:held-out",)
    with monkeypatch.context() as patched:
        signal_at(patched, module, function, call)
        assert stop(trainer, *held_out) == UPDATES
    assert not (trainer.folder / "run" / "summary.json").exists()
    again, untouched = trainer(*held_out, resume="auto"), whole(trainer, place, *held_out)
    assert records(again) == records(untouched) and bits(again) == bits(untouched)
    kept = [(folder / "test_predictions.jsonl").read_bytes() for folder in (again, untouched)]
    assert kept[0] == kept[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGUSR2, signal.SIGHUP])
def test_other_signals_stop_it_too(trainer, monkeypatch, number):
    signal_at(monkeypatch, train, "train_step", 4, number)
    before = signal.getsignal(number)
    assert stop(trainer) == 3
    assert signal.getsignal(number) is before, "and it has its old effect again"


def test_a_second_ctrl_c_ends_at_once(trainer, monkeypatch):
    """Not within the moments in which a terminal and a launcher send the same one twice."""
    monkeypatch.setattr("sentiment_ft.run.stopping.SECONDS_OF_ONE_CTRL_C", 0.0)
    real = train.collate

    def twice(*arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return real(*arguments)

    monkeypatch.setattr(train, "collate", twice)
    with pytest.raises(KeyboardInterrupt):
        trainer()
    assert not (trainer.folder / "run" / "checkpoints").exists()


def test_an_ignored_signal_stays_ignored(trainer, monkeypatch):
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        signal_at(monkeypatch, train, "train_step", 4, signal.SIGHUP)
        assert (trainer() / "summary.json").is_file()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_weights_of_the_last_update_are_those_that_were_saved(trainer):
    """Not by our own reader: plain safetensors."""
    folder = trainer("metric_for_best_model=log_loss")
    summary = json.loads((folder / "summary.json").read_text())
    last = load_file(max((folder / "checkpoints").iterdir()) / "model.safetensors")
    best = load_file(folder / "best" / "model.safetensors")
    assert (summary["best_update"] == UPDATES) == all(torch.equal(last[name], best[name]) for name in best)
