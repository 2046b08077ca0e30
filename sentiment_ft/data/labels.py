"""Which column is the text, which the label, and what a label means: 0 negative, 1 positive."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sentiment_ft.data.records import Value
from sentiment_ft.errors import ConfigError, DataError
from sentiment_ft.terminal import printable

TEXT_COLUMNS = ("text", "sentence", "review", "content", "review_text", "reviewtext", "review_body", "body", "phrase")
LABEL_COLUMNS = ("label", "labels", "sentiment", "polarity", "class", "target", "rating", "stars", "score", "overall")
RATING_COLUMNS = ("rating", "stars", "score", "overall", "star_rating")  # first when cuts are given
FAMILY_COLUMN = "family"  # with validation_split: families, rows of one go to the same side
UNDERSTOOD = {"0": 0, "neg": 0, "negative": 0, "false": 0, "1": 1, "pos": 1, "positive": 1, "true": 1}

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")  # float() would also read 1_0, inf and 1e400
_WHOLE = re.compile(r"([+-]?)0*(\d+)(?:\.0*)?")


@dataclass(frozen=True, slots=True)
class Columns:
    """Names as the file writes them."""

    text: str
    label: str | None
    family: str | None


def find_columns(
    names: Sequence[str], *, text_column: str | None, label_column: str | None, labelled: bool, rated: bool, where: str
) -> Columns:
    """The columns to read: those named by the user, else the first known name, whatever its case.

    rated: cuts for ratings are given, so a rating column goes before a label column. Without `labelled` there may be
    no label column. Raises DataError that lists the columns there are.
    """
    text = _find(names, "text", text_column, TEXT_COLUMNS, where)
    others = [name for name in names if name != text]
    candidates = (*RATING_COLUMNS, *LABEL_COLUMNS) if rated else LABEL_COLUMNS
    label = None
    if labelled or label_column is not None or any(_key(name) in candidates for name in others):
        label = _find(names, "label", label_column, candidates, where, taken=text)
    return Columns(text, label, next((name for name in names if _key(name) == FAMILY_COLUMN), None))


def _key(name: str) -> str:
    return name.strip().casefold()


def _find(
    names: Sequence[str],
    role: str,
    wanted: str | None,
    candidates: Sequence[str],
    where: str,
    *,
    taken: str | None = None,
) -> str:
    free = [name for name in names if name != taken]
    by_key = {_key(name): name for name in reversed(free)}
    for candidate in (wanted,) if wanted is not None else candidates:
        if candidate in free:
            return candidate
        if _key(candidate) in by_key:
            return by_key[_key(candidate)]
    if wanted is not None and taken is not None and _key(wanted) == _key(taken):
        raise DataError(
            f"the column '{printable(taken, 40)}' is the text and cannot be the {role} too",
            where=where,
            way_out=f"name another one: --text-column NAME or --{role}-column NAME",
        )
    listed = ", ".join(f"'{printable(name, 40)}'" for name in names[:20]) + (", …" if len(names) > 20 else "")
    near = (
        difflib.get_close_matches(_key(wanted), by_key, n=1)
        if wanted is not None
        else [key for key in by_key if difflib.get_close_matches(key, candidates, n=1, cutoff=0.75)]
    )
    option = f"--{role}-column "
    hint = f"did you mean {option}{printable(by_key[near[0]], 40)}? Or " if near else ""
    missing = f"no column '{printable(wanted, 40)}'" if wanted is not None else f"no {role} column"
    raise DataError(
        f"{missing}; the columns are {listed or 'none'}",
        where=where,
        way_out=f"{hint}name it: {option}NAME, or give the file a header line such as text,label",
    )


@dataclass(frozen=True, slots=True)
class Labels:
    """What a label means. known: label, in the form of `label_key`, -> 0 or 1. The cuts are both None or both given."""

    known: Mapping[str, int] = field(default_factory=lambda: UNDERSTOOD)
    negative_max_rating: float | None = None
    positive_min_rating: float | None = None

    def read(self, value: Value) -> int | str:
        """0 or 1, or the reason why there is no label."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return "no label"
        key = label_key(value)
        if not key:
            return "no label"
        if self.negative_max_rating is not None and self.positive_min_rating is not None:
            return self._read_rating(key, self.negative_max_rating, self.positive_min_rating)
        label = self.known.get(key)
        if label is not None:
            return label
        return "no label" if key == "-1" else f"unknown label '{printable(str(value).strip(), 40)}'"

    def _read_rating(self, key: str, negative_max: float, positive_min: float) -> int | str:
        if key == "-1" and negative_max >= 0:  # as without cuts; where the ratings go below zero, it is one of them
            return "no label"
        rating = float(key) if _NUMBER.fullmatch(key) else math.nan
        if not math.isfinite(rating):  # four hundred digits are infinite
            return f"unknown rating '{printable(key, 40)}'"
        if negative_max < rating < positive_min:
            return f"rating {rating:g} lies between {negative_max:g} and {positive_min:g}"
        return int(rating >= positive_min)


def make_labels(
    label_map: Mapping[str, int], negative_max_rating: float | None, positive_min_rating: float | None
) -> Labels:
    """The rule for labels. A label_map replaces the labels understood by themselves: in {"2": 1, "0": 0}, "1" is no
    label.

    The parts agree: `Config` has checked them. Raises ConfigError when label_map gives one label two meanings.
    """
    known: dict[str, int] = {}
    for name, label in label_map.items():
        if known.setdefault(label_key(name), label) != label:
            raise ConfigError(
                f"label_map gives '{printable(name, 40)}' two labels",
                way_out="case and '.0' make no difference: keep one",
            )
    return Labels(known or UNDERSTOOD, negative_max_rating, positive_min_rating)


def label_key(value: Value) -> str:
    """One form for the ways to write a label: "1", "1.0", 1 and 1.0 are "1"; True, "true" and "TRUE" are "true"."""
    key = str(value).strip().casefold()
    if whole := _WHOLE.fullmatch(key):
        return ("-" if whole[1] == "-" and whole[2] != "0" else "") + whole[2]
    return key
