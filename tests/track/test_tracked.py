"""tracking.json: back as it was written; what else it may hold is nothing."""

from __future__ import annotations

import json

import pytest

from sentiment_ft.track import tracked
from sentiment_ft.track.tracked import Tracked


def test_it_comes_back_as_it_was(tmp_path):
    assert tracked.read(tmp_path) is None
    for known in (
        Tracked("ab12cd34"),
        Tracked("x_-9", "films", "me", "offline", None, True),
        Tracked("a", url="http://h/r"),
    ):
        tracked.write(tmp_path, known)
        assert tracked.read(tmp_path) == known


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "null", "{}", '{"wandb": null}', '{"wandb": {"id": "a"}}', "[" * 9000, "\\x00",
        *(json.dumps({"wandb": {"id": id, "mode": "online", "complete": True}}) for id in
          (3, None, "", "a/b", "../x", "a b", "x" * 65, "\x1b[2J", "a\n", ["a"])),
        json.dumps({"wandb": {"id": "a", "mode": "online", "complete": False, "url": "x" * 20_000}}),
    ],
)  # fmt: skip
def test_what_it_may_not_hold_is_nothing(tmp_path, content):
    (tmp_path / tracked.FILE).write_text(content, "utf-8")
    assert tracked.read(tmp_path) is None


def test_new_ids_are_ids_and_differ():
    ids = {tracked.new_id() for _ in range(100)}
    assert len(ids) == 100 and all(map(tracked.is_id, ids))
