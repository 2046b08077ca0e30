"""One checkpoint more in FOLDER/checkpoints, by a program that is killed or refused at any of its system calls.

`python -I -S commit_once.py MODE FOLDER`. MODE: `protocol`, as sentiment_ft.run.checkpoint wants it; `in-place`, the
naive way: the files of the last checkpoint and its manifest are written over. Exit code 3: an error, met and handled.
"""

import codecs
import hashlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from sentiment_ft.run import checkpoint

BEGINS = "commit-once-begins"  # looked for, so that a trace shows where the start of the interpreter is over
UPDATE = 20
FILES = {"model": b"new weights " * 50, "optimizer": b"new moments " * 100, "best/model": b"new best " * 50}


def write(path, content):
    """In two halves: it can also be killed or refused in between."""
    with path.open("wb") as file:
        for half in (content[: len(content) // 2], content[len(content) // 2 :]):
            file.write(half)
            file.flush()


def protocol(parent):
    staged = None
    try:
        staged = checkpoint.stage(parent, UPDATE)
        (staged / "best").mkdir()
        sealed = {}
        for name, content in FILES.items():
            write(staged / name, content)
            sealed[name] = checkpoint.seal(staged / name)
        found = checkpoint.verify(checkpoint.commit(staged, sealed).folder)
        checkpoint.prune(parent, found, keep=1)
    except OSError:
        if staged is not None:
            checkpoint.discard(staged)
        return 3
    except checkpoint.Damaged:
        return 3
    return 0


def in_place(parent):
    try:
        old = checkpoint.read(max(parent.iterdir()))
        files = {}
        for name, content in FILES.items():
            write(old.folder / name, content)
            files[name] = checkpoint.File(len(content), hashlib.sha256(content).hexdigest())
        line = json.dumps({
            "format": checkpoint.FORMAT,
            "number": old.number,
            "update": old.update,
            "files": {name: asdict(file) for name, file in files.items()},
        })  # fmt: skip
        write(old.folder / checkpoint.MANIFEST, f"{line}\n{hashlib.sha256(line.encode()).hexdigest()}\n".encode())
        checkpoint.verify(old.folder)
    except (OSError, checkpoint.Damaged):
        return 3
    return 0


if __name__ == "__main__":
    mode, folder = {"protocol": protocol, "in-place": in_place}[sys.argv[1]], Path(sys.argv[2])
    codecs.lookup("ascii")  # imported when first used: part of the start
    os.access(BEGINS, os.F_OK)
    sys.exit(mode(folder / "checkpoints"))
