"""GPUs as nvidia-smi tells of them: a script of that name stands in for it, there is none here."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentiment_ft.launch.gpus import Gpu, parse, visible

TABLE = """\
0, GPU-8932f937-d72c-4106-c12f-20bd9faed9f6, 7.5, Tesla T4
1, GPU-1a2b3c4d-0000-4106-c12f-20bd9faed9f6, 8.0, NVIDIA A100-SXM4-40GB
2, GPU-1a2bffff-0000-4106-c12f-20bd9faed9f6, 9.0, NVIDIA H100, 80GB HBM3
"""
T4, A100, H100 = (
    Gpu("Tesla T4", (7, 5)), Gpu("NVIDIA A100-SXM4-40GB", (8, 0)), Gpu("NVIDIA H100, 80GB HBM3", (9, 0)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (None, [T4, A100, H100]),
        ("", []),
        ("   ", []),
        ("     ", []),
        ("0", [T4]),
        ("2,0", [H100, T4]),
        (" 1 , 2 ", [A100, H100]),
        ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,1", [T4, A100]),
        ("GPU-1a2bff", [H100]),
        ("-1", []),
        ("1,-1,0", [A100]),
        ("0,7,1", [T4]),
        ("0,,1", [T4]),
        ("none", []),
        ("0x1", []),
        ("MIG-8932f937-d72c-4106-c12f-20bd9faed9f6", []),
        ("\x1b[31m", []),
    ],
    ids=repr,
)
def test_what_cuda_visible_devices_leaves(chosen, found):
    """In its order, up to the first name that is none: CUDA's own rule."""
    assert parse(TABLE, chosen) == found


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ("", []),
        ("No devices were found\n", []),
        ("0, GPU-1, 8.0\n", []),
        ("\n\n0, GPU-1, 8.0, A100\n", [Gpu("A100", (8, 0))]),
        ("0, GPU-1, [N/A], Quadro\n", [Gpu("Quadro", (0, 0))]),
        ("0, GPU-1, 8, A100\n", [Gpu("A100", (0, 0))]),
        ("0, GPU-1, \N{SUPERSCRIPT TWO}.0, A100\n", [Gpu("A100", (0, 0))]),
    ],
    ids=repr,
)
def test_a_table_that_says_less(table, found):
    assert parse(table, None) == found


def stand_in(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_the_driver_is_asked(tmp_path, monkeypatch):
    """For the columns, and in the form, that are read here."""
    (tmp_path / "table").write_text(TABLE)
    stand_in(tmp_path, f'echo "$@" > {tmp_path}/asked; cat {tmp_path}/table', monkeypatch)
    assert visible({}) == [T4, A100, H100]
    assert visible({"CUDA_VISIBLE_DEVICES": "1"}) == [A100]
    assert (tmp_path / "asked").read_text() == "--query-gpu=index,uuid,compute_cap,name --format=csv,noheader\n"


@pytest.mark.parametrize(
    "script",
    [
        "echo 0, GPU-1, 8.0, A100; exit 9",  # NVIDIA-SMI has failed because it couldn't communicate with the driver
        "echo NVIDIA-SMI has failed",
        r"printf '\377\376'",
        "kill -9 $$",
    ],
)
def test_a_driver_that_does_not_answer_is_none(tmp_path, monkeypatch, script):
    stand_in(tmp_path, script, monkeypatch)
    assert visible({}) == []


def test_no_driver(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible({}) == []
    (tmp_path / "nvidia-smi").write_text("not a program")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert visible({}) == []
