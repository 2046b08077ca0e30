"""What `launch` says before anything starts."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from sentiment_ft import cli
from sentiment_ft.launch import gpus, local
from sentiment_ft.launch.gpus import Gpu

A100 = Gpu("NVIDIA A100", (8, 0))


def said(*typed: str) -> str:
    result = CliRunner().invoke(cli.main, ["launch", *typed])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(
    ("topology", "found", "told"),
    [("multi_gpu_bf16", [], True), ("multi_gpu_bf16", [A100, A100], False), ("cpu_2proc", [], False)],
)
def test_gpus_that_are_not_there_are_told(topology, found, told, monkeypatch):
    monkeypatch.setattr(gpus, "visible", lambda: found)
    assert ("no GPU is visible here: 2 processes on the CPUs" in said("-t", topology, "--dry-run")) is told


def test_waiting_for_other_machines_is_told(monkeypatch):
    monkeypatch.setattr(gpus, "visible", list)
    monkeypatch.setattr(local, "run", lambda *_, **__: 0)
    monkeypatch.setenv("SENTIMENT_FT_LAUNCHER", "")  # `launch` sets it: put back in the end
    waiting = "the processes start when all 2 machines are here"
    assert waiting in said("-t", "multi_node", "--machine-rank", "1", "--main-ip", "node0")
    assert waiting not in said("-t", "cpu_2proc")
