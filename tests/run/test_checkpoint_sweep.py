"""A checkpoint is written by a process that is killed, or refused, at each of its system calls in turn.

Killed at a call: it dies with all earlier calls done and this one not. Refused: the call does nothing and says why.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from sentiment_ft.run import checkpoint
from tests.launched import SCRIPTS
from tests.tiny import contents

pytestmark = pytest.mark.slow

PROGRAM = [sys.executable, "-I", "-S", "-B", str(SCRIPTS / "commit_once.py")]
BEGINS = '"commit-once-begins"'
# Of each family what this machine has; `?`: strace may not know it.
CALLS = [
    "open", "openat", "creat", "read", "write", "pwrite64", "writev", "ftruncate", "fsync", "fdatasync", "close",
    "rename", "renameat", "renameat2", "mkdir", "mkdirat", "unlink", "unlinkat", "rmdir", "link", "linkat", "symlink",
    "symlinkat", "chmod", "fchmod", "fchmodat", "getdents64",
]  # fmt: skip
MARKS = ["access", "faccessat", "faccessat2"]
FAULTS = {"ENOSPC": "error=ENOSPC", "EIO": "error=EIO", "killed": "signal=KILL"}
HANDLED = 3  # the program's exit code after an error


class Outcome(NamedTuple):
    """What a reader finds after a fault. picked: old, new, none or mixture; damaged: checkpoints that are."""

    call: str
    fault: str
    code: int
    struck: bool
    picked: str
    damaged: int
    next_is_fine: bool


@pytest.fixture(scope="module")
def strace() -> str:
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed")
    command = [found, "-e", "trace=close", "-e", "inject=close:error=EIO:when=9999", "true"]
    trial = subprocess.run(command, capture_output=True, check=False)
    if trial.returncode:
        pytest.skip("strace cannot inject faults here: too old, or ptrace is not permitted")
    return found


@pytest.fixture
def start(tmp_path) -> Path:
    """One good checkpoint, and what two killed processes left: something to remove before the next is written."""
    start, files = tmp_path / "start", {}
    start.mkdir()
    staged = checkpoint.stage(start / "checkpoints", 10)
    (staged / "best").mkdir()
    for name in ("model", "optimizer", "best/model"):
        (staged / name).write_text(f"old {name} " * 50)
        files[name] = checkpoint.seal(staged / name)
    committed = checkpoint.commit(staged, files)
    for name in (".0002-update-20.part", ".0000-update-5.old"):  # the first is also the next one's name
        shutil.copytree(committed.folder, start / "checkpoints" / name)
    return start


def files_of(folder: Path) -> dict[str, bytes]:
    return {name: content for name, content in contents(folder).items() if name != checkpoint.MANIFEST}


class Sweep:
    def __init__(self, strace: str, mode: str, start: Path, scratch: Path) -> None:
        self.strace, self.mode, self.start, self.scratch = strace, mode, start, scratch
        self.old = files_of(start / "checkpoints" / "0001-update-10")
        undisturbed = scratch / "undisturbed"
        shutil.copytree(start, undisturbed)
        code, log = self.traced(undisturbed, [])
        found = checkpoint.newest(undisturbed / "checkpoints", pytest.fail)
        assert code == 0 and found is not None
        self.new = files_of(found.folder)
        assert self.new.keys() == self.old.keys() and not set(self.new.values()) & set(self.old.values())
        self.points = list(self.after_the_start(log))

    def traced(self, folder: Path, options: list[str]) -> tuple[int, list[str]]:
        log = folder.with_suffix(".strace")
        calls = ",".join(f"?{name}" for name in CALLS + MARKS)
        command = [
            self.strace,
            "-f",
            "-o",
            str(log),
            "-e",
            f"trace={calls}",
            *options,
            *PROGRAM,
            self.mode,
            str(folder),
        ]
        code = subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode
        return code, log.read_text(errors="replace").splitlines()

    @staticmethod
    def after_the_start(log: list[str]):
        """(name, number among those of that name) of each call once the program has begun."""
        seen, begun = Counter(), False
        for line in log:
            if call := re.match(r"\d+ +(\w+)\(", line):
                seen[call[1]] += 1
                if begun:
                    yield call[1], seen[call[1]]
                begun = begun or BEGINS in line

    def outcome(self, name: str, number: int, fault: str) -> Outcome:
        folder = self.scratch / f"{name}-{number}-{fault}"
        shutil.copytree(self.start, folder)
        code, log = self.traced(folder, ["-e", f"inject={name}:{FAULTS[fault]}:when={number}"])
        struck = [line for line in log if "(INJECTED)" in line or "+++ killed by SIGKILL" in line]
        begun = any(BEGINS in line for line in log[: log.index(struck[0])]) if struck else False
        picked, damaged = self.picked(folder), self.damaged(folder)
        fine = self.next_is_fine(folder) if self.mode == "protocol" else True
        shutil.rmtree(folder)
        return Outcome(f"{name} {number}", fault, code, begun and len(struck) == 1, picked, damaged, fine)

    def picked(self, folder: Path) -> str:
        """Read here and compared byte by byte: no word of `verify` is taken for it."""
        found = checkpoint.newest(folder / "checkpoints", lambda _: None)
        if found is None:
            return "none"
        actual = files_of(found.folder)
        if found.files.keys() != actual.keys():
            return "mixture"
        return "old" if actual == self.old else "new" if actual == self.new else "mixture"

    def damaged(self, folder: Path) -> int:
        count = 0
        for name in (folder / "checkpoints").glob("[!.]*"):
            try:
                checkpoint.verify(name)
            except checkpoint.Damaged:
                count += 1
        return count

    def next_is_fine(self, folder: Path) -> bool:
        """The next process writes its checkpoint and leaves nothing else."""
        code = subprocess.run([*PROGRAM, self.mode, str(folder)], stderr=subprocess.DEVNULL, check=False).returncode
        left = list((folder / "checkpoints").iterdir())
        return code == 0 and len(left) == 1 and left[0].name[0] != "." and self.picked(folder) == "new"

    def run(self) -> list[Outcome]:
        everything = [(*point, fault) for point in self.points for fault in FAULTS]
        with ThreadPoolExecutor(3) as pool:
            outcomes = list(pool.map(lambda what: self.outcome(*what), everything))
        counts = Counter(name for name, _ in self.points)
        print(f"\n{self.mode}: {len(self.points)} calls ({', '.join(f'{n} {name}' for name, n in counts.items())})")
        for fault in FAULTS:
            of_fault = [outcome for outcome in outcomes if outcome.fault == fault]
            codes, picked = Counter(o.code for o in of_fault), Counter(o.picked for o in of_fault)
            print(f"  {fault:6} {len(of_fault)} times: exit codes {dict(codes)}; picked {dict(picked)}")
        assert not [outcome for outcome in outcomes if not outcome.struck], "a fault struck elsewhere"
        return outcomes


def bad(outcomes: list[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.picked not in ("old", "new")]


def test_whatever_strikes_the_old_or_the_new_checkpoint_is_there_whole(strace, start, tmp_path):
    sweep = Sweep(strace, "protocol", start, tmp_path)
    kinds = {name.removesuffix("2").removesuffix("at") for name, _ in sweep.points}
    assert kinds >= {"open", "write", "fsync", "close", "rename", "mkdir", "unlink", "rmdir"}, "what is swept"
    outcomes = sweep.run()
    assert not bad(outcomes)
    assert not [outcome for outcome in outcomes if outcome.damaged], "half written or half deleted it has no name"
    assert not [outcome for outcome in outcomes if not outcome.next_is_fine]
    assert {outcome.code for outcome in outcomes if outcome.fault == "killed"} == {-9}
    assert {outcome.code for outcome in outcomes if outcome.fault != "killed"} == {0, HANDLED}
    assert {outcome.picked for outcome in outcomes if outcome.code == 0} == {"new"}, "success means what it says"
    assert {outcome.picked for outcome in outcomes} == {"old", "new"}


def test_sweep_finds_the_faults_of_writing_in_place(strace, start, tmp_path):
    assert bad(Sweep(strace, "in-place", start, tmp_path).run())
