"""What W&B's server says, in our words."""

from __future__ import annotations

from sentiment_ft.track.wandb_api import _fault, without_key

KEY = "0123456789abcdef" * 2 + "01234567"


def test_a_key_that_a_server_quotes_is_not_repeated(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert without_key(f"no such key: {KEY}") == "no such key: ***"
    assert KEY not in str(_fault(RuntimeError(f"bad request: {KEY}"), "https://api.wandb.ai"))
