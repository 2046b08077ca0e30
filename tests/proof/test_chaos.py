"""What two runs of a drill are compared by, and what one that fails leaves."""

from __future__ import annotations

import json
import random
import tempfile
from contextlib import nullcontext
from pathlib import Path

import psutil
import pytest

from sentiment_ft.config import Config
from sentiment_ft.errors import UserError
from sentiment_ft.proof import chaos
from sentiment_ft.proof.chaos import _records
from sentiment_ft.proof.drill import Drill, Report
from sentiment_ft.proof.strikes import STRIKES
from sentiment_ft.recipe import Loaded


def test_times_and_memory_are_not_compared_and_losses_are(tmp_path):
    same = {"event": "train", "update": 1, "loss": 0.5, "rows_digest": "ab"}
    other = {"rows_per_s": 3.0, "elapsed_s": 1.0, "mfu": 0.3, "device_reserved_mib": 9.0, "host_memory_mib": 8.0}
    lines = [same | other, {"event": "checkpoint", "update": 1, "bytes": 3}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert _records(tmp_path) == [same]


@pytest.mark.parametrize("ends", ["same", "different", "fails", "interrupted"])
def test_what_a_drill_has_left_is_kept_where_it_failed(tmp_path, monkeypatch, capsys, ends):
    class Drilled:
        """In place of a training of minutes."""

        def __init__(self, folder: Path, *_: object, **__: object) -> None:
            (folder / "struck.log").write_text("said")

        def train(self, name: str) -> Path:
            if ends == "interrupted":
                raise KeyboardInterrupt
            return Path(name)

        def strike(self, *_: object) -> Report:
            if ends == "fails":
                raise UserError("ended with exit code 1")
            return Report()

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(chaos, "Drill", Drilled)
    monkeypatch.setattr(chaos, "differences", lambda *_: ["metrics.jsonl"] if ends == "different" else [])
    raised = {"fails": UserError, "interrupted": KeyboardInterrupt}.get(ends)
    with pytest.raises(raised) if raised else nullcontext():
        code = chaos.run(Loaded(Config(), {}, "x"), {"kill": 1}, processes=1, as_json=False, quiet=True)
        assert code == (5 if ends == "different" else 0)
    kept = list(tmp_path.glob("sentiment-ft-chaos-*/struck.log"))
    assert len(kept) == (ends in ("different", "fails"))
    assert ("kept to look at: " in capsys.readouterr().err) == bool(kept)
    assert kept or list(tmp_path.iterdir()) == []


def test_a_strike_at_a_process_that_has_ended_is_no_traceback(tmp_path, monkeypatch):
    drill = Drill(tmp_path, 1, on_cpu=True, tracked=False, quiet=True)
    (tmp_path / "struck.log").touch()

    def gone(*_: object) -> None:
        raise psutil.NoSuchProcess(1)

    monkeypatch.setitem(STRIKES, "kill", gone)
    with pytest.raises(UserError, match="ended before it was struck"):
        drill._strike("kill", None, random.Random(1), None)  # type: ignore[arg-type]
