"""Texts that try to be more than texts, and a run folder that has them wherever a text may stand."""

from __future__ import annotations

import json
from pathlib import Path

from tests.report_runs import write, write_lines, write_run

HOSTILE = [
    "<script>window.struck=1</script>",
    "</script><script>window.struck=1</script>",
    '"><img src=x onerror="window.struck=1">',
    "' onmouseover='window.struck=1",
    "{{ 7*7 }}{% raw %}",
    "<!--<script>",
    "\u202egnp.exe\u202c\u2066",
    "a\x00b\x1b[31m",
    "lone \ud800 half",
    "line\u2028and\u2029end",
    "&lt;b&gt; &#x3c;",
    "javascript:window.struck=1",
    "https://example.org/x.png",
]


def hostile_run(folder: Path, number: int = 0) -> Path:
    """Hostile texts wherever a run folder has a text."""
    run = write_run(folder, rows=60, texts=dict(enumerate(HOSTILE * 4)), seed=number, sharpness=0.1)
    summary = json.loads((run / "summary.json").read_text())
    summary |= {"model": HOSTILE[0], "data": HOSTILE[1], "mixed_precision": HOSTILE[2]}
    summary["rows"] |= {text: 3 for text in HOSTILE}
    summary["overlap_with_train"] |= {text: {"exact": 1, "near": 0, "rows": 5} for text in HOSTILE}
    summary["peak_memory_mib"] |= {HOSTILE[0]: 1.0}
    summary["receipts"] = [{"source": text, "rows_read": 1, "rejected_by_reason": {text: 1}} for text in HOSTILE]
    write(run / "summary.json", json.dumps(summary))
    environment = json.loads((run / "environment.json").read_text())
    each = {text: text for text in HOSTILE}
    environment |= {
        "python": HOSTILE[2],
        "command_line": ["sentiment-ft", *HOSTILE],
        "variables": each,
        "packages": each,
    }
    environment["git"] = {"commit": HOSTILE[1], "dirty": True}
    environment["devices"] = [{"kind": text, "name": text} for text in HOSTILE[:4]]
    write(run / "environment.json", json.dumps(environment))
    keys = [json.dumps(text) for text in HOSTILE if "\ud800" not in text]
    write(run / "config.yaml", (run / "config.yaml").read_text() + "".join(f"{key}: {key}\n" for key in keys))
    origins = {key: {"origin": value} for key, value in {"learning_rate": HOSTILE[0], HOSTILE[0]: HOSTILE[2]}.items()}
    write(run / "plan.json", json.dumps({"config": origins}))
    attempts = []
    for text in HOSTILE:
        attempts.append({"event": "began", "at": text, "update": text})
        attempts.append({"event": "ended", "at": text, "code": 1, "why": text})
    write_lines(run / "attempts.jsonl", attempts)
    with (run / "metrics.jsonl").open("a") as file:
        for text in HOSTILE:
            file.write(json.dumps({"event": "out_of_memory", "update": 5, text: 3}) + "\n")
            file.write(json.dumps({"event": text, "update": 5, "loss": text}) + "\n")
    return run
