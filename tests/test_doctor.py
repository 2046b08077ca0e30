from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from rich.console import Console

from sentiment_ft import doctor
from sentiment_ft.errors import EXIT_DONE, EXIT_MODEL, ModelError
from sentiment_ft.hardware.detect import Device
from sentiment_ft.run import surroundings
from sentiment_ft.run.environment import versions
from sentiment_ft.run.surroundings import Finding

ROOT = Path(__file__).parents[1]
T4 = Device("cuda", "Tesla T4", 15_360, (7, 5), None, frozenset({"sm_75"}))
CPU = Device("cpu", "old CPU", 8_000, None, 2, frozenset({"avx2"}))


def worst(findings: Iterator[Finding] | list[Finding]) -> list[str]:
    """Statuses other than ok."""
    return [finding.status for finding in findings if finding.status != "ok"]


def test_a_working_installation_has_nothing_broken() -> None:
    findings = doctor.examine({})
    assert [finding for finding in findings if finding.status == "broken"] == []
    topics = {finding.topic for finding in findings}
    assert {"versions", "cpu", "fp32", "fp16", "bf16", "disk", "model", "hub"} <= topics


def test_everything_that_is_wrong_says_what_to_do() -> None:
    old = dict.fromkeys(versions(), "0.0.1")
    variables = {
        "ACCELERATE_USE_CPU": "true",
        "ACCELERATE_USE_DEEPSPEED": "1",
        "ACCELERATE_MIXED_PRECISION": "fp16",
        "OMP_NUM_THREADS": "99",
    }
    findings = [
        *doctor._packages(old),
        *doctor._memory(16_000, 500),
        *surroundings.examine(variables, 2, accelerated=False),
    ]
    wrong = [finding for finding in findings if finding.status != "ok"]
    assert len(wrong) == len(doctor.FLOORS) + 4
    assert all(finding.way_out for finding in wrong)


@pytest.mark.parametrize(
    ("package", "version", "status"),
    [
        ("torch", "2.9.1", "broken"),
        ("torch", "2.10.0", None),
        ("torch", "2.11.0+cu128", None),
        ("transformers", "5.2.0", "broken"),
        ("transformers", "5.17.0", None),
        ("transformers", "6.0.0", "warning"),
        ("accelerate", "1.14.2", "broken"),
        ("datasets", None, "broken"),
        ("deepspeed", None, None),  # optional: its own finding is a note
    ],
)
def test_versions_against_their_range(package: str, version: str | None, status: str | None) -> None:
    installed = versions() | {package: version}
    found = [finding for finding in doctor._packages(installed) if finding.status != "ok"]
    assert [(finding.topic, finding.status) for finding in found] == ([(package, status)] if status else [])


def test_floors_are_those_of_the_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ranges = {requirement.name: requirement.specifier for requirement in map(Requirement, project["dependencies"])}
    for package, floor in doctor.FLOORS.items():
        assert {item.version for item in ranges[package] if item.operator == ">="} == {floor}, package
    for package, ceiling in doctor.CEILINGS.items():
        assert {item.version for item in ranges[package] if item.operator == "<"} == {ceiling}, package
        assert Version(ceiling) not in ranges[package]


def test_precisions_of_a_t4() -> None:
    said = {finding.topic: finding.what for finding in doctor._device(T4)}
    assert said["cuda"] == "Tesla T4, compute capability 7.5, 15.0 GiB"
    assert said["fp32"] == "yes"
    assert said["fp16"].startswith("yes (mixed_precision: auto")
    assert said["bf16"].startswith("no: Tesla T4")


def test_a_gpu_without_kernels_is_broken() -> None:
    v100 = Device("cuda", "V100", 16_000, (7, 0), None, frozenset({"sm_75", "sm_90"}))
    broken = [finding for finding in doctor._device(v100) if finding.status == "broken"]
    assert len(broken) == 1 and "sm_75, sm_90" in broken[0].what


def test_torch_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(torch_needed: bool = True) -> list[Device]:
        raise ModelError("torch cannot be imported: libcudart.so", way_out="install it again")

    monkeypatch.setattr(doctor.hardware, "detect", fail)
    assert doctor.run() == EXIT_MODEL
    assert "libcudart.so" in capsys.readouterr().out


class FakeTorch:
    __version__ = "2.13.0"

    class version:
        cuda: str | None = None


@pytest.mark.parametrize(
    ("cuda", "driver", "variables", "expected"),
    [
        (None, False, {}, []),  # CPU build on a CPU machine
        (None, True, {}, ["warning"]),  # CPU build beside a GPU
        ("13.0", False, {}, ["note"]),  # login node
        ("13.0", True, {}, ["warning"]),  # driver too old
        ("13.0", True, {"CUDA_VISIBLE_DEVICES": ""}, ["note"]),
    ],
)
def test_torch_build_against_the_driver(
    monkeypatch: pytest.MonkeyPatch, cuda: str | None, driver: bool, variables: dict[str, str], expected: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", FakeTorch)
    monkeypatch.setattr(FakeTorch.version, "cuda", cuda)
    monkeypatch.setattr(doctor.Path, "exists", lambda path: driver)
    assert worst(doctor._torch_build([CPU], variables)) == expected
    assert worst(doctor._torch_build([T4, CPU], variables)) == []


def test_memory_limit_of_a_container() -> None:
    assert worst(doctor._memory(16_000, None)) == []
    assert worst(doctor._memory(16_000, 16_000)) == []
    assert worst(doctor._memory(16_000, 8_000)) == ["note"]
    assert worst(doctor._memory(16_000, 1_000)) == ["warning"]


def test_disk_and_shared_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Usage = type("Usage", (), {"free": 100 * 2**20, "total": 64 * 2**20})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: Usage)
    assert worst(doctor._space(tmp_path, tmp_path)) == ["warning", "warning"]
    assert worst(doctor._space(tmp_path, tmp_path / "absent")) == ["warning"]
    Usage.free = Usage.total = 10**12
    assert worst(doctor._space(tmp_path, tmp_path)) == []


def test_changed_weights_are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert worst(doctor._bundled_model()) == []
    monkeypatch.setattr(doctor.bundled, "WEIGHTS_SHA256", "0" * 64)
    assert worst(doctor._bundled_model()) == ["broken"]


def test_saved_accelerate_config_in_force(tmp_path: Path) -> None:
    variables = {"HF_HOME": str(tmp_path), "OMP_NUM_THREADS": "2"}
    assert surroundings.examine(variables, 2, accelerated=False) == []
    path = tmp_path / "accelerate" / "default_config.yaml"
    path.parent.mkdir()
    path.write_text("mixed_precision: fp16\nnum_processes: 4\n")
    (finding,) = surroundings.examine(variables, 2, accelerated=False)
    assert finding.status == "warning" and "num_processes 4, mixed_precision fp16" in finding.what
    for damaged in ("- a list", "a: [", "\x1b[2J", ""):
        path.write_text(damaged)
        (finding,) = surroundings.examine(variables, 2, accelerated=False)
        assert "\x1b" not in finding.what


def test_saved_accelerate_config_is_where_accelerate_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = "from accelerate.commands.config.config_args import default_config_file as f; print(f)"
    base = {name: value for name, value in os.environ.items() if name not in {"HF_HOME", "XDG_CACHE_HOME"}}
    for extra in (
        {"HOME": str(tmp_path / "home")},
        {"XDG_CACHE_HOME": str(tmp_path)},
        {"HF_HOME": str(tmp_path / "hf")},
    ):
        variables = base | extra
        done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, timeout=120)
        path = Path(done.stdout.strip())
        monkeypatch.setenv("HOME", variables["HOME"])
        assert surroundings.default_accelerate_config(variables) is None
        path.parent.mkdir(parents=True)
        path.touch()
        assert surroundings.default_accelerate_config(variables) == path, done.stderr


@pytest.mark.parametrize(
    ("variables", "cores", "accelerated", "expected"),
    [
        ({"OMP_NUM_THREADS": "2"}, 2, False, []),
        ({"OMP_NUM_THREADS": "3"}, 2, False, ["warning"]),
        ({"OMP_NUM_THREADS": "1"}, 8, False, ["warning"]),
        ({"OMP_NUM_THREADS": "1"}, 8, True, []),
        ({"OMP_NUM_THREADS": "1"}, 1, False, []),
        ({"OMP_NUM_THREADS": "two"}, 2, False, ["warning"]),
        ({}, 2, False, ["note"]),
        ({}, 2, True, []),
        ({}, 1, False, []),
        ({"OMP_NUM_THREADS": "2", "TOKENIZERS_PARALLELISM": "false"}, 2, False, ["note"]),
    ],
)
def test_threads(variables: dict[str, str], cores: int, accelerated: bool, expected: list[str]) -> None:
    assert worst(surroundings._threads(variables, cores, accelerated=accelerated)) == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, []),
        ({"ACCELERATE_USE_CPU": "true"}, []),
        ({"ACCELERATE_USE_CPU": "true", "ACCELERATE_USE_DEEPSPEED": "false"}, []),
        ({"ACCELERATE_USE_CPU": "true", "ACCELERATE_USE_DEEPSPEED": "true"}, ["warning"]),
        ({"ACCELERATE_USE_CPU": "1", "ACCELERATE_USE_FSDP": "yes"}, ["warning"]),
        ({"ACCELERATE_MIXED_PRECISION": "no"}, []),
        ({"ACCELERATE_MIXED_PRECISION": "bf16"}, ["note"]),
    ],
)
def test_launcher_variables(variables: dict[str, str], expected: list[str]) -> None:
    assert worst(surroundings._launcher_variables(variables)) == expected


def test_deepspeed_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    assert worst(doctor._compiler(None)) == ["note"]
    monkeypatch.setattr(doctor.shutil, "which", lambda name, path: None)
    (finding,) = doctor._compiler("0.19.8")
    assert "g++ and ninja" in finding.what
    monkeypatch.setattr(doctor.shutil, "which", lambda name, path: f"/usr/bin/{name}")
    assert worst(doctor._compiler("0.19.8")) == []


def test_json_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.run(as_json=True) == EXIT_DONE
    report = json.loads(capsys.readouterr().out)
    assert report["broken"] == 0
    assert report["devices"][-1]["kind"] == "cpu"
    assert report["devices"][-1]["why_not"]["fp32"] is None
    assert {"status", "topic", "what", "way_out"} == set(report["findings"][0])


LONG = [
    Finding("warning", "threads", "many words " * 30, "export OMP_NUM_THREADS=2 [bold]"),
    Finding("ok", "cpu", "fine"),
]


def test_plain_lines_in_a_pipe() -> None:
    text = io.StringIO()
    doctor.render(LONG, Console(file=text, width=80))
    lines = text.getvalue().splitlines()
    assert len(lines) == 3  # not wrapped: a pipe is read by grep
    assert lines[0].startswith("warning  threads: many words")
    assert lines[1] == "         way out: export OMP_NUM_THREADS=2 [bold]"
    assert "\x1b" not in text.getvalue()


def test_table_fits_80_columns() -> None:
    text = io.StringIO()
    doctor.render(
        LONG, Console(file=text, width=80, force_terminal=True, color_system=None, highlight=False, markup=False)
    )
    lines = text.getvalue().splitlines()
    assert len(lines) > 4
    assert max(map(len, lines)) <= 80
    assert "[bold]" in text.getvalue()  # a bracket in a finding is text, not markup
