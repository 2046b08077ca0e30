"""What W&B's server says, in our words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sentiment_ft.launch import sweep_server
from sentiment_ft.launch.sweep_server import Place
from sentiment_ft.track import views
from sentiment_ft.track.dashboard import View
from sentiment_ft.track.wandb_api import WandbApi, WandbFault, _fault, address, within, without_key
from sentiment_ft.track.wandb_run import words

KEY = "0123456789abcdef" * 2 + "01234567"


def test_a_key_that_a_server_quotes_is_not_repeated(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert without_key(f"no such key: {KEY}") == "no such key: ***"
    assert KEY not in str(_fault(RuntimeError(f"bad request: {KEY}"), "https://api.wandb.ai"))


def test_a_key_is_masked_before_the_words_are_cut():
    for before in range(100, 320):  # where the cut goes through the key, no pattern would find it
        long = RuntimeError("x" * before + f" {KEY} is no key")
        assert "0123456789ab" not in words(long) and "0123456789ab" not in str(_fault(long, "https://api.wandb.ai"))


def answering(answer: Any) -> WandbApi:
    """A server that answers that to every question."""
    service = SimpleNamespace(app_url="https://me:hunter2@here/", execute_graphql=lambda query, variables: answer)
    return WandbApi(SimpleNamespace(_service_api=service), "https://here")


def test_a_login_in_the_address_of_the_server_is_not_shown():
    assert address(answering({}), "me", "films") == "https://here/me/films"


def test_within():
    assert within({"a": {"b": 0}}, "a", "b") == 0
    for odd in (None, 5, "x", [1], {}, {"a": None}, {"a": 5}, {"a": [1]}):
        assert within(odd, "a", "b") is None


ODD: tuple[Any, ...] = (5, "x", [1], None, {"a": 1})


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
@pytest.mark.parametrize("odd", ODD)
def test_a_server_that_answers_nonsense_is_one_line(odd, depth):
    """At every depth of the answer to every question."""
    place, view = Place("me", "films", "s1"), View("project-view", "nw-a-v", "A", "", {})
    questions = {
        ("viewer", "entity"): lambda api: api.account(),
        ("model", "bucket", "historyTail"): lambda api: api.end_of_run("me", "films", "r1"),
        ("upsertSweep", "sweep", "name"): lambda api: sweep_server.create(api, "me", "films", {}),
        ("createAgent", "agent", "id"): lambda api: sweep_server.register(api, place),
        ("upsertView", "view", "id"): lambda api: views.save(api, "me", "films", view),
    }
    for keys, ask in questions.items():
        answer = odd
        for key in reversed(keys[:depth]):
            answer = {key: answer}
        if depth >= len(keys) and isinstance(odd, str):
            continue  # that is an answer
        with pytest.raises(WandbFault):
            ask(answering(answer))
    for commands in ({"agentHeartbeat": odd}, {"agentHeartbeat": {"commands": None if odd == "x" else odd}}):
        assert sweep_server.beat(answering(commands), "1", None) == []
