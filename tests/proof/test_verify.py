"""`sentiment-ft verify` on the tiny model: it passes, and a fault that only several processes have is seen."""

from __future__ import annotations

import json
import sys

import psutil
import pytest

from sentiment_ft.config import Config
from sentiment_ft.proof import legs
from tests import launched
from tests.tiny import write_reviews

# Python imports a module of this name at its start: the only way into the runs that `verify` starts.
FAULT = """
from tests.scripts import exact_mutants

put_in = exact_mutants.same_rows_everywhere()
put_in.__enter__()
"""


@pytest.mark.slow
def test_verify_passes_and_sees_a_fault(model, tmp_path):
    """Four updates of 12 rows; one process has none of the fault, so its runs are the sound ones."""
    write_reviews(tmp_path / "reviews.jsonl", 60)
    argv = [sys.executable, "-m", "sentiment_ft", "verify", "--data", "reviews.jsonl", "--model", str(model)]
    argv += ["--max-length", "64", "--batch", "3", "--precision", "fp32", "--updates", "4", "-q"]

    sound = launched.run([*argv, "--json"], tmp_path)
    assert sound.returncode == 0, sound.stderr
    certificate = json.loads(sound.stdout)
    assert certificate["passed"] and certificate["updates"] == 4 and certificate["global_batch_size"] == 12
    assert [found["run"] for found in certificate["comparisons"]] == ["DDP fp64", "ZeRO 2 fp32"]
    for found in certificate["comparisons"]:
        assert found["passed"] and found["updates"] == 4
        assert found["rows_equal"] and found["rates_equal"] and found["evaluated_equal"]

    (tmp_path / "sitecustomize.py").write_text(FAULT)
    paths = f"{tmp_path}:{launched.ROOT}"
    faulty = launched.run(argv, tmp_path, PYTHONPATH=paths)
    assert faulty.returncode == 5, faulty.stderr
    assert "NOT VERIFIED" in faulty.stdout and "DIFFER" in faulty.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "reviews.jsonl", "sitecustomize.py"]


def test_a_run_that_hangs_is_ended_and_named(tmp_path, monkeypatch):
    monkeypatch.setattr(legs, "SECONDS", 0.5)  # less than Python needs to start
    leg = legs.Leg("1 process", None, 1, "fp32")
    with pytest.raises(legs.LegFailed, match="did not end within"):
        legs.carry_out(leg, Config(), tmp_path / "leg", legs.environment(on_cpu=True))
    assert [child for child in psutil.Process().children() if child.is_running()] == []
