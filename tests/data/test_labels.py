import math

import pytest

from sentiment_ft.data.labels import Columns, Labels, find_columns, make_labels
from sentiment_ft.errors import ConfigError, DataError

WANTED = {"text_column": None, "label_column": None, "labelled": True, "rated": False, "where": "a.csv"}


@pytest.mark.parametrize(
    ("names", "options", "expected"),
    [
        (["text", "label"], {}, ("text", "label")),
        (["sentence", "label", "idx"], {}, ("sentence", "label")),
        (["Sentiment", "Text", "batch_id"], {}, ("Text", "Sentiment")),
        (["id", "label", "rating", "text"], {}, ("text", "label")),
        (["id", "label", "rating", "text"], {"rated": True}, ("text", "rating")),
        ([" REVIEW ", " Stars"], {}, (" REVIEW ", " Stars")),
        (["text", "label", "Body"], {"text_column": "body"}, ("Body", "label")),
        (["text", "Text", "y"], {"text_column": "Text", "label_column": "y"}, ("Text", "y")),
        (["text"], {"labelled": False}, ("text", None)),
        (["text", "label"], {"labelled": False}, ("text", "label")),
    ],
)
def test_columns_found(names, options, expected):
    found = find_columns(names, **(WANTED | options))
    assert (found.text, found.label) == expected


def test_family_column_is_carried():
    assert find_columns(["text", "label", "Family"], **WANTED) == Columns("text", "label", "Family")


@pytest.mark.parametrize(
    ("names", "options", "what", "way_out"),
    [
        (
            ["great film", "1"],
            {},
            "no text column; the columns are 'great film', '1'",
            "header line such as text,label",
        ),
        (["text", "idx"], {}, "no label column; the columns are 'text', 'idx'", "--label-column NAME"),
        (["text", "lable"], {}, "no label column", "did you mean --label-column lable?"),
        (["revew", "label"], {}, "no text column", "did you mean --text-column revew?"),
        (["text", "label"], {"text_column": "txt"}, "no column 'txt'", "did you mean --text-column text?"),
        (["text"], {"label_column": "y", "labelled": False}, "no column 'y'", "--label-column NAME"),
        (
            ["Stars", "b"],
            {"text_column": "stars", "label_column": "stars"},
            "the column 'Stars' is the text and cannot be the label too",
            "--label-column NAME",
        ),
        (["text", "b"], {"label_column": "text"}, "'text' is the text and cannot be the label", "--label-column NAME"),
        (["\x1b[31m", "b"], {}, r"\\x1b\[31m", "--text-column NAME"),
    ],
)
def test_columns_missing(names, options, what, way_out):
    with pytest.raises(DataError, match=what) as caught:
        find_columns(names, **(WANTED | options))
    assert way_out in caught.value.way_out and caught.value.where == "a.csv"


@pytest.mark.parametrize(
    "value", [0, 0.0, "0", " 0 ", "0.0", "-0", "neg", "NEG", "Negative", "negative ", False, "false"]
)
def test_negative(value):
    assert Labels().read(value) == 0


@pytest.mark.parametrize("value", [1, 1.0, "1", "1.0", "+1", "01", "pos", "Positive", "POSITIVE", True, "True"])
def test_positive(value):
    assert Labels().read(value) == 1


@pytest.mark.parametrize("value", [None, math.nan, "", "  ", -1, "-1", "-1.0"])
def test_no_label(value):
    assert Labels().read(value) == "no label"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(7, "7"), ("7", "7"), (0.5, "0.5"), ("neutral", "neutral"), ("maybe\x1b[0m", "maybe\\x1b[0m"), ("nan", "nan")],
)
def test_unknown_label(value, shown):
    assert Labels().read(value) == f"unknown label '{shown}'"


def test_label_map_replaces_what_is_understood():
    labels = make_labels({"2": 1, "0": 0, "-1": 0, "Meh": 0}, None, None)
    assert [labels.read(value) for value in (2, "2.0", 0, -1, "meh")] == [1, 1, 0, 0, 0]
    assert labels.read("1") == "unknown label '1'" and labels.read("pos") == "unknown label 'pos'"


def test_ratings_with_cuts():
    labels = make_labels({}, 4, 7)
    assert [labels.read(value) for value in (1, "4", 4.0, "7", 10, 7.5)] == [0, 0, 0, 1, 1, 1]
    assert labels.read("5") == "rating 5 lies between 4 and 7"
    assert labels.read(4.5) == "rating 4.5 lies between 4 and 7"
    assert labels.read("good") == "unknown rating 'good'" and labels.read("nan") == "unknown rating 'nan'"
    assert labels.read("") == "no label"


@pytest.mark.parametrize("value", ["1_0", "inf", "-inf", "1e3", "0x5", "9" * 400, "٥", "5 stars", True])
def test_what_is_no_plain_number_is_no_rating(value):
    assert str(make_labels({}, 2, 4).read(value)).startswith("unknown rating '")


@pytest.mark.parametrize(("value", "label"), [("+5", 1), ("5.", 1), (".5", 0), ("-0", 0), ("-2", 0)])
def test_plain_numbers_are_ratings(value, label):
    assert make_labels({}, 2, 4).read(value) == label


@pytest.mark.parametrize("value", [-1, "-1", "-1.0"])
def test_minus_one_is_no_rating_unless_ratings_go_below_zero(value):
    assert make_labels({}, 0, 4).read(value) == "no label"
    assert make_labels({}, -0.5, 0.5).read(value) == 0


@pytest.mark.parametrize("label_map", [{"Good": 1, "good ": 0}, {"1": 1, "1.0": 0}])
def test_one_label_with_two_meanings_is_refused(label_map):
    with pytest.raises(ConfigError, match="two labels"):
        make_labels(label_map, None, None)
