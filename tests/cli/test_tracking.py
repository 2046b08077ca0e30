"""`dashboard`, as a process against a W&B server on this machine: one view however often, each fault in one line."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from tests import launched, wandb_views


@pytest.fixture
def server():
    server = wandb_views.start()
    yield server
    server.shutdown()
    server.server_close()


def run(folder, server, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """server: None for one that has no account anywhere."""
    nowhere = {"HOME": str(folder), "NETRC": str(folder / "netrc"), "WANDB_API_KEY": ""}
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
    assert len(server.known.views) == 3, "another project has its own"


def test_what_a_dry_run_prints_is_what_is_saved(tmp_path, server):
    dry = run(
        tmp_path, None, "dashboard", "--project", "films", "--report", "--dry-run", WANDB_BASE_URL="http://[::1]:9"
    )
    assert dry.returncode == 0 and dry.stderr == ""
    run(tmp_path, server, "dashboard", "--project", "films", "--report")
    saved = {view["type"]: view for view in server.known.views.values()}
    printed = json.loads(dry.stdout)["views"]
    assert [view["kind"] for view in printed] == ["project-view", "runs"]
    for view in printed:
        assert json.loads(saved[view["kind"]]["spec"]) == view["spec"]
        assert saved[view["kind"]]["name"] == view["name"]
    again = run(tmp_path, None, "dashboard", "--project", "films", "--report", "--dry-run", PYTHONHASHSEED="7")
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
        ([], "error: --project: is missing"),
        (["--project", "p", "--entity", "../x"], "error: --entity: ../x is no name of a user or team"),
    ],
)
def test_names_that_cannot_be(tmp_path, words, message):
    assert message in said(run(tmp_path, None, "dashboard", *words), 2)


def test_no_key(tmp_path):
    message = said(run(tmp_path, None, "dashboard", "--project", "p", WANDB_BASE_URL="http://127.0.0.1:9"), 4)
    assert "there is no API key" in message and "way out: wandb login" in message


def test_wrong_key(tmp_path, server):
    server.fault = {"match": "gql:", "code": 401}
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
    assert "does not answer within 15 s" in message and time.monotonic() - began < 60
