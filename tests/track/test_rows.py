"""Records as rows: every finite number, and a place that tells each record from the others."""

from __future__ import annotations

from sentiment_ft.track.rows import Places, numbers, position, row, row_without_record

TRAIN = {"event": "train", "update": 7, "loss": 0.5, "grad_norm": None, "rows_digest": "ab", "skipped_updates": 2}


def test_numbers_are_named_by_their_event_and_what_is_none_is_left_out():
    assert numbers(TRAIN) == {"train/loss": 0.5, "train/skipped_updates": 2}
    judged = {"event": "eval", "update": 7, "eval_f1": 0.25, "best": True, "bad": float("inf")}
    assert numbers(judged) == {"eval/f1": 0.25, "eval/best": 1}
    assert numbers({"event": "checkpoint", "update": 5, "bytes": 10**400, "a b": 1}) == {"checkpoint/update": 5}
    assert numbers({"event": "checkpoint", "update": 5, "bytes": 9}) == {"checkpoint/update": 5, "checkpoint/bytes": 9}


def test_a_row_has_its_axis_and_its_place():
    hidden = {"update": 8, "row/event": "train", "place/train": 7.0, "place/eval": 5.0}
    places = {"train": 7.0, "eval": 5.0}
    assert row(TRAIN, 8, places) == {"train/loss": 0.5, "train/skipped_updates": 2} | hidden
    assert row_without_record({"table": "x"}, 8, places) == {"table": "x"} | hidden | {"row/event": ""}
    assert position(row(TRAIN, 8, places)) == position(row_without_record({}, 8, places)) == places


def test_places_tell_records_of_one_update_apart_and_are_the_same_when_it_is_trained_again():
    records = [
        {"event": "skipped", "update": 0},
        {"event": "skipped", "update": 0},
        {"event": "train", "update": 1},
        {"event": "checkpoint", "update": 1},
        {"event": "skipped", "update": 1},
        {"event": "skipped", "update": 0},
        {"event": "odd"},
        {"event": "odd", "update": "x"},
    ]
    first, second = Places(), Places()
    assert [first.of(record) for record in records] == [0, 0.001, 1, 1, 1, 0, None, None]
    without_the_checkpoint = [records[place] for place in (0, 1, 2, 4)]
    assert [second.of(record) for record in without_the_checkpoint] == [0, 0.001, 1, 1]


def test_position_is_the_place_of_each_event():
    columns = {"place/train": 12, "place/eval": 10.0, "train/loss": 99, "place/odd": "x", "_step": 4}
    assert position(columns) == {"train": 12, "eval": 10.0}
