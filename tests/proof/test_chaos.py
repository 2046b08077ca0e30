"""What two runs of a drill are compared by."""

from __future__ import annotations

import json

from sentiment_ft.proof.chaos import _records


def test_times_and_memory_are_not_compared_and_losses_are(tmp_path):
    same = {"event": "train", "update": 1, "loss": 0.5, "rows_digest": "ab"}
    other = {"rows_per_s": 3.0, "elapsed_s": 1.0, "mfu": 0.3, "device_reserved_mib": 9.0, "host_memory_mib": 8.0}
    lines = [same | other, {"event": "checkpoint", "update": 1, "bytes": 3}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert _records(tmp_path) == [same]
