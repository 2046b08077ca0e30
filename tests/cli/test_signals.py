import signal
import subprocess
import sys
import textwrap

import pytest

PREAMBLE = """
import signal, sys, time
from sentiment_ft.cli import signals
signal.signal(signal.SIGINT, signal.default_int_handler)
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
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
        except BaseException:
            print("an exception in an import", flush=True)
        """)
    )
    assert run(IMPORTING, folder=str(tmp_path)) == (100 + number, [f"said {number}"])


def test_an_ignored_ctrl_c_stays_ignored():
    script = "\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + TWICE
    assert run(script, number=2) == (0, ["tidying", "never"])
