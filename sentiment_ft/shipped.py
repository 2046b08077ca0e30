"""Configuration files that travel with the package: topologies and DeepSpeed configs."""

from __future__ import annotations

from pathlib import Path


def shipped(folder: str) -> Path:
    """`accelerate_configs`, `ds_configs`: in the wheel they lie inside the package, in a checkout beside it."""
    package = Path(__file__).parent
    inside = package / folder
    return inside if inside.is_dir() else package.parent / folder
