"""Topologies, DeepSpeed configs, sweeps: where those are that travel with the package, and a user's own."""

from __future__ import annotations

from pathlib import Path

IN_THE_WHEEL = {"launch": "launch_files"}  # sentiment_ft/launch is code


def shipped(folder: str) -> Path:
    """`accelerate_configs`, `ds_configs`, `launch`: in the wheel they lie inside the package, in a checkout beside
    it.
    """
    package = Path(__file__).parent
    inside = package / IN_THE_WHEEL.get(folder, folder)
    return inside if inside.is_dir() else package.parent / folder


def own_file(name: str) -> Path | None:
    """The regular file of that name, whatever a hostile name is made of; None where there is none."""
    try:
        path = Path(name).expanduser()
        return path if path.is_file() else None
    except (OSError, RuntimeError, ValueError):  # too long, ~nobody, a NUL
        return None


def deepspeed_file(name: str, beside: Path | None = None) -> Path | None:
    """A DeepSpeed config by the name that a topology gives it: from the working folder, from the folder `beside`, or,
    for `ds_configs/X.json` alone, one of ours: a topology of ours may be used in any folder.
    """
    ours = shipped("ds_configs") / Path(name).name if name == f"ds_configs/{Path(name).name}" else None
    candidates = (name, None if beside is None else str(beside / name), None if ours is None else str(ours))
    found = (own_file(candidate) for candidate in candidates if candidate is not None)
    return next((path for path in found if path is not None), None)
