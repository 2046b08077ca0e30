"""With which settings a run was made, where, and how to make it again."""

from __future__ import annotations

import json
import shlex
from typing import Any

from sentiment_ft.report.blocks import Cell, Code, Facts, Line, Section, Table, Text, plain
from sentiment_ft.report.files import mapping, number, whole
from sentiment_ft.report.record import Run
from sentiment_ft.report.words import counted, local, value_of
from sentiment_ft.track.numbers import memory_name

MOST_KEYS = 200


def config(run: Run) -> Section | None:
    if not run.config:
        return None
    with_origin = bool(run.origins)
    lines: list[Line] = [
        [
            plain(key, 60),
            value_of(value),
            *([Cell(local(run.origins.get(key, "–"), 80), "muted")] if with_origin else []),
        ]
        for key, value in list(run.config.items())[:MOST_KEYS]
    ]
    head = ["key", "value", *(["from"] if with_origin else [])]
    note = "Of a local path only the last part is shown." + (
        "" if len(run.config) <= MOST_KEYS else f" The first {MOST_KEYS} keys."
    )
    return Section("config", "Config", [Table("Config of the run", head, lines, note=note, folded=True)])


def environment(run: Run) -> Section | None:
    found = run.environment
    if not found:
        return None
    git = mapping(found.get("git"))
    devices = found.get("devices")
    pairs: list[tuple[str, str]] = [
        (key, value_of(found[key])) for key in ("sentiment_ft", "python", "platform") if key in found
    ]
    for device in map(mapping, devices[:8] if isinstance(devices, list) else []):
        memory, cores = number(device.get("memory_mib")), whole(device.get("cores"))
        words = [
            plain(device.get("name", "unknown"), 80),
            f"{memory / 1024:,.1f} GiB" if memory is not None else "",
            counted(cores, "core") if cores is not None else "",
        ]
        pairs.append((plain(device.get("kind", "device"), 20), ", ".join(filter(None, words))))
    pairs += [
        (plain(key, 40).replace("_", " "), value_of(value))
        for key, value in list(mapping(found.get("threads")).items())[:10]
    ]
    if git.get("commit"):
        dirty = " with changes that are not committed" if git.get("dirty") is True else ""
        pairs.append(("commit", plain(git["commit"], 60)[:12] + dirty))
    pairs += [(plain(key, 60), value_of(value)) for key, value in list(mapping(found.get("variables")).items())[:40]]
    memory_peak = mapping(run.summary.get("peak_memory_mib"))
    pairs += [
        (f"peak memory, {memory_name(plain(key, 40))}", f"{mib:,.0f} MiB")
        for key, value in list(memory_peak.items())[:8]
        if (mib := number(value)) is not None
    ]
    packages = [
        [plain(name, 60), plain(version, 40)]
        for name, version in list(mapping(found.get("packages")).items())[:100]
        if version is not None
    ]
    return Section(
        "environment",
        "Environment",
        [Facts(pairs), Table("Packages and their versions", ["package", "version"], packages, folded=True)],
    )


def again(run: Run) -> Section:
    """What it takes to train the same once more."""
    line = run.environment.get("command_line")
    words = [str(word) for word in line[:200]] if isinstance(line, list) and line else []
    blocks: list[Any] = [
        Text("The same settings, from the config in the folder of the run (beside this page), typed there:"),
        Code("sentiment-ft train --recipe ./config.yaml --output ../again"),
    ]
    if words:
        program = local(words[0])
        rest = [shlex.quote(local(word)) for word in words[1:]]
        resumed = run.starts > 1
        which = "The newest start, which went on with the run, as it was typed" if resumed else "As it was typed"
        blocks += [
            Text(f"{which}; of local paths the last part is shown."),
            Code(" ".join([shlex.quote(program), *rest])),
        ]
    git = mapping(run.environment.get("git"))
    pairs = [
        ("commit", plain(git.get("commit") or "–", 60)),
        ("seed", value_of(run.config.get("seed", "–"))),
        ("sentiment_ft", value_of(run.environment.get("sentiment_ft", "–"))),
        ("torch", value_of(mapping(run.environment.get("packages")).get("torch", "–"))),
    ]
    return Section("again", "How to reproduce", [*blocks, Facts(pairs)])


def exact(value: object) -> str:
    """A value as JSON, to be compared."""
    try:
        return json.dumps(value, sort_keys=True, default=str)
    except (ValueError, TypeError, RecursionError):  # keys of several kinds
        return repr(value)
