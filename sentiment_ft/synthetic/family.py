"""One template family: a form a review can take. Format of its templates: see grammar.py.

A family has shared templates, which serve both sentiments through the polar slots, and templates of one side only. In
every template the last clause, or the only one that judges, decides the label.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """weight: share of the rows, relative to the sum over the generated families. held_out: kept away from training.

    sealed: a plain verdict follows, so that rare words are met beside common ones. long: may be lengthened.
    """

    weight: int
    shared: str
    negative: str = ""
    positive: str = ""
    held_out: bool = False
    sealed: bool = True
    long: bool = True
