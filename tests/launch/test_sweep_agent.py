"""The agent against what a W&B server can do to it, with trials that are small programs of their own."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from sentiment_ft.errors import ConfigError, TrainingError
from sentiment_ft.launch import sweep_agent, sweep_server
from sentiment_ft.launch.sweep_agent import Agent
from sentiment_ft.launch.sweep_server import Place
from sentiment_ft.launch.trial import Plan, best, outcome
from sentiment_ft.track.wandb_api import WandbFault
from tests.wandb_views import Views

# A trial that saves when it is told to stop, as `train` does. Its seed says what becomes of it.
PROGRAM = """
import json, os, pathlib, signal, sys, time
folder, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2])
folder.mkdir(parents=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(75) if seed != 7 else None)
(folder / "group").write_text(str(os.getpgrp()))
(folder / "begun").write_text(os.environ["WANDB_RUN_ID"])
if seed == 3: time.sleep(1)
if seed >= 5: time.sleep(60)
if seed == 4: sys.exit(3)
(folder / "summary.json").write_text(json.dumps({"best": {"scores": {"accuracy": seed / 10}}}))
"""
SLEEPS, DEAF, FAILS = 5, 7, 4


class Direct:
    """Questions answered without a network. dead: as a server that is gone; status: of HTTP."""

    server = "http://here"

    def __init__(self) -> None:
        self.known = Views()
        self.known.sweeps["s1"] = {"config": "", "state": "RUNNING"}
        self.dead = False
        self.status: int | None = None

    def ask(self, query: str, given: dict) -> dict:
        if self.dead:
            raise WandbFault("does not answer", where=self.server, way_out="", status=self.status)
        name = query.split("(")[0].split()[1]
        return getattr(self.known, name)(given)


@pytest.fixture
def agent(tmp_path, monkeypatch) -> Agent:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweep_agent, "SECONDS_BETWEEN_BEATS", 0.1)

    def argv(plan, run_id, values):
        return [sys.executable, "-c", PROGRAM, str(plan.folder(run_id)), str(values["seed"])]

    monkeypatch.setattr(Plan, "argv", argv)
    plan = Plan("quickstart", (), Place("me", "films", "s1"), "accuracy", lower=False)
    return Agent(Direct(), plan, frozenset({"seed"}), None)


def begins(agent: Agent, run_id: str = "trial0") -> None:
    while not (agent.plan.folder(run_id) / "begun").exists():
        time.sleep(0.01)


def later(agent: Agent, what, run_id: str = "trial0") -> threading.Thread:
    """Do it once the trial has begun."""
    thread = threading.Thread(target=lambda: (begins(agent, run_id), what()), daemon=True)
    thread.start()
    return thread


def codes(agent: Agent) -> list[int]:
    return [found.code for found in agent.outcomes]


def test_trials_until_there_is_none(agent):
    agent.api.known.trials = [{"seed": 1}, {"seed": 3}, {"seed": 2}]
    agent.run()
    assert codes(agent) == [0, 0, 0]
    assert [found.value for found in agent.outcomes] == [0.1, 0.3, 0.2]
    assert best(agent.outcomes, lower=False).run_id == "trial1" and best(agent.outcomes, lower=True).run_id == "trial0"
    folder = Path("runs/sweep-s1/trial1")
    assert (folder / "begun").read_text() == "trial1"
    assert int((folder / "group").read_text()) != os.getpgrp(), "Ctrl-C comes to it through the agent only"


def test_count_is_the_most(agent):
    agent.api.known.trials = [{"seed": 1}, {"seed": 3}, {"seed": 2}]
    agent.count = 2
    agent.run()
    assert len(agent.outcomes) == 2 and len(agent.api.known.trials) == 1, "no trial is taken and left"


def test_what_runs_is_said(agent):
    agent.api.known.trials = [{"seed": SLEEPS}]
    later(agent, lambda: (time.sleep(0.5), os.kill(os.getpid(), signal.SIGTERM)))
    agent.run()
    assert {"trial0": True} in agent.api.known.beats and agent.api.known.beats[0] == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_the_trial_save_and_ends_the_agent(agent, number):
    agent.api.known.trials = [{"seed": SLEEPS}, {"seed": 1}]
    later(agent, lambda: os.kill(os.getpid(), number))
    inherited = signal.signal(number, signal.SIG_DFL)  # it may be ignored, as under nohup
    try:
        agent.run()
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, inherited)
    assert codes(agent) == [75] and agent.received == [number] and agent.outcomes[0].how() == "stopped, saved"


def test_a_second_signal_ends_a_trial_that_does_not_listen(agent):
    agent.api.known.trials = [{"seed": DEAF}]
    later(agent, lambda: [(os.kill(os.getpid(), signal.SIGINT), time.sleep(0.5)) for _ in range(2)])
    began = time.monotonic()
    agent.run()
    assert codes(agent) == [-signal.SIGKILL] and time.monotonic() - began < 30


def test_a_trial_that_does_not_listen_is_ended_in_the_end(agent, monkeypatch):
    monkeypatch.setattr(sweep_agent, "SECONDS_TO_SAVE", 0.3)
    agent.api.known.trials = [{"seed": DEAF}]
    later(agent, lambda: os.kill(os.getpid(), signal.SIGTERM))
    agent.run()
    assert codes(agent) == [-signal.SIGKILL]


def test_a_signal_between_trials_ends_the_agent_at_once(agent, monkeypatch):
    monkeypatch.setattr(sweep_agent, "SECONDS_BETWEEN_BEATS", 60)
    agent.api.known.trials = [{"type": "none"}]
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
    began = time.monotonic()
    agent.run()
    assert agent.outcomes == [] and time.monotonic() - began < 30


def told(agent: Agent, *commands: dict) -> list[dict]:
    """What the server says while a trial runs, and has not said yet."""
    usual, waiting = agent.api.known.Heartbeat, list(commands)

    def heartbeat(given):
        answer = usual(given)
        if given["runState"] != "{}" and waiting:
            begins(agent)
            answer["agentHeartbeat"]["commands"] = json.dumps([waiting.pop(0)])
        return answer

    agent.api.known.Heartbeat = heartbeat
    return waiting


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_a_trial_that_the_server_stops_hears_it_first_from_the_server(agent, monkeypatch, seconds):
    """By the agent's signal it would be preempted."""
    monkeypatch.setattr(sweep_agent, "SECONDS_TO_HEED", seconds)
    agent.api.known.trials = [{"seed": SLEEPS}]
    unsaid = told(agent, {"type": "stop", "run_id": "trial0"})
    later(agent, lambda: [time.sleep(1.0), agent._running and agent._running.kill()])
    agent.run()
    assert unsaid == [] and codes(agent) == [75 if seconds == 0 else -signal.SIGKILL]


def test_a_signal_while_a_trial_hears_that_it_is_stopped_does_not_make_it_preempted(agent, monkeypatch):
    monkeypatch.setattr(sweep_agent, "SECONDS_TO_HEED", 2.0)
    agent.api.known.trials = [{"seed": SLEEPS}, {"seed": 1}]
    told(agent, {"type": "stop", "run_id": "trial0"})
    sent: list[float] = []

    def at_once() -> None:
        while agent._stopped_at is None:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        sent.append(time.monotonic())

    later(agent, at_once)
    agent.run()
    assert codes(agent) == [75] and agent.received == [signal.SIGTERM]
    assert time.monotonic() - sent[0] > 1.0, "the trial had its time"


def test_the_server_stops_a_trial_and_the_next_one_runs(agent, monkeypatch):
    monkeypatch.setattr(sweep_agent, "SECONDS_TO_HEED", 0.0)
    agent.api.known.trials = [{"seed": SLEEPS}, {"seed": 1}]
    mine, others = {"type": "stop", "run_id": "trial0"}, {"type": "stop", "run_id": "another"}
    unsaid = told(agent, others, {"type": "unheard of"}, others, others, mine)
    agent.run()
    assert codes(agent) == [75, 0] and unsaid == [], "it was stopped by the last of them"


def test_the_server_ends_the_sweep(agent):
    agent.api.known.trials = [{"seed": SLEEPS}, {"seed": 1}]
    told(agent, {"type": "exit"})
    agent.run()
    assert codes(agent) == [75]


def test_a_trial_that_fails_is_told_and_the_next_one_runs(agent, capsys):
    agent.api.known.trials = [{"seed": FAILS}, {"seed": 1}]
    agent.run()
    assert codes(agent) == [3, 0] and agent.outcomes[0].value is None
    assert "warning: trial trial0: failed (3)" in capsys.readouterr().err


def test_three_failures_in_a_row_end_the_agent(agent):
    agent.api.known.trials = [{"seed": FAILS}, {"seed": 1}, *[{"seed": FAILS}] * 5]
    with pytest.raises(TrainingError, match="3 trials in a row failed"):
        agent.run()
    assert codes(agent) == [3, 0, 3, 3, 3]


def test_trials_that_were_stopped_are_no_failures(agent):
    usual = agent.api.known.Heartbeat

    def heartbeat(given):
        answer = usual(given)
        for run_id in json.loads(given["runState"]):
            begins(agent, run_id)
            answer["agentHeartbeat"]["commands"] = json.dumps([{"type": "stop", "run_id": run_id}])
            if agent._stopped_at is not None and agent._running is not None:
                agent._running.kill()  # it has not saved in time
        return answer

    agent.api.known.Heartbeat = heartbeat
    agent.api.known.trials = [{"seed": SLEEPS}] * 4
    agent.run()
    assert codes(agent) == [-signal.SIGKILL] * 4


@pytest.mark.parametrize(
    "values",
    [
        {"seed": -1},
        {"learning_rate": 1e-4},
        {"seed": 1, "data": "/etc/passwd"},
        {"seed": [1]},
        {"seed": float("nan")},
        {"\x1b[2J": "\x1b]0;x\x07\u202e"},
        {"seed": "\x1b[2J" * 999},
    ],
)
def test_parameters_of_a_hostile_server_start_nothing(agent, values, capsys):
    agent.api.known.trials = [values]
    agent.run()
    assert codes(agent) == [2] and not Path("runs").exists()
    said = capsys.readouterr().err
    assert "W&B's parameters are refused" in said and "\x1b" not in said and "\u202e" not in said


@pytest.mark.parametrize(
    "command",
    [{"type": "run", "run_id": "../../x", "args": {}}, {"type": "run"}, {"type": "run", "run_id": "a", "args": [1]},
     {"type": "run", "run_id": "a", "args": {"seed": 1}}, {"type": "run", "run_id": "a\x00b"}],
)  # fmt: skip
def test_commands_that_are_none(agent, command, monkeypatch):
    monkeypatch.setattr(sweep_agent, "SECONDS_WITHOUT_SERVER", 0.3)
    agent.api.known.trials = [command] * 1000
    with pytest.raises(WandbFault, match="no W&B commands"):
        agent.run()
    assert agent.outcomes == [] and not Path("runs").exists()


def test_while_the_server_is_away_the_trial_goes_on(agent, capsys):
    agent.api.known.trials = [{"seed": SLEEPS}, {"seed": 2}]

    def away():
        agent.api.dead = True
        time.sleep(0.5)
        agent.api.dead = False
        time.sleep(0.5)
        agent._stop()

    later(agent, away)
    agent.run()
    assert codes(agent) == [75, 0]
    said = capsys.readouterr().err
    assert said.count("warning: http://here: does not answer") == 1 and "W&B answers again" in said


def test_a_server_that_stays_away_ends_the_agent_with_what_was_done(agent, monkeypatch):
    monkeypatch.setattr(sweep_agent, "SECONDS_WITHOUT_SERVER", 0.3)
    agent.api.known.trials = [{"seed": 3}, {"seed": 2}]
    later(agent, lambda: setattr(agent.api, "dead", True))
    with pytest.raises(WandbFault, match="does not answer"):
        agent.run()
    assert codes(agent) == [0], "the trial was waited for"


def test_a_deleted_sweep_ends_the_agent_at_once(agent, monkeypatch):
    usual = sweep_server.register
    monkeypatch.setattr(sweep_server, "register", lambda *given: (usual(*given), setattr(agent.api, "dead", True))[0])
    agent.api.status = 404
    with pytest.raises(WandbFault, match="the sweep was deleted"):
        agent.run()


def test_a_sweep_that_is_joined(agent):
    place = agent.plan.place
    agent.api.known.sweeps["s1"]["config"] = "method: grid\n"
    assert sweep_server.config_of(agent.api, place) == "method: grid\n"
    agent.api.known.sweeps["s1"]["state"] = "FINISHED"
    with pytest.raises(ConfigError, match="has ended"):
        sweep_server.config_of(agent.api, place)
    with pytest.raises(ConfigError, match="no such sweep"):
        sweep_server.config_of(agent.api, Place("me", "films", "other"))
    for name in ("../x", "", "a b", "x" * 65):
        with pytest.raises(ConfigError):
            sweep_server.checked_id(name)


def test_a_summary_that_is_none_has_no_score(agent, tmp_path):
    folder = agent.plan.folder("trial0")
    folder.mkdir(parents=True)
    for text in (
        "",
        "[]",
        '{"best": {"scores": {"accuracy": null}}}',
        '{"best": {"scores": {"accuracy": NaN}}}',
        "[" * 9999,
    ):
        (folder / "summary.json").write_text(text)
        assert outcome(agent.plan, "trial0", {}, 0).value is None
