"""Topologies: ours by name, a YAML file of one's own, and every fault of it in one message."""

from __future__ import annotations

import tracemalloc
import unicodedata
from pathlib import Path

import pytest

from sentiment_ft.errors import ConfigError
from sentiment_ft.launch.topology import Topology, names, read
from sentiment_ft.shipped import shipped


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch) -> Path:
    """A folder that is not the repository's."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(name: str, text: str | bytes | None = None) -> str:
    """The message; safe to print, whatever is in the file."""
    if text is not None:
        Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        read(name)
    message = str(caught.value)
    assert not [character for character in message if unicodedata.category(character) == "Cc" and character != "\n"]
    assert message.count("\n") <= 1, "one line for the fault, one for the way out"
    return message


@pytest.mark.parametrize(
    ("name", "kind", "processes", "machines", "on_cpu", "deepspeed_config"),
    [
        ("single_process", "NO", 1, 1, False, None),
        ("cpu_2proc", "MULTI_GPU", 2, 1, True, None),
        ("multi_node", "MULTI_GPU", 16, 2, False, None),
        ("deepspeed_zero2_offload", "DEEPSPEED", 2, 1, False, "zero2_offload.json"),
    ],
)
def test_ours_by_name_from_any_folder(name, kind, processes, machines, on_cpu, deepspeed_config):
    path = shipped("accelerate_configs").resolve() / f"{name}.yaml"
    config = deepspeed_config and shipped("ds_configs").resolve() / deepspeed_config
    assert read(name) == Topology(path, kind, processes, machines, on_cpu, config)


def test_every_one_of_ours_can_be_read():
    assert len(names()) >= 10 and names() == sorted(names())
    assert all(read(name).path.stem == name for name in names())


def test_a_file_of_ones_own(elsewhere):
    """Keys that are not for us are Accelerate's to judge; what is left out has its default."""
    (elsewhere / "own.yaml").write_text("distributed_type: NO\ngpu_ids: all\nsomething: else\n")
    assert read("own.yaml") == Topology(elsewhere / "own.yaml", "NO", 1, 1, False, None)
    (elsewhere / "cpu_2proc").write_text("num_processes: 7\n")
    assert read("cpu_2proc").processes == 2, "a name of ours is ours"
    assert read("./cpu_2proc").processes == 7


def test_the_deepspeed_config_is_looked_for_where_it_was_typed_then_beside_the_topology_then_among_ours(elsewhere):
    (elsewhere / "set").mkdir()
    own = elsewhere / "set" / "own.yaml"
    own.write_text("distributed_type: DEEPSPEED\ndeepspeed_config: {deepspeed_config_file: ds_configs/zero2.json}\n")
    assert read(str(own)).deepspeed_config == shipped("ds_configs").resolve() / "zero2.json"
    for folder in (elsewhere / "set" / "ds_configs", elsewhere / "ds_configs"):
        folder.mkdir()
        (folder / "zero2.json").write_text("{}")
        assert read(str(own)).deepspeed_config == folder / "zero2.json"


@pytest.mark.parametrize("name", ["/nowhere/zero2.json", "../../zero2.json", "mine/zero2.json", "x" * 5000])
def test_a_deepspeed_config_that_is_not_there_is_not_replaced_by_one_of_ours(name):
    said = refused("own.yaml", f"distributed_type: DEEPSPEED\ndeepspeed_config: {{deepspeed_config_file: {name}}}\n")
    assert said.startswith(f"own.yaml: deepspeed_config_file {name[:190]}") and "no such file" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("num_processes: true", "num_processes is True"),
        ("num_processes: '2'", "num_processes is '2'"),
        ("num_processes: 2.0", "num_processes is 2.0"),
        ("num_processes: null", "num_processes is None"),
        ("num_processes: .nan", "num_processes is nan"),
        ("num_processes: 0", "num_processes is"),
        ("num_machines: -3", "num_machines is"),
        ("num_machines: [2]", "num_machines is [2]"),
        ("use_cpu: 'no'", "use_cpu is 'no'"),
        ("use_cpu: 1", "use_cpu is 1"),
        ("distributed_type: true", "distributed_type is True"),
        ("distributed_type: FSDP", "distributed_type FSDP is not supported"),
        ('distributed_type: "\\e[31mred\\n"', r"distributed_type \x1b[31mred\x0a is not supported"),
        ("deepspeed_config: null", "deepspeed_config is None"),
        ("deepspeed_config: zero2.json", "deepspeed_config is 'zero2.json'"),
        ("deepspeed_config: {deepspeed_config_file: 5}", "deepspeed_config_file 5: no such file"),
        ('deepspeed_config: {deepspeed_config_file: "\\e[2J\\0"}', r"deepspeed_config_file \x1b[2J\x00: no such file"),
    ],
)
def test_a_wrong_value_is_told_with_its_key(text, said):
    assert refused("own.yaml", text).startswith(f"own.yaml: {said}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[cpu_2proc]",
        "just words",
        "num_processes: [",
        "num_processes: 2\n---\nnum_processes: 4",
        "? [a]\n: b",
        "num_processes: &a [*a]",
        "!!python/object/apply:os.system ['touch here']",
        "x: 2024-13-45",
        "x: !!int ''",
        "x: !!bool perhaps",
        "x: !!timestamp soon",
        "[" * 2_000,
        b"\xff\xfe\x00",
        b"num_processes: 2\x00",
    ],
    ids=lambda text: repr(text[:20]),
)
def test_what_is_not_a_mapping_of_yaml_is_refused(text, elsewhere):
    refused("own.yaml", text)
    assert [path.name for path in elsewhere.iterdir()] == ["own.yaml"]


def test_a_huge_file_is_not_read():
    text = "num_processes: 2\n" + "#" * 2**17
    assert "larger than" in refused("own.yaml", text)


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_number_of_processes_beyond_any_machine(sign):
    """Hexadecimal: a number that Python cannot even write down in decimals."""
    assert "num_processes" in refused("own.yaml", f"num_processes: {sign}0x{'f' * 20_000}")


@pytest.mark.parametrize("joined", ["[{}]", "{{<<: [{}]}}"], ids=["lists", "merge keys"])
def test_a_yaml_bomb_does_not_go_off(joined):
    """Five levels of twelve aliases: 248,832 copies of a value, were they written out; the file has 400 bytes."""
    lines = ["a: &a {key: value}"]
    for before, name in zip("abcde", "bcdef", strict=True):
        lines.append(f"{name}: &{name} " + joined.format(", ".join([f"*{before}"] * 12)))
    Path("own.yaml").write_text("\n".join([*lines, "num_processes: *f"]))
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError):
            read("own.yaml")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "/dev/zero",
        "no/such.yaml",
        "cpu_2proc\n",
        "\x1b[31mred\x07",
        "\ud800",
        "a\0b",
        "x" * 5000,
        "~no-such-user/a",
    ],
)
def test_a_name_that_is_no_file(name):
    assert "no such topology" in refused(name)


def test_a_slip_in_a_name_is_answered_with_the_nearest():
    assert "did you mean deepspeed_zero2?" in refused("deepspeed-zero2")
