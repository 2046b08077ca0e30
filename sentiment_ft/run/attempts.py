"""attempts.jsonl: each time a run was started, and how that ended. Lines are only added, whatever a resume cuts from
the record. A start without an end was killed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from sentiment_ft.errors import EXIT_BUG, EXIT_DONE, UserError

FILE = "attempts.jsonl"


@contextlib.contextmanager
def noted(folder: Path, accelerator: Accelerator, update: Callable[[], int]) -> Iterator[None]:
    """Around one attempt. update: how far it has come. Written by the main process."""
    if not accelerator.is_main_process:
        yield
        return
    _note(folder, event="began", update=update(), processes=accelerator.num_processes)
    code, why = EXIT_BUG, "a bug"
    try:
        yield
        code, why = EXIT_DONE, "done"
    except UserError as error:
        code, why = error.exit_code, error.what
        raise
    except BaseException as error:
        why = type(error).__name__
        raise
    finally:
        _note(folder, event="ended", update=update(), code=code, why=why)


def last_code(folder: Path) -> int | None:
    """With which the newest attempt ended; None where it was killed, or is not known."""
    with contextlib.suppress(OSError, ValueError, LookupError, AttributeError, RecursionError):
        last = json.loads((folder / FILE).read_text("utf-8").splitlines()[-1])
        code = last.get("code")
        return code if type(code) is int and 0 <= code < 256 else None
    return None


def _note(folder: Path, **entry: Any) -> None:
    """A full disk must not end a training: less is known then."""
    line = {"at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"), **entry}
    with contextlib.suppress(OSError), (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
