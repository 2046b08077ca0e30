"""`dashboard` and `sweep`, as processes against a W&B server on this machine: one view however often, trials that are
trained, each fault in one line.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time

import psutil
import pytest
import yaml

from sentiment_ft.terminal import ended_by
from tests import launched, wandb_views
from tests.test_ends import left_running
from tests.tiny import write_reviews


@pytest.fixture
def server():
    with wandb_views.serving_views() as found:
        yield found


def run(folder, server, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """server: None for one that has no account anywhere."""
    nowhere = {"HOME": str(folder), "NETRC": str(folder / "netrc"), "WANDB_API_KEY": "", "WANDB_MODE": "online"}
    given = wandb_views.environment(server, folder) if server else nowhere
    return launched.run(launched.alone("sentiment_ft", *words), folder, timeout=100, **(given | variables))


def said(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The message: one line, a way out, no traceback, nothing of the key."""
    assert done.returncode == code, done.stderr
    assert done.stdout == "" and "Traceback" not in done.stderr and "kkkk" not in done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") <= 2
    return done.stderr


def test_a_workspace_is_saved_once_and_then_replaced(tmp_path, server):
    first = run(tmp_path, server, "dashboard", "--project", "films", "--report")
    assert first.returncode == 0, first.stderr
    assert first.stdout == "" and first.stderr.count("created") == 2
    assert ("me", "films") in server.known.projects
    second = run(tmp_path, server, "dashboard", "--project", "films", "--report", "--entity", "me")
    assert second.returncode == 0 and second.stderr.count("updated") == 2
    assert [line.split(": ", 1)[1] for line in first.stderr.splitlines()] == [
        line.split(": ", 1)[1] for line in second.stderr.splitlines()
    ]
    kinds = [view["type"] for view in server.known.views.values()]
    assert sorted(kinds) == ["project-view", "runs"], "one of each"
    assert run(tmp_path, server, "dashboard", "--project", "other").returncode == 0
    assert "/me/sentiment-ft?" in run(tmp_path, server, "dashboard").stderr, "where train shows its runs"
    assert len(server.known.views) == 4, "another project has its own"


def test_what_a_dry_run_prints_is_what_is_saved(tmp_path, server):
    words = ["dashboard", "--project", "films", "--report", "--entity", "me", "--dry-run"]
    dry = run(tmp_path, None, *words, WANDB_BASE_URL="http://[::1]:9")
    assert dry.returncode == 0 and dry.stderr == ""
    run(tmp_path, server, "dashboard", "--project", "films", "--report")
    saved = {view["type"]: view for view in server.known.views.values()}
    printed = json.loads(dry.stdout)["views"]
    assert [view["kind"] for view in printed] == ["project-view", "runs"]
    for view in printed:
        assert json.loads(saved[view["kind"]]["spec"]) == view["spec"]
        assert saved[view["kind"]]["name"] == view["name"]
    again = run(tmp_path, None, *words, PYTHONHASHSEED="7")
    assert again.stdout == dry.stdout, "no id is drawn anew"


def test_a_view_of_someone_else_is_not_touched(tmp_path, server):
    """Even on a server that ignores the name it is asked for."""
    theirs = {"id": "V1", "name": "nw-theirs-v", "displayName": "sentiment-ft", "type": "project-view", "spec": "{}",
              "entityName": "me", "projectName": "films"}  # fmt: skip
    server.known.views["V1"] = dict(theirs)
    server.known.View = lambda given: type(server.known).View(server.known, {**given, "viewName": None})
    assert run(tmp_path, server, "dashboard", "--project", "films").returncode == 0
    assert server.known.views["V1"] == theirs and len(server.known.views) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--project", "a/b"], "error: --project: a/b has characters that W&B forbids: /"),
        (["--project", "a\x1b[2Jb"], "error: --project: a\\x1b[2Jb has characters that W&B forbids: \\x1b"),
        (["--project", "x" * 129], "error: --project: is 129 characters long; W&B takes 128"),
        (["--project", " "], "error: --project: is empty"),
        (["--project", "p", "--entity", "../x"], "error: --entity: ../x is no name of a user or team"),
    ],
)
def test_names_that_cannot_be(tmp_path, words, message):
    assert message in said(run(tmp_path, None, "dashboard", *words), 2)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("WANDB_BASE_URL", "https://me:hunter2@[::1", "base_url: Input should be a valid URL"),
        ("WANDB_BASE_URL", "nowhere", "base_url: Input should be a valid URL"),
        ("WANDB_MODE", "bogus", "mode: Input should be 'online'"),
        ("WANDB_PROJECT", "a/b", "Invalid project name"),
        ("WANDB_HTTP_TIMEOUT", "soon", "graphql_timeout_seconds: Input should be a valid number"),
    ],
)
def test_settings_of_wandb_that_cannot_be(tmp_path, variable, value, words):
    done = run(tmp_path, None, "dashboard", "--project", "p", **({"WANDB_API_KEY": "k" * 40} | {variable: value}))
    message = said(done, 2)
    assert message.startswith("error: the environment: W&B cannot start: ") and words in message
    assert "hunter2" not in message


def test_no_key(tmp_path):
    message = said(run(tmp_path, None, "dashboard", "--project", "p", WANDB_BASE_URL="http://127.0.0.1:9"), 4)
    assert "there is no API key" in message and "way out: wandb login" in message


def test_wrong_key(tmp_path, server):
    server.fault = "401"
    message = said(run(tmp_path, server, "dashboard", "--project", "p"), 4)
    assert "refuses the API key" in message


def test_key_that_is_none(tmp_path, server):
    message = said(run(tmp_path, server, "dashboard", "--project", "p", WANDB_API_KEY="secret"), 4)
    assert "secret" not in message and server.known.projects == set()


def test_unknown_entity(tmp_path, server):
    message = said(run(tmp_path, server, "dashboard", "--project", "p", "--entity", "nobody"), 2)
    assert "--entity: no entity nobody" in message
    assert server.known.projects == set() and server.known.views == {}


def test_dead_server_is_told_in_seconds(tmp_path, server):
    server.shutdown()
    server.server_close()
    began = time.monotonic()
    message = said(run(tmp_path, server, "dashboard", "--project", "p"), 4)
    assert "does not answer in time" in message and time.monotonic() - began < 60


# --- sweep ----------------------------------------------------------------------------------------------------------

SWEEP = """\
method: random
metric: {name: eval/accuracy, goal: maximize}
parameters:
  learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}
  per_device_batch_size: {values: [4, 8]}
"""
TINY = (
    "data=reviews.jsonl test=null max_length=32 num_train_epochs=1 mixed_precision=fp32 bootstrap_samples=100 "
    "early_stopping_patience=null logging_steps=1"
)


@pytest.fixture
def folder(tmp_path):
    write_reviews(tmp_path / "reviews.jsonl", 200)
    (tmp_path / "s.yaml").write_text(SWEEP)
    return tmp_path


def tiny(model, *more: str) -> list[str]:
    return [word for setting in (*TINY.split(), f"model_name_or_path={model}", *more) for word in ("-o", setting)]


def online(server, run: str) -> tuple[str | None, dict[str, object]]:
    """The sweep of a run on the server, and its config."""
    known = server.runs[run]
    config = {key: entry["value"] for key, entry in json.loads(known["config"]).items() if isinstance(entry, dict)}
    return known.get("sweep"), config


@pytest.mark.slow
def test_two_trials_are_trained_and_recorded(folder, server, model):
    server.known.trials = [
        {"learning_rate": 1e-3, "per_device_batch_size": 8},
        {"learning_rate": 5e-05, "per_device_batch_size": 4.0},
    ]
    done = run(folder, server, "sweep", "s.yaml", "--project", "films", *tiny(model))
    assert done.returncode == 0, done.stderr
    rate = server.known.config("sweep0")["parameters"]["learning_rate"]
    assert (rate["min"], rate["max"]) == (1e-5, 0.01), "numbers, also to a reader of YAML 1.1"
    for trial, rate, batch, updates in (("trial0", 1e-3, 8, 20), ("trial1", 5e-05, 4, 40)):
        sweep, config = online(server, trial)
        assert sweep == "sweep0" and (config["learning_rate"], config["per_device_batch_size"]) == (rate, batch)
        assert server.exit_codes[trial] == 0 and server.history(trial)
        kept = folder / "runs" / "sweep-sweep0" / trial
        assert yaml.safe_load((kept / "config.yaml").read_text())["per_device_batch_size"] == batch
        assert json.loads((kept / "summary.json").read_text())["updates"] == updates, "it reached the training"
        assert trial in done.stderr
    [again] = done.stdout.splitlines()
    assert again.startswith("sentiment-ft train --recipe quickstart -o ") and "learning_rate=" in again
    assert "kkkk" not in done.stderr + done.stdout
    joined = run(folder, server, "sweep", "--sweep-id", "sweep0", "--project", "films", *tiny(model))
    assert joined.returncode == 0 and "no trial was run" in joined.stderr and len(server.known.sweeps) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("send", "number"), [(os.kill, signal.SIGTERM), (os.killpg, signal.SIGINT)])
def test_a_sweep_that_is_stopped_lets_its_trial_save(folder, server, model, send, number):
    """By a scheduler, and by Ctrl-C, which a terminal sends to the whole group: to the trial it would be a second."""
    server.known.trials = [{"learning_rate": 1e-3, "per_device_batch_size": 4}] * 2
    argv = launched.alone("sentiment_ft", "sweep", "s.yaml", *tiny(model, "num_train_epochs=200"))
    given = launched.environment(folder, argv, **wandb_views.environment(server, folder))
    process = subprocess.Popen(argv, cwd=folder, env=given, stderr=subprocess.PIPE, text=True, start_new_session=True)
    trial = folder / "runs" / "sweep-sweep0" / "trial0"
    try:
        while not (trial / "metrics.jsonl").exists() or not (trial / "metrics.jsonl").stat().st_size:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        send(process.pid, number)
        _, message = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 75, message
    assert f"stopped: sweep sweep0: {ended_by(number)}" in message
    again = message.splitlines()[-1].partition("go on: ")[2]
    assert again.startswith("sentiment-ft sweep --sweep-id sweep0 --entity me --project sentiment-ft --recipe ")
    assert shlex.split(again)[10:] == list(tiny(model, "num_train_epochs=200")), "else it would train something else"
    assert f"another agent of it: {again}\n" in message
    assert list((trial / "checkpoints").iterdir()) and server.known.given_out == ["trial0"]
    assert left_running(folder) == []


@pytest.mark.slow
def test_a_sweep_that_is_killed_takes_its_trial_along(folder, server, model):
    server.known.trials = [{"learning_rate": 1e-3, "per_device_batch_size": 4}]
    argv = launched.alone("sentiment_ft", "sweep", "s.yaml", *tiny(model, "num_train_epochs=200"))
    given = launched.environment(folder, argv, **wandb_views.environment(server, folder))
    process = subprocess.Popen(argv, cwd=folder, env=given, stderr=subprocess.DEVNULL)
    while not (folder / "runs" / "sweep-sweep0" / "trial0").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    began = time.monotonic()
    while left_running(folder) and time.monotonic() - began < 30:
        time.sleep(0.1)
    assert left_running(folder) == []


@pytest.mark.slow
def test_a_trial_that_cannot_train_is_told_with_its_own_words(folder, server, model):
    server.known.trials = [{"learning_rate": 1e-3, "per_device_batch_size": 4}]
    done = run(folder, server, "sweep", "s.yaml", *tiny(model, "data=nowhere.csv"))
    assert done.returncode == 5, done.stderr
    assert "error: nowhere.csv" in done.stderr and "warning: trial trial0: failed (3)" in done.stderr
    assert "no trial gave a model" in done.stderr and "Traceback" not in done.stderr


def test_faults_of_a_sweep_are_told_before_the_server_is_asked(folder, server):
    (folder / "s.yaml").write_text("program: sh\n" + SWEEP.replace("values: [4, 8]", "values: [4, 0]"))
    done = run(folder, server, "sweep", "s.yaml", "-o", "learning_rate=1")
    assert done.returncode == 2 and done.stderr.startswith("error: the sweep has 4 faults:\n  - s.yaml:1: program")
    assert server.asked == 0


@pytest.mark.parametrize(
    ("words", "variables", "message"),
    [
        (["sweep", "nowhere.yaml"], {}, "error: nowhere.yaml: no such sweep file"),
        (["sweep", "--sweep-id", "../x"], {}, "error: --sweep-id: ../x is no id of a sweep"),
        (["sweep", "--sweep-id", "a", "--dry-run"], {}, "error: --sweep-id: has a file on the server"),
        (["sweep", "--project", "a:b"], {}, "error: --project: a:b has characters that W&B forbids: :"),
        (["sweep"], {"WANDB_MODE": "offline"}, "error: WANDB_MODE: a sweep is W&B's server choosing"),
        (["sweep"], {"WANDB_DISABLED": "true"}, "error: WANDB_DISABLED: a sweep is W&B's server choosing"),
    ],
)
def test_command_lines_of_a_sweep_that_cannot_be(tmp_path, words, variables, message):
    assert message in said(run(tmp_path, None, *words, **variables), 2)


@pytest.mark.parametrize(
    ("line", "message"),
    [("project: 'a:b'", "s.yaml:1: project: a:b has characters"), ("entity: a b", "s.yaml:1: entity: a b is no name")],
)
def test_where_a_sweep_is_to_be_is_told_by_the_line_of_its_file(tmp_path, line, message):
    (tmp_path / "s.yaml").write_text(f"{line}\n{SWEEP}")
    assert message in said(run(tmp_path, None, "sweep", "s.yaml"), 2)


def test_a_sweep_without_a_key_or_a_sweep(tmp_path, server):
    assert "there is no API key" in said(run(tmp_path, None, "sweep", WANDB_BASE_URL="http://127.0.0.1:9"), 4)
    message = said(run(tmp_path, server, "sweep", "--sweep-id", "none"), 2)
    assert "me/sentiment-ft/none: no such sweep" in message


def test_a_dry_run_of_a_sweep_needs_no_server(tmp_path):
    done = run(tmp_path, None, "sweep", "--dry-run", "-o", "max_length=64", WANDB_BASE_URL="http://127.0.0.1:9")
    shown = json.loads(done.stdout)
    assert done.stderr == "" and shown["sweep"]["parameters"]["per_device_batch_size"]["distribution"] == "categorical"
    assert shown["trial"][:4] == ["python", "-m", "sentiment_ft", "train"] and "max_length=64" in shown["trial"]


@pytest.mark.slow
def test_a_process_of_wandb_that_does_not_end_is_ended(tmp_path, server):
    """Seen once with a server that was lost; here it is stopped by a signal."""
    server.fault = "black hole"
    argv = launched.alone("sentiment_ft", "dashboard", "--project", "p")
    given = launched.environment(tmp_path, argv, **wandb_views.environment(server, tmp_path))
    with subprocess.Popen(argv, cwd=tmp_path, env=given, stderr=subprocess.PIPE, text=True) as process:
        while not server.asked:
            assert process.poll() is None
            time.sleep(0.05)
        [core] = [child for child in psutil.Process(process.pid).children() if child.name().startswith("wandb-core")]
        core.suspend()
        try:
            _, message = process.communicate(timeout=60)
        finally:
            process.kill()
            if core.is_running():
                core.kill()
    assert process.returncode == 4 and "does not answer in time" in message and "Traceback" not in message
