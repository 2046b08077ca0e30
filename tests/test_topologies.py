"""The commands of the README's table of topologies, as typed in a checkout, on a machine without GPUs."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import AutoModelForSequenceClassification

from sentiment_ft.launch import topology
from tests import launched
from tests.tiny import write_reviews

README = (launched.ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = {
    name: command for name, command in re.findall(r"^\| `(\w+)` \|.*?`(accelerate launch [^`]*)`", README, re.MULTILINE)
}


def test_each_topology_has_its_command():
    assert set(COMMANDS) == set(topology.names())
    for name, command in COMMANDS.items():
        assert f" --config_file accelerate_configs/{name}.yaml " in command and "-m sentiment_ft.train" in command


@pytest.fixture
def checkout(tmp_path, model) -> Path:
    """What a checkout has of configurations; a model and rows that take seconds."""
    for folder in ("accelerate_configs", "ds_configs"):
        shutil.copytree(launched.ROOT / folder, tmp_path / folder)
    (tmp_path / "tiny").symlink_to(model)
    write_reviews(tmp_path / "reviews.jsonl", 60)
    return tmp_path


MORE = (
    "--data reviews.jsonl --model tiny --output run --batch 4 -q -o test=null -o max_length=32 -o bootstrap_samples=100"
)


def words(name: str, more: str = MORE) -> list[str]:
    """The command as typed, with another `--recipe` in place of its own, which needs a hub or a GPU."""
    typed = re.sub(r" --recipe \w+$", "", COMMANDS[name])
    return shlex.split(f"{typed} --recipe quickstart {more}")


def environment(folder: Path) -> dict[str, str]:
    """Nothing that `accelerate launch` needs is set beforehand."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    (folder / "temporary").mkdir(exist_ok=True)  # torchrun leaves a folder there
    found = launched.environment(folder, [], PATH=path, TMPDIR=str(folder / "temporary"))
    return {key: value for key, value in found.items() if key != "OMP_NUM_THREADS"}


def check(folder: Path, processes: int) -> None:
    summary = json.loads((folder / "run" / "summary.json").read_text())
    assert summary["processes"] == processes and summary["updates"] == summary["planned_updates"]
    AutoModelForSequenceClassification.from_pretrained(folder / "run" / "best")


# multi_gpu_fp16, multi_gpu_bf16 and t4_fp16 fall to the CPUs where there are no GPUs, and show nothing new there.
@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in COMMANDS if "deepspeed" in name or name.endswith(("proc", "process"))]
)
def test_a_command_runs_as_typed(checkout, name):
    done = subprocess.run(
        words(name), cwd=checkout, env=environment(checkout), capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    check(checkout, topology.read(name).processes)


@pytest.mark.slow
def test_two_machines_run_as_typed(checkout):
    """Two launchers, each with a process of its own, meet on this machine."""
    begun = []
    for rank in (0, 1):
        typed = words("multi_node")
        typed[typed.index("--machine_rank") + 1] = str(rank)
        typed[typed.index("--main_process_ip") + 1] = "127.0.0.1"
        place = typed.index("-m")
        typed[place:place] = ["--num_processes", "2", "--main_process_port", "29641"]
        begun.append(
            subprocess.Popen(typed, cwd=checkout, env=environment(checkout), stderr=subprocess.PIPE, text=True)
        )
    said = [process.communicate(timeout=240)[1] for process in begun]
    assert [process.returncode for process in begun] == [0, 0], said
    check(checkout, 2)
