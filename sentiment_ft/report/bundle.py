"""The drawing library, Vega with Vega-Lite and its embedder, as one text for an inline module script.

vl-convert-python carries it and can write it out, which takes a second and 130 MiB. That is done once, in a process of
its own (a training must not carry the weight), and kept beside the token cache with its SHA-256.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from sentiment_ft.errors import ModelError, OutputError
from sentiment_ft.run.writing import staged_file
from sentiment_ft.terminal import printable

_WRITE = "import sys, vl_convert; sys.stdout.buffer.write(vl_convert.javascript_bundle().encode())"
SECONDS = 120  # it takes one or two; a busy machine is no failure


def bundle() -> str:
    """The library. Sets `window.vegaEmbed`. Raises ModelError where vl-convert-python cannot be used."""
    try:
        version = metadata.version("vl-convert-python")
    except metadata.PackageNotFoundError:
        raise ModelError(
            "is not installed", where="vl-convert-python", way_out="pip install vl-convert-python"
        ) from None
    from sentiment_ft.data.cache import cache_root

    kept = cache_root() / f"vega-{version}.js"
    if (found := _read(kept)) is not None:
        return found
    made = _make()
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with staged_file(kept) as file:
            file.write(f"// {hashlib.sha256(made.encode()).hexdigest()}\n{made}")
    except (OSError, OutputError):
        pass  # only slower the next time
    return made


def _read(path: Path) -> str | None:
    """What is kept, when it is whole."""
    try:
        first, _, rest = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    return rest.decode() if first == b"// " + hashlib.sha256(rest).hexdigest().encode() else None


def _make() -> str:
    command = [sys.executable, "-c", _WRITE]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=True)
        made = done.stdout.decode()
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
        said = getattr(error, "stderr", b"") or b""
        reason = printable(said.decode(errors="replace").strip().split("\n")[-1] or type(error).__name__, 200)
        raise ModelError(
            f"cannot write its library: {reason}",
            where="vl-convert-python",
            way_out="pip install --force-reinstall vl-convert-python",
        ) from None
    if "vegaEmbed" not in made or "</script" in made.lower() or "<!--" in made:
        raise ModelError(
            "its library cannot stand in a page", where="vl-convert-python", way_out="the version of constraints.txt"
        )
    return made
