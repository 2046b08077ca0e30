from collections import Counter

import pytest

from sentiment_ft.data.accounting import MAX_KINDS, check_labels, check_rejected, count_reason
from sentiment_ft.errors import DataError


def counted(*reasons):
    counter = Counter()
    for reason in reasons:
        count_reason(counter, reason)
    return counter


def test_reasons_are_counted_by_kind_and_labels_apart():
    reasons = counted(
        "not UTF-8: byte 0xe9 at column 1", "not UTF-8: byte 0xe8 at column 2", "unknown label '7:30'", "no text"
    )
    assert reasons == {"not UTF-8": 2, "unknown label '7:30'": 1, "no text": 1}


def test_kinds_are_bounded():
    reasons = counted(*(f"unknown label '{number}'" for number in range(10_000)))
    assert len(reasons) <= MAX_KINDS + 1 and reasons.total() == 10_000


@pytest.mark.parametrize(("used", "rejected", "allowed"), [(99, 1, 0.01), (1, 0, 0.0), (1, 99, 0.99)])
def test_a_share_that_is_allowed(used, rejected, allowed):
    check_rejected(used, {"no text": rejected} if rejected else {}, allowed, "a.csv")


@pytest.mark.parametrize(
    ("used", "reasons", "what", "way_out"),
    [
        (
            98,
            {"no text": 2},
            "2 of 100 rows (2.0%) cannot be used, 1.0% is allowed: no text (2)",
            "--max-rejected-share 0.03",
        ),
        (0, {"no text": 2}, "none is left: no text (2)", "mend the rows"),
        (50, {"unknown label '7'": 30, "unknown label '8'": 20}, "unknown label '7' (30)", "--negative-max-rating 4"),
        (0, {"unknown label 'good'": 5, "unknown label 'bad'": 4}, "'good' (5)", "--label-map '{good: ?, bad: ?}'"),
        (50, {"unknown label 'neutral'": 30}, "unknown label 'neutral' (30)", "there are two labels here"),
        (50, {"no label": 50}, "no label (50)", "if -1 is a label of yours"),
        (0, {}, "there are no rows", "check"),
        (0, {str(n): 1 for n in range(9)}, "and 5 more reasons", "mend"),
    ],
)
def test_a_share_that_is_not(used, reasons, what, way_out):
    with pytest.raises(DataError) as caught:
        check_rejected(used, reasons, 0.01, "a.csv:7")
    assert what in caught.value.what and way_out in caught.value.way_out and caught.value.where == "a.csv:7"


def test_labels():
    check_labels({0: 1, 1: 2}, "a.csv")
    with pytest.raises(DataError, match="all 7 rows are positive"):
        check_labels({1: 7, 0: 0}, "a.csv")
    with pytest.raises(DataError, match="no rows"):
        check_labels({}, "a.csv")
