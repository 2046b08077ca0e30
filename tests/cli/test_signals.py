import signal
import subprocess
import sys
import textwrap

import pytest

PREAMBLE = """
import signal, sys, time
from sentiment_ft.cli import signals
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signals.SECONDS_TO_TIDY_UP = 0.5
def say(number):
    print("said", number, flush=True)
    return 100 + number
"""

SWALLOWED = """
with signals.end_the_verb(say):
    try:
        signal.raise_signal({number})
    except KeyboardInterrupt:
        print("swallowed", signals.received(), flush=True)
    time.sleep(30)
"""

TWICE = """
with signals.end_the_verb(say):
    try:
        signal.raise_signal({number})
    finally:
        print("tidying", flush=True)
        signal.raise_signal({number})
        print("never", flush=True)
"""

IMPORTING = """
sys.path.insert(0, {folder!r})
with signals.end_the_verb(say):
    try:
        import interrupted_here
    finally:
        print("never", flush=True)
"""

TIDY = """
try:
    with signals.end_the_verb(say):
        signal.raise_signal({number})
except KeyboardInterrupt:
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    time.sleep(1)
    print("tidy", signals.received(), flush=True)
"""


def run(script: str, **values: object) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + script.format(**values)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2])
def test_what_a_signal_does(number, tmp_path, monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    number = int(number)
    assert run(TIDY, number=number) == (0, [f"tidy {number}"])
    assert run(SWALLOWED, number=number) == (100 + number, [f"swallowed {number}", f"said {number}"])
    assert run(TWICE, number=number) == (100 + number, ["tidying", f"said {number}"])
    (tmp_path / "interrupted_here.py").write_text(
        textwrap.dedent(f"""
        import signal
        try:
            signal.raise_signal({number})
        finally:
            print("the import went on", flush=True)
        """)
    )
    assert run(IMPORTING, folder=str(tmp_path)) == (100 + number, [f"said {number}"])


ASIDE = """
from pathlib import Path
from sentiment_ft.run import writing
def fill(staged):
    (staged / "inner").mkdir()
    print(len(list(Path({folder!r}).iterdir())), flush=True)
    import interrupted_here
sys.path.insert(0, {modules!r})
with signals.end_the_verb(say), writing.staged_file(Path({folder!r}) / "file"):
    writing.write_new_folder(Path({folder!r}) / "new", fill)
"""


def test_what_is_half_written_goes_also_where_no_exception_can_be_raised(tmp_path):
    folder, modules = tmp_path / "folder", tmp_path / "modules"
    folder.mkdir()
    modules.mkdir()
    (modules / "interrupted_here.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    assert run(ASIDE, folder=str(folder), modules=str(modules)) == (102, ["2", "said 2"])
    assert list(folder.iterdir()) == []


def test_an_ignored_ctrl_c_stays_ignored():
    script = "\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + TWICE
    assert run(script, number=2) == (0, ["tidying", "never"])


LEAVING = """
import atexit, sys, time
atexit.register(lambda: (print("leaving", flush=True), time.sleep(2)))
from sentiment_ft import cli
cli.main(["completion", "bash"])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2])
def test_a_signal_while_the_interpreter_ends_comes_too_late(number):
    """What is done, or saved, keeps its exit code."""
    with subprocess.Popen([sys.executable, "-c", LEAVING], stdout=subprocess.PIPE, text=True) as process:
        assert any(line == "leaving\n" for line in process.stdout)
        process.send_signal(number)
        assert process.wait(20) == 0
