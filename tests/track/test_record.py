"""metrics.jsonl: every line whole and flushed, the mirror told the same, a full disk one error."""

from __future__ import annotations

import json

import pytest

from sentiment_ft.errors import OutputError, Preempted
from sentiment_ft.track.record import NoRecorder, Recorder


class Listener:
    """A mirror that remembers what it was told."""

    def __init__(self) -> None:
        self.records: list[dict] = []
        self.news = 0
        self.ends: list[tuple[dict, int]] = []

    def begin(self, records: list[dict]) -> None:
        self.records = records

    def log(self) -> None:
        self.news += 1

    def finish(self, summary: dict, *, code: int) -> None:
        self.ends.append((summary, code))


class Breaking(Listener):
    """A mirror that breaks at its second record, or where it is finished."""

    def log(self) -> None:
        super().log()
        if self.news == 2:
            raise RuntimeError("the \x1b[31mserver is gone")

    def finish(self, summary: dict, *, code: int) -> None:
        super().finish(summary, code=code)
        raise ConnectionError("no route")


class Unwilling(Listener):
    """A mirror that cannot begin."""

    def begin(self, records: list[dict]) -> None:
        raise OSError("no such thing")


def test_each_record_is_on_disk_before_the_next_step(tmp_path):
    path, mirror = tmp_path / "metrics.jsonl", Listener()
    with Recorder(path, [mirror]) as recorder:
        for update in range(1, 4):
            recorder.write({"event": "train", "update": update, "loss": 0.5})
            assert [json.loads(line)["update"] for line in path.read_text().splitlines()] == list(range(1, update + 1))
        recorder.finish({"accuracy": 0.9})
    assert mirror.records is recorder.records and len(recorder.records) == mirror.news == 3
    assert mirror.ends == [({"accuracy": 0.9}, 0)], "finished once"


def test_mirror_that_breaks_does_not_stop_the_run_and_is_told_of_once(tmp_path, capsys):
    path, mirror = tmp_path / "metrics.jsonl", Breaking()
    with Recorder(path, [mirror]) as recorder:
        for update in range(1, 6):
            recorder.write({"event": "train", "update": update})
        recorder.finish({"accuracy": 0.9})
    assert len(path.read_text().splitlines()) == len(recorder.records) == 5
    assert mirror.news == 2 and mirror.ends == [], "nothing more is said to it"
    said = capsys.readouterr().err
    assert (
        said.startswith("warning: Breaking gets no more numbers")
        and r"RuntimeError: the \x1b[31mserver is gone" in said
    )
    assert said.count("\n") == 1 and "\x1b" not in said


def test_one_mirror_that_cannot_begin_takes_no_other_along(tmp_path, capsys):
    first, second = Unwilling(), Listener()
    with Recorder(tmp_path / "metrics.jsonl", [first, second]) as recorder:
        recorder.write({"event": "train", "update": 1})
        recorder.finish({})
    assert (first.news, second.news, second.ends) == (0, 1, [({}, 0)])
    assert capsys.readouterr().err.count("warning: Unwilling gets no more numbers") == 1


def test_mirror_that_cannot_be_finished_does_not_stop_the_run(tmp_path, capsys):
    mirror = Breaking()
    with Recorder(tmp_path / "metrics.jsonl", [mirror]) as recorder:
        recorder.finish({"accuracy": 0.9})
    assert mirror.ends == [({"accuracy": 0.9}, 0)] and capsys.readouterr().err.count("warning") == 1


@pytest.mark.parametrize("kind", [Listener, Breaking])
@pytest.mark.parametrize(
    ("error", "code"), [(ZeroDivisionError, 1), (KeyboardInterrupt, 130), (Preempted("x"), 75), (OutputError("x"), 6)]
)
def test_mirror_of_a_run_that_does_not_end_well_is_told_its_exit_code(tmp_path, kind, error, code):
    mirror = kind()
    with (
        pytest.raises(error if isinstance(error, type) else type(error)),
        Recorder(tmp_path / "metrics.jsonl", [mirror]),
    ):
        raise error
    assert mirror.ends == [({}, code)]


def test_nan_is_refused_and_leaves_no_half_line(tmp_path):
    path, mirror = tmp_path / "metrics.jsonl", Listener()
    with Recorder(path, [mirror]) as recorder:
        recorder.write({"event": "train", "update": 1})
        with pytest.raises(ValueError, match="JSON"):
            recorder.write({"event": "train", "update": 2, "loss": float("nan")})
    assert len(path.read_text().splitlines()) == mirror.news == len(recorder.records) == 1


def test_on_a_full_disk_lines_wait_until_there_is_space(full_disk, capsys):
    """Training goes on, one warning is enough, and no line is torn or lost."""
    mirror, ballast = Listener(), full_disk / "ballast"
    ballast.write_bytes(bytes(40_000))
    with Recorder(full_disk / "metrics.jsonl", [mirror]) as recorder:
        for update in range(1_000):
            recorder.write({"event": "train", "update": update})
        said = capsys.readouterr().err
        assert said.count("warning") == 1 and "metrics.jsonl cannot be written: No space left on device" in said
        assert recorder.size() > (full_disk / "metrics.jsonl").stat().st_size
        ballast.unlink()
        recorder.write({"event": "train", "update": 1_000})
        assert recorder.size() == (full_disk / "metrics.jsonl").stat().st_size
        recorder.finish({})
    lines = (full_disk / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["update"] for line in lines] == list(range(1_001))
    assert mirror.news == len(recorder.records)


@pytest.mark.parametrize("change", ["deleted", "replaced"])
def test_a_file_that_somebody_took_away_is_written_again(tmp_path, change):
    path = tmp_path / "metrics.jsonl"
    with Recorder(path) as recorder:
        for update in range(1, 6):
            recorder.write({"event": "train", "update": update, "loss": 0.1 * update})
            if update == 2:
                path.unlink()
                if change == "replaced":
                    path.write_text("of an editor")
        recorder.sync()
        assert recorder.size() == path.stat().st_size
        recorder.write({"event": "train", "update": 6})
        path.unlink()
        recorder.complete()
    assert [json.loads(line) for line in path.read_text().splitlines()] == recorder.records
    assert len(recorder.records) == 6


def test_lines_that_can_never_be_written_are_an_error_at_the_end(full_disk):
    mirror = Listener()
    with pytest.raises(OutputError, match="No space left"), Recorder(full_disk / "metrics.jsonl", [mirror]) as recorder:
        for update in range(10_000):
            recorder.write({"event": "train", "update": update})
        recorder.complete()
    assert mirror.ends == [({}, 6)]


def test_a_resumed_run_goes_on_where_its_checkpoint_was_taken(tmp_path):
    """What was recorded after it is trained, and recorded, again; also where the file lost its end in a power cut."""
    path = tmp_path / "metrics.jsonl"
    with Recorder(path) as recorder:
        for update in (1, 2):
            recorder.write({"event": "train", "update": update, "epoch": 0.5})
        cut_at = recorder.size()
        recorder.write({"event": "train", "update": 3, "epoch": 0.5, "loss": 0.5})
    for update in (30, 31):
        with Recorder(path, cut_at=cut_at) as recorder:
            assert [record["update"] for record in recorder.records] == [1, 2]
            recorder.write({"event": "train", "update": update, "epoch": 0.5})
        assert [json.loads(line)["update"] for line in path.read_text().splitlines()] == [1, 2, update]
    path.write_bytes(path.read_bytes()[: cut_at - 5])
    with Recorder(path, cut_at=cut_at) as recorder:
        assert [record["update"] for record in recorder.records] == [1]
        recorder.write({"event": "train", "update": 3, "epoch": 0.5})
    assert b"\0" not in path.read_bytes()
    assert [json.loads(line)["update"] for line in path.read_text().splitlines()] == [1, 3], "no line is torn"


def test_the_record_of_the_checkpoint_that_a_run_goes_on_from_stays(tmp_path):
    """It is written when the checkpoint is on the disk, so after it; one of a later checkpoint is of what is cut."""
    path = tmp_path / "metrics.jsonl"
    with Recorder(path) as recorder:
        recorder.write({"event": "train", "update": 2, "epoch": 0.5})
        cut_at = recorder.size()
        recorder.write({"event": "train", "update": 3, "epoch": 0.5})
        for update in (2, 3):
            recorder.write({"event": "checkpoint", "update": update, "bytes": 5})
    with path.open("ab") as file:
        file.write(b'{"event": "checkpoint", "update": 1}')  # torn
    for _ in range(2):
        with Recorder(path, cut_at=cut_at, place=(2, 0)) as recorder:
            assert [(one["event"], one["update"]) for one in recorder.records] == [("train", 2), ("checkpoint", 2)]
        assert len(path.read_text().splitlines()) == 2


def test_a_file_that_has_lost_lines_is_cut_by_updates(tmp_path, capsys):
    """As after a loss that a first resume has gone on from, and a second one from the same checkpoint."""
    path = tmp_path / "metrics.jsonl"
    kept = [{"event": "train", "update": 2, "epoch": 0.5}, {"event": "eval", "update": 1, "epoch": 0.5}]
    later = [{"event": "eval", "update": 2, "epoch": 0.5}, {"event": "train", "update": 3, "epoch": 0.5}]
    path.write_text("".join(json.dumps(record) + "\n" for record in kept + later))
    with Recorder(path, cut_at=10_000, place=(2, 1)) as recorder:
        assert recorder.records == kept
        recorder.write(later[0])
    assert [json.loads(line) for line in path.read_text().splitlines()] == [*kept, later[0]]
    assert "metrics.jsonl is shorter than its checkpoint says: records are lost" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b"\xff\x00",
        b"5",
        b'{"update": 1}',
        b'{"event": 5}',
        b'{"event": "train", "update": 1}',
        b'{"event": "eval", "update": 1, "epoch": "first"}',
        b'{"event": "train", "update": 1, "epoch": 1, "loss": NaN}',
        b'{"event": "train", "update": 1, "epoch": 1, "loss": 1e999}',
        b'{"event": "train", "update": 1, "epoch": 1, "loss": [1]}',
        b'{"event": "train", "update": 1, "epoch": 1, "loss": 1' + b"0" * 400 + b"}",
    ],
    ids=lambda line: line[:50].decode("ascii", "replace"),
)
def test_what_is_no_record_in_an_edited_file_is_left_out(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    whole = b'{"event": "train", "update": 2, "epoch": 0.5, "loss": 0.5, "rows_digest": "ab"}'
    path.write_bytes(b"\n".join([whole, line, whole, b""]))
    with Recorder(path, cut_at=path.stat().st_size) as recorder:
        assert recorder.records == [json.loads(whole)] * 2


def test_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        Recorder(tmp_path / "none" / "metrics.jsonl")


def test_error_of_the_run_is_not_swallowed(tmp_path):
    with pytest.raises(ZeroDivisionError), Recorder(tmp_path / "metrics.jsonl") as recorder:
        recorder.write({"event": "train", "update": 1})
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), NoRecorder():
        raise ZeroDivisionError


def test_the_silent_ones_keep_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with NoRecorder() as recorder:
        recorder.write({"event": "train", "update": 1})
        recorder.finish({})
    assert NoRecorder.records == [] and not list(tmp_path.iterdir())
