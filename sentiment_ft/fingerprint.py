"""What a run is made of: settings, rows, code. All its processes must have the same, and a resumed run too."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from sentiment_ft import __version__
from sentiment_ft.config import Config, TrackingConfig, keys_of
from sentiment_ft.data.prepare import Prepared
from sentiment_ft.errors import ConfigError
from sentiment_ft.run.environment import code_digest, versions
from sentiment_ft.run.sizes import Sizes
from sentiment_ft.terminal import printable

PACKAGES = ("torch", "transformers", "accelerate")
# Settings that change neither the training nor its record, or that are compared by what is derived from them.
FREE = frozenset(
    {
        "per_device_eval_batch_size", "save_steps", "save_seconds", "save_total_limit", "hang_seconds",
        "gradient_accumulation_steps", "global_batch_size", *keys_of(TrackingConfig),
    }
)  # fmt: skip
DERIVED = ("train_rows", "global_batch_size", "updates_per_epoch", "total_updates", "warmup_updates", "eval_every")


def made_of(config: Config, data: Prepared, precision: str) -> dict[str, object]:
    """What has to be the same in all processes. The name of the run is the main one's alone."""
    rows = {f"content of {corpus.receipt.source}": corpus.folder.name for corpus in data.corpora}
    installed = versions()
    code = {"sentiment_ft": __version__, "code": code_digest(), **{name: installed[name] for name in PACKAGES}}
    settings = config.model_dump(mode="json", exclude={"run_name"})
    return settings | {"mixed_precision": precision} | rows | code


def facts(of_processes: Mapping[str, object], sizes: Sizes) -> dict[str, Any]:
    """What a resumed run must have in common with the one that saved: `made_of`, and the sizes. The number of processes
    may differ, the global batch may not.
    """
    return {key: value for key, value in of_processes.items() if key not in FREE} | {
        key: getattr(sizes, key) for key in DERIVED
    }


def compare(saved: Mapping[str, Any], now: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    """Raises ConfigError that names every difference that is not allowed, and every allowed key that there is not."""
    known = {**saved, **now}
    if unknown := sorted(set(allowed) - known.keys()):
        near = difflib.get_close_matches(unknown[0], known, n=1)
        raise ConfigError(
            f"no such key: {printable(', '.join(unknown), 200)}",
            where="--allow-changed",
            way_out=f"did you mean {_quoted(near[0])}?" if near else f"one of {', '.join(map(_quoted, sorted(known)))}",
        )
    changed = [key for key in known if saved.get(key) != now.get(key) and key not in allowed]
    if changed:
        lines = "\n".join(f"  - {key}: {_shown(saved.get(key))}, here {_shown(now.get(key))}" for key in changed)
        flags = " ".join(f"--allow-changed {_quoted(key)}" for key in changed)
        way_out = "what it was made with"
        if "global_batch_size" in changed and (size := saved.get("global_batch_size")):
            way_out += f": --global-batch-size {size} -o gradient_accumulation_steps=null on any number of processes"
        raise ConfigError(
            f"the checkpoint was made with other settings, rows or code:\n{lines}",
            where="--resume",
            way_out=f"{way_out}; or, when the change is meant, {flags}",
        )


def _quoted(key: str) -> str:
    return f"'{key}'" if " " in key else key


def _shown(value: Any) -> str:
    return "nothing" if value is None else printable(str(value), 80)
