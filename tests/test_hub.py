"""Whether the hub answers: told in seconds, whatever the network does."""

from __future__ import annotations

import socket
import time

import pytest

from sentiment_ft import hub


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    """No proxy, no switch, nothing remembered."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    hub.reachable.cache_clear()
    yield
    hub.reachable.cache_clear()


@pytest.fixture
def listening(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        yield server


def test_hub_that_listens_is_reachable(listening):
    assert hub.reachable()


@pytest.mark.parametrize("value", ["1", "true", "on", "YES"])
def test_offline_switch_is_obeyed_without_asking(listening, monkeypatch, value):
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    monkeypatch.setattr(socket, "create_connection", lambda *arguments: pytest.fail("asked"))
    assert not hub.reachable()


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://[::bad", "http://", "nonsense", "http://x:99999"])
def test_nobody_there(monkeypatch, endpoint):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    start = time.monotonic()
    assert not hub.reachable()
    assert time.monotonic() - start < 4


def test_silence_ends_after_three_seconds(monkeypatch):
    waited = []

    def silent(address, timeout):
        waited.append(timeout)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", silent)
    assert not hub.reachable() and waited == [3.0]


def test_asked_once(listening, monkeypatch):
    assert hub.reachable()
    monkeypatch.setattr(socket, "create_connection", lambda *arguments: pytest.fail("asked again"))
    assert hub.reachable()


def test_proxy_is_believed(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr(socket, "create_connection", lambda *arguments: pytest.fail("asked past the proxy"))
    assert hub.reachable()
