"""Rows in = rows used + rows rejected; and the questions whether what is left can be trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sentiment_ft.errors import DataError
from sentiment_ft.terminal import printable

MAX_KINDS = 200  # kinds of fault counted apart; a text column taken for labels would make one of every row
_UNKNOWN = "unknown label"
_NAMES = {0: "negative", 1: "positive"}


def count_reason(reasons: Counter[str], reason: str) -> None:
    """Count a fault by its kind, the part before the colon. Unknown labels are counted by label, the first MAX_KINDS of
    them.
    """
    kind = reason if reason.startswith(_UNKNOWN) else reason.split(":")[0]
    if kind not in reasons and len(reasons) >= MAX_KINDS:
        kind = _UNKNOWN if reason.startswith(_UNKNOWN) else "other"
    reasons[kind] += 1


def check_rejected(used: int, rejected_by_reason: Mapping[str, int], allowed_share: float, where: str) -> None:
    """Raise DataError when there is no row to use, or when more than `allowed_share` of all rows is rejected.

    rejected_by_reason: as `count_reason` makes it. where: the source, or file:line of its first rejected row.
    """
    rejected = sum(rejected_by_reason.values())
    if not used and not rejected:
        raise DataError("there are no rows", where=where, way_out="check what should have written them")
    if used and rejected <= allowed_share * (used + rejected):
        return
    top = Counter(rejected_by_reason).most_common(4)
    listed = ", ".join(f"{printable(reason, 80)} ({count:,})" for reason, count in top)
    more = f" and {len(rejected_by_reason) - len(top)} more reasons" if len(rejected_by_reason) > len(top) else ""
    share = f"{rejected:,} of {used + rejected:,} rows ({rejected / (used + rejected):.1%}) cannot be used"
    allowed = "none is left" if not used else f"{allowed_share:.1%} is allowed"
    raise DataError(
        f"{share}, {allowed}: {listed}{more}", where=where, way_out=_way_out(rejected_by_reason, rejected, used)
    )


def check_labels(rows_by_label: Mapping[int, int], where: str) -> None:
    """Raise DataError when there is no row, or none of one label."""
    present = [label for label in (0, 1) if rows_by_label.get(label)]
    if not present:
        raise DataError("there are no rows", where=where, way_out="check what should have written them")
    if len(present) == 1:
        raise DataError(
            f"all {rows_by_label[present[0]]:,} rows are {_NAMES[present[0]]}",
            where=where,
            way_out="training needs both labels: check the label column (--label-column NAME) and --label-map",
        )


def _way_out(reasons: Mapping[str, int], rejected: int, used: int) -> str:
    """Mend the labels if most faults are theirs, else mend the rows; or allow the share, when something is left."""
    unknown = {reason: count for reason, count in reasons.items() if reason.startswith(_UNKNOWN)}
    allow = f", or allow it: --max-rejected-share {_rounded_up(rejected / (used + rejected))}" if used else ""
    if 2 * sum(unknown.values()) >= rejected and unknown:
        labels = [reason.removeprefix(_UNKNOWN).strip(" '") for reason in unknown]
        if any(_is_number(label) for label in labels):
            return (
                "if they are ratings, state the cuts, as in --negative-max-rating 4 --positive-min-rating 7; else "
                f'map each to 0 or 1: --label-map \'{{"1": 0, "2": 1}}\'{allow}'
            )
        if not used and len(labels) == 2:
            return (
                "say which is negative and which positive, with 0 and 1 for the question marks: "
                f"--label-map '{{{labels[0]}: ?, {labels[1]}: ?}}'"
            )
        return (
            "there are two labels here: map every one to use, the known ones too, as in "
            f"--label-map '{{negative: 0, positive: 1, {printable(labels[0], 20)}: 0}}', or take those rows out{allow}"
        )
    if 2 * reasons.get("no label", 0) >= rejected:
        return f'check the label column; if -1 is a label of yours: --label-map \'{{"-1": 0, "1": 1}}\'{allow}'
    if 2 * reasons.get("not UTF-8", 0) >= rejected:
        return f"convert the file: iconv -f LATIN1 -t UTF-8 FILE > NEW_FILE{allow}"
    return f"mend the rows{allow}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _rounded_up(share: float) -> str:
    return f"{min(1.0, (int(share * 100) + 1) / 100):g}"
