"""Processes that were given something else than the main one are told apart, by name."""

from __future__ import annotations

import pytest

from sentiment_ft.errors import ConfigError
from sentiment_ft.run import agreement


@pytest.fixture
def given(monkeypatch):
    """The facts of all processes; each call is as one of process 0."""

    def meet(*facts):
        monkeypatch.setattr(agreement, "gather_object", lambda own: [*own, *facts[1:]])
        agreement.check(None, facts[0])

    return meet


def test_the_same_everywhere_is_fine(given):
    given({"learning_rate": 2e-5, "label_map": {"good": 1}}, {"label_map": {"good": 1}, "learning_rate": 2e-5})


def test_what_differs_is_named_with_both_values_and_the_process(given):
    with pytest.raises(ConfigError) as caught:
        given({"seed": 1, "epochs": 3}, {"seed": 1, "epochs": 3}, {"seed": 2, "epochs": 3})
    assert caught.value.what == "seed is 1 in process 0, 2 here"
    assert caught.value.where == "process 2 of 3"


def test_what_one_process_lacks_is_a_difference(given):
    with pytest.raises(ConfigError, match=r"content of a\.csv is 1f in process 0, missing here"):
        given({"content of a.csv": "1f"}, {})
    with pytest.raises(ConfigError, match=r"content of a\.csv is missing in process 0, 1f here"):
        given({}, {"content of a.csv": "1f"})


def test_many_differences_are_counted_and_hostile_ones_are_safe_to_print(given):
    with pytest.raises(ConfigError) as caught:
        given(dict.fromkeys("abcde", 0), dict.fromkeys("abcde", "\x1b[31m" + "x" * 1000))
    assert caught.value.what.endswith("; 2 more differ")
    assert "\x1b" not in caught.value.what and len(caught.value.what) < 400
