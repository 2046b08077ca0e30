"""What is written before the first update."""

from __future__ import annotations

import json

import pytest

from sentiment_ft import outcome, recipe


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        ({"seed": {"value": 7, "origin": "--seed"}}, "--seed"),
        ({"seed": {"value": 8, "origin": "--seed"}}, "config.yaml:1"),  # another value than it began with
        ({"seed": {"value": 7, "origin": 3}}, "config.yaml:1"),
        ({"seed": [7, "--seed"]}, "config.yaml:1"),
        ([], "config.yaml:1"),
        (None, "config.yaml:1"),
    ],
)
def test_a_resumed_run_keeps_the_origins_of_its_values(tmp_path, before, shown):
    (tmp_path / "config.yaml").write_text("seed: 7\nmax_length: 64\n")
    loaded = recipe.load(str(tmp_path / "config.yaml"), flags={"max_length": 32})
    if before is not None:
        more = {"max_length": {"value": 32, "origin": "t4.yaml:3"}} if isinstance(before, dict) else {}
        (tmp_path / "plan.json").write_text(json.dumps({"config": before | more if more else before}))
    found = outcome.first_origins(tmp_path, loaded)
    assert found["seed"] == shown and found["max_length"] == loaded.origins["max_length"] != "t4.yaml:3"
    assert found["data"] == "default"
