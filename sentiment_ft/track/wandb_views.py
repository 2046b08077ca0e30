"""What a finished run shows on W&B beside its rows: scores with intervals, curves, predictions, pictures, the model."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sentiment_ft.config import CLASS_NAMES
from sentiment_ft.judge import curves
from sentiment_ft.terminal import console, printable
from sentiment_ft.track.wandb_api import what_is_wrong
from sentiment_ft.track.wandb_run import Described, Link

PREDICTIONS = 1000  # rows of the table, the most wrong first: W&B shows no more than 10,000, and sends each
CURVE_POINTS = 200  # of a curve; its picture shows all
TEXT = 2000  # characters of a review in the table


def open_views(link: Link, described: Described) -> None:
    """Of a run that W&B has just met: lengths of its rows, and the code."""
    import wandb

    if described.lengths is not None:
        edges, rows = described.lengths
        link.show({"lengths": wandb.Histogram(np_histogram=(rows, edges))})
    if described.config.wandb_log_model and not link.run.offline:
        _use_data(link, described)
    package = Path(__file__).resolve().parents[1]
    link.run.log_code(str(package), name=package.name, include_fn=lambda path: path.endswith((".py", ".yaml")))


def close_views(link: Link, described: Described, summary: Mapping[str, Any]) -> None:
    """Of a run that is done. summary: the content of summary.json."""
    link.run.summary.update(summary_numbers(summary))  # first: what comes may fail
    for part, prefix in (("validation", ""), ("test", "test_")):
        rows = list(_rows(described.folder / f"{prefix}predictions.jsonl"))
        if rows:
            link.show(_judged(part, rows, with_texts=described.config.wandb_log_predictions))
    pictures = dict(_pictures(described.folder / "plots"))
    if pictures:
        link.show(pictures)
    if described.config.wandb_log_model and (described.folder / "best").is_dir():
        _log_model(link, described, summary)


def summary_numbers(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Flat, as W&B compares runs by: `test/accuracy`, `test/accuracy_low`, `best_update`. The path of the folder stays
    here.
    """
    found = {key: value for key, value in summary.items() if isinstance(value, int | float | str) and key != "folder"}
    found |= {f"rows/{part}": count for part, count in _mapping(summary.get("rows")).items()}
    for part, key in (("validation", "best"), ("test", "test")):
        judgement = _mapping(summary.get(key))
        intervals = _mapping(judgement.get("intervals"))
        for name, value in _mapping(judgement.get("scores")).items():
            ends = intervals.get(name)
            found |= {} if value is None else {f"{part}/{name}": value}
            if isinstance(ends, list) and len(ends) == 2:
                found |= {f"{part}/{name}_low": ends[0], f"{part}/{name}_high": ends[1]}
    return found


def _mapping(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _judged(part: str, rows: list[dict[str, Any]], *, with_texts: bool) -> dict[str, Any]:
    import wandb

    labels, p = [row["label"] for row in rows], [row["p_positive"] for row in rows]
    calls = [row["prediction"] for row in rows]
    found = {f"{part}/confusion_matrix": wandb.plot.confusion_matrix(
        y_true=labels, preds=calls, class_names=list(CLASS_NAMES), title=f"{part}: confusion"
    )}  # fmt: skip
    bins, swept = curves.calibration(labels, p), curves.thresholds(labels, p)
    lines = {"calibration": ("confidence", "share right", bins.confidence, bins.hits / bins.rows)}
    if swept is not None:
        lines["roc"] = ("false positive rate", "true positive rate", swept.alarms, swept.found)
        lines["precision_recall"] = ("recall", "precision", swept.found, swept.precision)
    for name, (x_name, y_name, x, y) in lines.items():
        data = [[float(a), float(b)] for a, b in zip(*(curves.thinned(v, CURVE_POINTS) for v in (x, y)), strict=True)]
        table = wandb.Table(columns=[x_name, y_name], data=data)
        found[f"{part}/{name}"] = wandb.plot.line(table, x_name, y_name, title=f"{part}: {name.replace('_', ' ')}")
    if not with_texts:
        return found
    wrongness = np.abs(np.asarray(p) - np.asarray(labels))
    order = np.argsort(-wrongness, kind="stable")[:PREDICTIONS]
    columns = ["text", "label", "prediction", "p_positive", "file", "line"]
    shown = [[str(row["text"])[:TEXT], CLASS_NAMES[row["label"]], CLASS_NAMES[row["prediction"]], row["p_positive"],
              row["file"], row["line"]] for row in (rows[place] for place in order)]  # fmt: skip
    found[f"{part}/predictions"] = wandb.Table(columns=columns, data=shown)
    return found


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Of a file of predictions; a line that is none is left out: it may have been edited."""
    if not path.is_file():  # a pipe would be waited for
        return
    with contextlib.suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
                row = json.loads(line)
                if all(type(row[key]) is int and row[key] in (0, 1) for key in ("label", "prediction")):
                    row["text"] = str(row["text"])
                    p = float(row["p_positive"])
                    if 0 <= p <= 1:
                        yield row | {"p_positive": p, "file": str(row.get("file")), "line": str(row.get("line"))}


def _pictures(folder: Path) -> Iterator[tuple[str, Any]]:
    """What is none is told and left out: it may have been edited."""
    import wandb

    for path in sorted(folder.glob("*.png")):
        try:
            yield f"plots/{path.stem}", wandb.Image(str(path))
        except Exception as error:  # of several types, for a file that is no picture or cannot be read
            shown = printable(str(path), 200)
            console.print(f"warning: {shown} is not shown on W&B: {what_is_wrong(error)}", markup=False)


def _use_data(link: Link, described: Described) -> None:
    """Say which rows the run is made from; the rows themselves stay here. Not offline: W&B refuses it there."""
    import wandb

    config, details = described.config, described.details
    metadata = {"source": config.data, "seed": config.seed, "rows": details.get("rows")}
    link.run.use_artifact(wandb.Artifact(_artifact_name(config.data), "dataset", metadata=metadata))


def _log_model(link: Link, described: Described, summary: Mapping[str, Any]) -> None:
    """The best model: W&B draws the line from the rows through the run to it."""
    import wandb

    metadata = {
        "scores": _mapping(summary.get("best")).get("scores"),
        "base_model": described.config.model_name_or_path,
    }
    model = wandb.Artifact(_artifact_name(f"{link.run.id}-best"), "model", metadata=metadata)
    model.add_dir(str(described.folder / "best"))
    link.run.log_artifact(model, aliases=["best"])


def _artifact_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", Path(text).name)[:100] or "rows"
