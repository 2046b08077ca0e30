"""The Weights & Biases mirror of metrics.jsonl; wandb's own settings (WANDB_MODE, WANDB_PROJECT, ...) apply."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sentiment_ft.config import Config
from sentiment_ft.errors import ModelError
from sentiment_ft.terminal import printable
from sentiment_ft.track.record import Mirror, NoMirror

FINISH_TIMEOUT_S = 30.0  # without it a dead server holds the end of a run for minutes


class WandbMirror:
    """Logs every record on the axis of updates."""

    def __init__(self, run: Any) -> None:
        self._run = run
        self.id = run.id
        run.define_metric("update")
        run.define_metric("*", step_metric="update")

    def log(self, record: dict[str, Any]) -> None:
        event = record["event"]
        names = {key: key.removeprefix("eval_") for key in record if key not in ("event", "update", "best")}
        self._run.log(
            {
                "update": record["update"],
                **{
                    f"{event}/{name}": record[key]
                    for key, name in names.items()
                    if isinstance(record[key], int | float)
                },
            }
        )

    def finish(self, summary: dict[str, Any], *, failed: bool) -> None:
        self._run.summary.update({key: value for key, value in summary.items() if isinstance(value, (int, float, str))})
        self._run.finish(exit_code=int(failed))


def open_mirror(config: Config, *, name: str, folder: Path, resumed: str | None = None) -> Mirror:
    """The mirror the config asks for; resumed: the id of the one to go on with. Raises ModelError when W&B cannot start
    (no key, no server).
    """
    if config.report_to == "none":
        return NoMirror()
    import wandb

    try:
        run = wandb.init(
            name=name, dir=str(folder), config=config.model_dump(mode="json"), id=resumed, resume="allow",
            settings=wandb.Settings(console="off", silent=True, finish_timeout=FINISH_TIMEOUT_S),
        )  # fmt: skip
    except (wandb.errors.Error, OSError, ValueError) as error:
        raise ModelError(
            f"W&B cannot start: {printable(str(error), 200)}",
            where="report_to",
            way_out="wandb login, WANDB_MODE=offline, or -o report_to=none",
        ) from None
    return WandbMirror(run)
