"""What `accelerate launch` would do without a word is refused: one process for several, a config that nobody named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sentiment_ft.errors import ConfigError
from sentiment_ft.run.launcher import check_arguments, launch_arguments

NO_DEFAULT = {"HF_HOME": "/nowhere"}


@pytest.mark.parametrize(
    ("argv", "arguments"),
    [
        ("python /opt/bin/accelerate launch --num_processes 2 -m sentiment_ft.train --num_processes 9", 2),
        ("/opt/bin/accelerate launch --cpu --num_processes 2 my/train.py --cpu", 3),
        ("python -m accelerate.commands.launch --config_file a.yaml --module sentiment_ft.train", 2),
        ("/opt/bin/accelerate-launch --num_processes=2 train.py", 1),
        ("accelerate launch", 0),
        ("accelerate launch --dry_run", 1),
        ("accelerate config --config_file a.yaml", None),
        ("accelerate env launcher", None),
        ("launch accelerate train.py", None),
        ("torchrun --nproc_per_node 2 -m sentiment_ft.train", None),
        ("bash -c accelerate\nlaunch", None),
        ("-m", None),
        ("", None),
    ],
)
def test_options_of_the_launcher_end_where_those_of_the_program_begin(argv, arguments):
    """arguments: how many of them stand behind the word `launch`."""
    words = argv.split(" ")
    found = launch_arguments(words)
    if arguments is None:
        assert found is None
    else:
        start = next(place for place, word in enumerate(words) if word.endswith("launch")) + 1
        assert found == words[start : start + arguments]


def refused(arguments: list[str], environment: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        check_arguments(arguments, environment)
    assert str(caught.value).replace("\n", "").isprintable()
    return str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [["--num_processes", "4"], ["--num-processes", "4"], ["--num_processes=4"], ["--cpu", "--num-processes=4"]],
)
def test_one_process_where_several_were_asked_for(arguments):
    """`accelerate launch --cpu --num_processes 4` starts one."""
    assert "4 processes were asked for, and it started one" in refused(arguments, NO_DEFAULT)
    assert "started one" in refused(arguments, NO_DEFAULT | {"WORLD_SIZE": "1"})
    check_arguments(arguments, NO_DEFAULT | {"WORLD_SIZE": "4"})


@pytest.mark.parametrize("arguments", [[], ["--num_processes", "1"], ["--num_processes"], ["--num_machines", "4"]])
def test_one_process_where_one_was_asked_for(arguments):
    check_arguments(arguments, NO_DEFAULT)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("num_processes: 3", 3),
        ("num_processes: 1", 1),
        ("num_processes: true", 1),
        ("num_processes: many", 1),
        ("num_processes: [3]", 1),
        ("use_cpu: true", 1),
        ("- 3", 1),
        ("", 1),
        ("num_processes: [", 1),
        (None, 1),
    ],
)
def test_processes_of_the_config_that_was_named(tmp_path, text, asked):
    """One that cannot be read is Accelerate's to refuse, and it has started."""
    path = tmp_path / "own.yaml"
    if text is not None:
        path.write_text(text)
    arguments = ["--config_file", str(path)]
    if asked > 1:
        assert f"{asked} processes were asked for" in refused(arguments, NO_DEFAULT)
    else:
        check_arguments(arguments, NO_DEFAULT)
    check_arguments([*arguments, "--num_processes", "1"], NO_DEFAULT), "the option counts, not the file"


@pytest.mark.parametrize("variable", ["HF_HOME", "XDG_CACHE_HOME"])
def test_a_config_that_nobody_named_is_refused_by_its_name(tmp_path, variable):
    cache = tmp_path / "\x1b[31mred"
    path = cache / ("" if variable == "HF_HOME" else "huggingface") / "accelerate" / "default_config.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("num_processes: 1")
    environment = {variable: str(cache)}
    assert r"x1b[31mred" in refused([], environment) and "default_config.yaml" in refused([], environment)
    refused(["--num_processes", "2"], environment | {"WORLD_SIZE": "2"})
    check_arguments(["--config_file", str(path)], environment)
    check_arguments(["--cpu"], environment)


@pytest.mark.parametrize("folder", ["~no-such-user", "x" * 5000, "/dev/null"])
@pytest.mark.parametrize("variable", ["HF_HOME", "XDG_CACHE_HOME"])
def test_a_cache_folder_that_is_none_holds_no_config(variable, folder):
    check_arguments([], {variable: folder})


@pytest.mark.parametrize("size", ["abc", "", "-1", "1.5", "\N{SUPERSCRIPT TWO}"])
def test_a_world_size_that_is_no_number_is_not_several(size):
    check_arguments([], NO_DEFAULT | {"WORLD_SIZE": size})
    assert "started one" in refused(["--num_processes", "2"], NO_DEFAULT | {"WORLD_SIZE": size})


def test_a_number_of_processes_that_is_none():
    for text in ("abc", "\N{SUPERSCRIPT TWO}", "-2", "true"):
        check_arguments(["--num_processes", text], NO_DEFAULT)


def test_the_argv_of_the_real_parent_is_what_counts(tmp_path):
    """A program called accelerate starts one process: `check` in it sees what the parent was asked."""
    (tmp_path / "accelerate").write_text(
        "import subprocess, sys\n"
        "program = 'from sentiment_ft.run import launcher; launcher.check()'\n"
        "sys.exit(subprocess.run([sys.executable, '-c', program]).returncode)\n"
    )
    said = {}
    for options in (["--num_processes", "3"], ["--num_processes", "1"]):
        command = [sys.executable, str(tmp_path / "accelerate"), "launch", *options, "-m", "sentiment_ft.train"]
        environment = {name: value for name, value in os.environ.items() if name != "WORLD_SIZE"} | NO_DEFAULT
        done = subprocess.run(
            command, cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, check=False
        )
        said[options[-1]] = (done.returncode, "3 processes were asked for, and it started one" in done.stderr)
    assert said == {"3": (1, True), "1": (0, False)}
