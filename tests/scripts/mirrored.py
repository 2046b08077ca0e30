"""Records a short run with a real W&B mirror: FOLDER FIRST LAST PACE ENDING. Says what it took, as JSON.

ENDING: finish; fail; preempt; wait (until it is killed). PACE: seconds between records. FIRST > 1 goes on where the
records of FOLDER end before FIRST.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from sentiment_ft import recipe
from sentiment_ft.errors import Preempted
from sentiment_ft.track import tracked as tracking
from sentiment_ft.track import wandb_mirror
from sentiment_ft.track.record import Recorder
from sentiment_ft.track.tracked import Tracked
from sentiment_ft.track.wandb_run import describe


def main(folder: Path, first: int, last: int, pace: float, ending: str) -> None:
    wandb_mirror.RETRY_S = float(os.environ.get("RETRY_S", wandb_mirror.RETRY_S))
    known = replace(tracking.read(folder) or Tracked(tracking.new_id()), complete=False)
    path = folder / "metrics.jsonl"
    kept = [line for line in path.open("rb") if json.loads(line)["update"] < first] if first > 1 else []
    mirror = wandb_mirror.WandbMirror(
        describe(folder, recipe.load(str(folder / "config.yaml")).config), known, quiet=False
    )
    said = {"slowest_write_s": 0.0}
    began = time.monotonic()
    try:
        with Recorder(path, [mirror], cut_at=sum(map(len, kept)) if first > 1 else None) as recorder:
            said["begin_s"] = time.monotonic() - began
            for update in range(first, last + 1):
                before = time.monotonic()
                recorder.write(
                    {"event": "train", "update": update, "epoch": 0.5, "loss": 1 / update, "grad_norm": None}
                )
                if update % 5 == 0:
                    recorder.write(
                        {"event": "eval", "update": update, "epoch": 0.5, "eval_accuracy": 0.5, "best": True}
                    )
                    recorder.write({"event": "checkpoint", "update": update - 2, "bytes": 5})
                said["slowest_write_s"] = max(said["slowest_write_s"], time.monotonic() - before)
                print(update, flush=True)
                time.sleep(pace)
            before = time.monotonic()
            if ending == "fail":
                raise RuntimeError("fails")
            if ending == "preempt":
                raise Preempted("stopped")
            while ending == "wait":
                time.sleep(0.1)
            recorder.finish(json.loads((folder / "summary.json").read_text("utf-8")))
    except (RuntimeError, Preempted):
        pass
    said["finish_s"] = time.monotonic() - before
    print(json.dumps(said), flush=True)


main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), sys.argv[5])
