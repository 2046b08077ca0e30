"""Topologies: how many processes on which devices. Accelerate's YAML, read here without Accelerate or torch."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from reprlib import Repr
from typing import Any

from sentiment_ft import yaml_text
from sentiment_ft.errors import ConfigError
from sentiment_ft.shipped import deepspeed_file, own_file, shipped
from sentiment_ft.terminal import printable

MAX_FILE_BYTES = 2**16
MOST = 2**20  # processes, machines: more is a slip, or a number that cannot even be printed
TORCHS_PORT = 29500
KINDS = ("NO", "MULTI_GPU", "DEEPSPEED")


@dataclass(frozen=True, slots=True)
class Topology:
    """kind: NO (one process), MULTI_GPU (DDP, also on CPUs), DEEPSPEED. processes: of all machines together. main_port:
    where machine 0 of several listens.
    """

    path: Path
    kind: str
    processes: int
    machines: int
    on_cpu: bool
    deepspeed_config: Path | None
    main_port: int = TORCHS_PORT


def names() -> list[str]:
    """The topologies that travel with the package."""
    return sorted(path.stem for path in shipped("accelerate_configs").glob("*.yaml"))


def read(name: str) -> Topology:
    """A topology by the name of one of ours, or a YAML file of your own. Raises ConfigError."""
    known = names()
    path = shipped("accelerate_configs") / f"{name}.yaml" if name in known else own_file(name)
    where = printable(name, 200)
    if path is None:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}? There are" if near else "one of"
        raise ConfigError("no such topology", where=where, way_out=f"{hint} {', '.join([*known, 'or a YAML file'])}")
    content = _content(path, where)
    kind = _value(content, "distributed_type", str, "NO", where)
    kind = "NO" if content.get("distributed_type") is False else kind  # YAML 1.1 reads a bare NO as false
    if kind not in KINDS:
        raise ConfigError(
            f"distributed_type {printable(kind, 40)} is not supported", where=where, way_out=", ".join(KINDS)
        )
    return Topology(
        path=path.resolve(),
        kind=kind,
        processes=_number(content, "num_processes", where),
        machines=_number(content, "num_machines", where),
        on_cpu=_value(content, "use_cpu", bool, False, where),
        deepspeed_config=_deepspeed_config(content, path, where),
        main_port=_port(content, where),
    )


def _content(path: Path, where: str) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"is larger than {MAX_FILE_BYTES:,} bytes: not a topology", where=where)
        content = yaml_text.parse_plain(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=where) from None
    except yaml_text.UNREADABLE as error:
        raise ConfigError(f"is not YAML: {yaml_text.fault(error)}", where=where) from None
    if not isinstance(content, dict):
        raise ConfigError("is not a mapping of keys", where=where, way_out="see accelerate_configs/ for examples")
    return content


def _value(content: dict[str, Any], key: str, kind: type, otherwise: Any, where: str) -> Any:
    value = content.get(key, otherwise)
    if key == "distributed_type" and value is False:
        return otherwise
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"{key} is {printable(Repr().repr(value), 60)}, not {kind.__name__}", where=where)
    return value


def _number(content: dict[str, Any], key: str, where: str) -> int:
    number: int = _value(content, key, int, 1, where)
    if not 1 <= number <= MOST:
        raise ConfigError(f"{key} is not a number from 1 to {MOST:,}", where=where)
    return number


def _port(content: dict[str, Any], where: str) -> int:
    port: int = _value(content, "main_process_port", int, TORCHS_PORT, where)
    if not 1 <= port <= 65535:
        raise ConfigError("main_process_port is not a port, 1 to 65535", where=where)
    return port


def _deepspeed_config(content: dict[str, Any], path: Path, where: str) -> Path | None:
    section = _value(content, "deepspeed_config", dict, {}, where)
    name = section.get("deepspeed_config_file")
    if name is None:
        return None
    found = deepspeed_file(str(name), path.parent)
    if found is None:
        raise ConfigError(f"deepspeed_config_file {printable(str(name), 200)}: no such file", where=where)
    return found.resolve()
