"""The streams of a process that is not the main one: into a file, whole, and back again. Real descriptors, so each test
is a program of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(folder: Path, script: str, *, code: int = 0) -> tuple[str, str, str | None]:
    """(standard output, standard error, the log of process 3 or None) of a program in `folder`."""
    preamble = "import os, sys\nfrom pathlib import Path\nfrom sentiment_ft.run import process_log\n"
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(
        [sys.executable, "-c", preamble + script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    log = folder / "run" / "logs" / "rank-3.log"
    return done.stdout, done.stderr, log.read_text() if log.exists() else None


def test_everything_said_within_is_in_the_file_in_order(tmp_path):
    """By Python, by a library that writes to the descriptor, by a child; before and after there is a folder."""
    (tmp_path / "run").mkdir()
    out, err, log = run(
        tmp_path,
        """
import subprocess
print("before")
with process_log.into_a_file(3) as keep:
    print("early " + "x" * 100_000, flush=True)
    print("warning", file=sys.stderr, flush=True)
    os.write(1, b"descriptor 1\\n")
    os.write(2, b"descriptor 2\\n")
    print("buffered")
    keep(Path("run"))
    print("late", flush=True)
    subprocess.run(["sh", "-c", "echo child; echo oops >&2"])
    print("unflushed", end="")
print("after")
os.write(2, b"after too\\n")
""",
    )
    assert (out, err) == ("before\nafter\n", "after too\n")
    early = "early " + "x" * 100_000 + "\nwarning\ndescriptor 1\ndescriptor 2\nbuffered\n"
    assert log == early + "late\nchild\noops\nunflushed"


def test_a_run_that_never_gets_a_folder_leaves_nothing(tmp_path):
    out, err, log = run(
        tmp_path,
        """
with process_log.into_a_file(3) as keep:
    print("said by a run that does not start")
    raise ValueError("the last word")
""",
        code=1,
    )
    assert out == "" and "does not start" not in err, "it belongs to nobody"
    assert err.count("ValueError: the last word") == 1, "the traceback is seen"
    assert log is None and list(tmp_path.iterdir()) == []


def test_an_exception_after_that_leaves_the_log_whole(tmp_path):
    (tmp_path / "run").mkdir()
    out, err, log = run(
        tmp_path,
        """
with process_log.into_a_file(3) as keep:
    print("early")
    keep(Path("run"))
    print("late", end="")
    raise ValueError("the last word")
""",
        code=1,
    )
    assert (out, log) == ("", "early\nlate") and "ValueError: the last word" in err


def test_processes_share_the_folder_and_replace_an_old_log(tmp_path):
    (tmp_path / "run" / "logs").mkdir(parents=True)
    (tmp_path / "run" / "logs" / "rank-3.log").write_text("of the last run, and longer\n")
    (tmp_path / "run" / "logs" / "rank-1.log").write_text("another's\n")
    script = "with process_log.into_a_file(3) as keep:\n    keep(Path('run'))\n    print('new')\n"
    assert run(tmp_path, script) == ("", "", "new\n")
    assert (tmp_path / "run" / "logs" / "rank-1.log").read_text() == "another's\n"


def test_a_machine_that_does_not_share_the_disk_has_its_own_folder(tmp_path):
    """The main process makes the run folder, on its own disk."""
    script = "with process_log.into_a_file(3) as keep:\n    keep(Path('run'))\n    print('here')\n"
    assert run(tmp_path, script) == ("", "", "here\n")


def test_no_descriptor_is_left_open(tmp_path):
    (tmp_path / "run").mkdir()
    script = """
def count():
    return len(os.listdir("/proc/self/fd"))
before = count()
for _ in range(3):
    with process_log.into_a_file(3) as keep:
        keep(Path("run"))
print(count() - before)
"""
    if not Path("/proc/self/fd").exists():
        pytest.skip("no /proc")
    assert run(tmp_path, script)[0] == "0\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_streams_that_were_closed_before_are_no_error(tmp_path, closed):
    """As `sentiment-ft train >&-` leaves them."""
    (tmp_path / "run").mkdir()
    (tmp_path / "program.py").write_text(
        "import os, sys\nfrom pathlib import Path\nfrom sentiment_ft.run import process_log\n"
        "with process_log.into_a_file(3) as keep:\n    keep(Path('run'))\n    os.write(1, b'written\\n')\n"
        "Path('ended').touch()\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    command = f"exec '{sys.executable}' program.py {closed}"
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "run" / "logs" / "rank-3.log").read_text() == "written\n"
    assert (tmp_path / "ended").exists()


def test_nowhere_keeps_nothing(tmp_path):
    script = """
with process_log.nowhere() as keep:
    print("seen")
    keep(Path("run"))
"""
    assert run(tmp_path, script) == ("seen\n", "", None)
    assert list(tmp_path.iterdir()) == []
