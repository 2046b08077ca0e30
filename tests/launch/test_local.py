"""`sentiment-ft launch` without a launch of several: the argv, the numbers, the environment, the exit codes."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from accelerate.commands import launch as accelerates
from accelerate.commands.launch import launch_command_parser

from sentiment_ft.errors import ConfigError, ModelError, UserError
from sentiment_ft.launch import local, topology
from sentiment_ft.launch.gpus import Gpu
from sentiment_ft.launch.machines import Machines
from sentiment_ft.launch.topology import Topology
from sentiment_ft.shipped import shipped

T4, A100 = Gpu("Tesla T4", (7, 5)), Gpu("NVIDIA A100", (8, 0))
ALONE = Machines()


# --- what is chosen -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gpus", "processes", "expected"),
    [
        ([], None, "single_process"),
        ([], 1, "single_process"),
        ([], 2, "cpu_2proc"),
        ([T4], None, "single_process"),
        ([T4, T4], 1, "single_process"),
        ([T4, T4], None, "multi_gpu_fp16"),
        ([A100, T4], None, "multi_gpu_fp16"),
        ([A100, A100], None, "multi_gpu_bf16"),
        ([A100] * 8, 4, "multi_gpu_bf16"),
    ],
)
def test_the_topology_that_nobody_named(gpus, processes, expected):
    """The best precision that all GPUs have; a T4 has no bf16."""
    assert local.default_topology(gpus, processes) == expected


@pytest.mark.parametrize(
    ("name", "processes", "gpus", "expected"),
    [
        ("single_process", None, 0, 1),
        ("single_process", 1, 4, 1),
        ("cpu_2proc", None, 0, 2),
        ("cpu_2proc", None, 4, 2),
        ("cpu_2proc", 3, 1, 3),
        ("multi_gpu_bf16", None, 4, 4),
        ("multi_gpu_bf16", 3, 4, 3),
        ("multi_gpu_fp16", 1, 2, 1),
        ("deepspeed_zero2", None, 0, 2),
        ("deepspeed_zero2", 5, 0, 5),
        ("multi_node", None, 8, 16),
        ("multi_node", None, 4, 8),
        ("multi_node", 6, 8, 6),
    ],
)
def test_how_many_processes(name, processes, gpus, expected):
    assert local.count(topology.read(name), processes, [A100] * gpus) == expected


@pytest.mark.parametrize(
    ("name", "processes", "gpus", "said"),
    [
        ("single_process", 2, 0, "single_process is one process"),
        ("t4_fp16", 8, 8, "t4_fp16 is one process"),
        ("multi_gpu_bf16", 5, 4, "5 processes a machine, 4 GPUs here"),
        ("deepspeed_zero2", 2, 1, "2 processes a machine, 1 GPU here"),
        ("multi_node", 15, 8, "15 processes do not divide among 2 machines"),
        ("multi_node", 16, 4, "8 processes a machine, 4 GPUs here"),
    ],
)
def test_processes_that_would_not_be_what_was_asked_for(name, processes, gpus, said):
    with pytest.raises(ConfigError, match=said):
        local.count(topology.read(name), processes, [A100] * gpus)


def test_a_topology_that_says_one_process_and_more_is_refused(tmp_path):
    (tmp_path / "own.yaml").write_text("distributed_type: NO\nnum_processes: 4\n")
    with pytest.raises(ConfigError, match="own is one process"):
        local.count(topology.read(str(tmp_path / "own.yaml")), None, [])


# --- the argv -------------------------------------------------------------------------------------------------------


def understood(argv: list[str]) -> dict[str, object]:
    """What Accelerate's own parser makes of it."""
    assert argv[:2] == ["accelerate", "launch"]
    return vars(launch_command_parser().parse_args(argv[2:]))


@pytest.mark.parametrize(
    ("name", "processes", "port"),
    [("single_process", 1, None), ("cpu_2proc", 2, 0), ("multi_gpu_bf16", 4, 0), ("deepspeed_zero3", 2, 0)],
)
def test_accelerate_understands_the_argv(name, processes, port):
    """main_process_port 0 is one that is free: two trainings on one machine do not meet."""
    chosen = topology.read(name)
    found = understood(local.command(chosen, processes, ALONE, ["--recipe", "t4", "--num_processes", "9"]))
    assert found["config_file"] == str(shipped("accelerate_configs").resolve() / f"{name}.yaml")
    assert (found["num_processes"], found["main_process_port"], found["machine_rank"]) == (processes, port, None)
    assert (found["module"], found["training_script"]) == (True, "sentiment_ft.train")
    assert found["training_script_args"] == ["--recipe", "t4", "--num_processes", "9"], "of the training, not of it"
    config = None if chosen.deepspeed_config is None else str(chosen.deepspeed_config)
    assert found["deepspeed_config_file"] == config and (config is None or Path(config).is_file())


def test_several_machines_are_told_apart():
    chosen = topology.read("multi_node")
    found = understood(local.command(chosen, 16, Machines(1, "10.0.0.7", 29501), []))
    assert (found["machine_rank"], found["main_process_ip"], found["main_process_port"]) == (1, "10.0.0.7", 29501)
    found = understood(local.command(chosen, 16, Machines(0, "node0"), []))
    assert (found["machine_rank"], found["main_process_port"]) == (0, 29500), "the topology's: all must know it"


@pytest.mark.parametrize(
    ("machines", "said"),
    [
        (ALONE, "--machine-rank and --main-ip"),
        (Machines(rank=0), "2 machines need --main-ip"),
        (Machines(main_ip="node0"), "2 machines need --machine-rank"),
    ],
)
def test_machines_that_are_not_told_apart_are_refused(machines, said):
    with pytest.raises(ConfigError, match=said):
        local.command(topology.read("multi_node"), 16, machines, [])


def test_deepspeed_on_several_machines_writes_no_environment_file(tmp_path):
    """Its own launcher, the default, would write keys and tokens of the environment into ./.deepspeed_env."""
    (tmp_path / "own.yaml").write_text("distributed_type: DEEPSPEED\nnum_machines: 2\nnum_processes: 4\n")
    found = understood(local.command(topology.read(str(tmp_path / "own.yaml")), 4, Machines(0, "node0"), []))
    assert found["deepspeed_multinode_launcher"] == "standard"


# --- the environment ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["abc", "0", "-1", "", "1.5", "4,2"])
def test_a_number_of_threads_that_is_none(text):
    """Accelerate's own words for it are: invalid literal for int() with base 10."""
    with pytest.raises(ConfigError, match=f"OMP_NUM_THREADS is {text}, not a number of threads"):
        local.environment(topology.read("cpu_2proc"), 2, [], {"OMP_NUM_THREADS": text})


def test_processes_on_the_cpus_share_the_cores(monkeypatch):
    monkeypatch.setattr(local, "usable_cores", lambda: 8)
    chosen = topology.read("cpu_2proc")
    added = {"ACCELERATE_USE_CPU": "true", "DS_ACCELERATOR": "cpu"}
    assert local.environment(chosen, 2, [], {}) == added | {"OMP_NUM_THREADS": "4"}
    assert local.environment(chosen, 3, [A100], {}) == added | {"OMP_NUM_THREADS": "2"}
    assert local.environment(chosen, 20, [], {}) == added | {"OMP_NUM_THREADS": "1"}
    assert local.environment(chosen, 2, [], {"OMP_NUM_THREADS": "3"}) == added, "what the user says stays"
    zero = topology.read("deepspeed_zero2")
    assert local.environment(zero, 2, [], {}) == {"DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "4"}
    two_machines = Topology(Path("two.yaml"), "MULTI_GPU", 4, 2, True, None)
    store = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    assert local.environment(two_machines, 4, [], {}) == added | store | {"OMP_NUM_THREADS": "4"}
    said = local.environment(two_machines, 4, [], {"TORCH_CPP_LOG_LEVEL": "INFO"})
    assert "TORCH_CPP_LOG_LEVEL" not in said, "what the user says stays"


@pytest.mark.parametrize("name", ["single_process", "multi_gpu_bf16", "deepspeed_zero2"])
def test_processes_on_gpus_need_nothing(name):
    assert local.environment(topology.read(name), 2, [A100, A100], {}) == {}


@pytest.mark.parametrize("gpus", [[], [A100, A100]])
def test_a_variable_that_would_turn_deepspeed_off_is_refused(gpus):
    given = {"ACCELERATE_USE_CPU": "true"}
    with pytest.raises(ModelError, match="plain data parallelism without a word"):
        local.environment(topology.read("deepspeed_zero2"), 2, gpus, given)
    assert local.environment(topology.read("multi_gpu_bf16"), 2, [A100, A100], given) == {}


@pytest.mark.parametrize("value", ["false", "0", ""])
def test_a_variable_that_says_no_turns_nothing_off(value):
    assert local.environment(topology.read("deepspeed_zero2"), 2, [A100] * 2, {"ACCELERATE_USE_CPU": value}) == {}


# --- the printed command --------------------------------------------------------------------------------------------


def shown(argv: list[str], added: dict[str, str], capsys: pytest.CaptureFixture[str]) -> str:
    local.show(argv, added)
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.endswith("\n")
    return captured.err[:-1]


def test_the_printed_command_can_be_typed(capsys):
    words = [
        "my reviews.csv",
        "it's",
        "a=$HOME",
        "*",
        "",
        "[bold]x[/]",
        ":smile:",
        "a" * 300,
        "é 好",
        "{good: 1, bad: 0}",
    ]
    argv = ["accelerate", "launch", "-m", "sentiment_ft.train", "--data", *words]
    text = shown(argv, {"OMP_NUM_THREADS": "2"}, capsys)
    assert shlex.split(text) == ["OMP_NUM_THREADS=2", *argv]
    script = f'accelerate() {{ printf \'%s\\n\' "$OMP_NUM_THREADS" "$@"; }}; {text}'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:-1] == ["2", *argv[1:]], "as a real shell takes it"


def test_the_printed_command_cannot_move_the_cursor(capsys):
    hostile = ["\x1b[2J\x1b[31m", "a\nrm -rf /", "\r\x07\x9b", "\u202egnp.exe", "\udc80"]
    text = shown(["accelerate", *hostile], {}, capsys)
    assert text.isprintable()
    assert r"\x1b[2J" in text and r"a\x0arm -rf /" in text


# --- the run: the real `accelerate launch` of one process, in this process ------------------------------------------


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a script under our single_process topology; returns the exit code."""
    for name, value in dict(os.environ).items():
        monkeypatch.setenv(name, value)  # what `local.run` adds is taken back

    def start(script: str, *, added: dict[str, str] | None = None, quiet: bool = True, restarts: int = 0) -> int:
        (tmp_path / "program.py").write_text(script)
        config = str(shipped("accelerate_configs") / "single_process.yaml")
        argv = ["accelerate", "launch", "--config_file", config, "--num_processes", "1", str(tmp_path / "program.py")]
        return local.run(argv, added or {}, restarts=restarts, quiet=quiet)

    before = set(os.environ)
    yield start
    logging.disable(logging.NOTSET)
    for name in set(os.environ) - before:
        del os.environ[name]


def dies_of(number: int) -> str:
    return f"import os\nos.kill(os.getpid(), {number})\n"


@pytest.mark.parametrize("code", [0, 1, 2, 5, 7, 130])
def test_the_exit_code_is_that_of_the_process(run, capfd, code):
    assert run(f"import sys\nprint('said by it')\nsys.exit({code})") == code
    captured = capfd.readouterr()
    assert captured.out == "said by it\n" and captured.err == "", "it has spoken for itself"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGKILL, "error: the process was ended by SIGKILL (the system does that when memory runs out)"),
        (signal.SIGSEGV, "error: the process was ended by SIGSEGV"),
        (signal.SIGTERM, "error: the process was ended by SIGTERM"),
        pytest.param(
            signal.SIGRTMIN + 6, f"error: the process was ended by signal {signal.SIGRTMIN + 6}", id="nameless"
        ),
    ],
)
def test_a_process_that_died_of_a_signal(run, capfd, number, said):
    """128 + n, and the word that it could not say."""
    assert run(dies_of(int(number))) == 128 + number
    assert capfd.readouterr().err.splitlines() == [said]


def test_what_is_added_to_the_environment_reaches_the_process_and_the_command_is_shown(run, capfd):
    script = "import os\nprint(os.environ['ADDED'])"
    assert run(script, added={"ADDED": "yes"}, quiet=False) == 0
    captured = capfd.readouterr()
    assert captured.out == "yes\n" and captured.err.startswith("ADDED=yes accelerate launch --config_file ")


# A program that says, as a training does, after which update it goes on; then it ends as the words say.
ATTEMPT = """
import os, pathlib, signal, sys
notes = pathlib.Path(os.environ["SENTIMENT_FT_ATTEMPTS"])
(notes / "run").write_text("runs/first")
number = len((notes / "starts").read_text().split()) if (notes / "starts").exists() else 0
update, end = {attempts}[min(number, len({attempts}) - 1)]
with (notes / "starts").open("a") as file:
    file.write(f"{{update}}\\n")
if end < 0:
    os.kill(os.getpid(), -end)
sys.exit(end)
"""


@pytest.mark.parametrize(
    ("attempts", "code", "restarts"),
    [
        ([(0, -9), (10, -11), (10, 1), (20, 7), (30, 8), (40, 0)], 0, 5),  # each may be mended, and it goes on
        ([(0, 3)], 3, 0),  # the user's to mend
        ([(0, 75)], 75, 0),  # stopped and saved
        ([(0, -9), (10, 5)], 5, 1),
    ],
)
def test_what_can_be_mended_is_started_again_from_the_newest_checkpoint(run, capfd, attempts, code, restarts):
    assert run(ATTEMPT.format(attempts=attempts), restarts=9) == code
    said = capfd.readouterr().err
    assert said.count(" of 9: goes on from the newest checkpoint of runs/first\n") == restarts


def test_restarts_end_when_they_come_no_further(run, capfd):
    assert run(ATTEMPT.format(attempts=[(0, -9), (20, -9)]), restarts=9) == 128 + signal.SIGKILL
    said = capfd.readouterr().err
    assert said.count("restart ") == 4, "one that came further, then three that did not"
    assert "error: 3 restarts came no further than update 20: what ended the run will end it again\n" in said


def test_no_more_restarts_than_asked_for(run, capfd):
    assert run(ATTEMPT.format(attempts=[(n, -9) for n in range(9)]), restarts=2) == 128 + signal.SIGKILL
    assert capfd.readouterr().err.count("restart ") == 2


# In a process of its own: signals go to all children of the one that launches, also to those of other tests.
HARNESS = """
import os, pathlib, signal, sys, threading, time
from sentiment_ft.launch import local

ready = pathlib.Path("ready")

def kick(number):
    while not ready.exists():
        time.sleep(0.01)
    os.kill(os.getpid(), number)

def mine(number, frame):
    print("not forwarded", flush=True)

for number in map(int, sys.argv[2:]):
    ready.unlink(missing_ok=True)
    pathlib.Path("program.py").write_text(f'''
import pathlib, signal, sys, time
signal.signal({number}, lambda *_: sys.exit(40))
pathlib.Path("ready").touch()
time.sleep(60)
''')
    signal.signal(number, mine)
    threading.Thread(target=kick, args=[number], daemon=True).start()
    argv = ["accelerate", "launch", "--config_file", sys.argv[1], "--num_processes", "1", "program.py"]
    code = local.run(argv, {}, restarts=3, quiet=True)
    print(number, code, signal.getsignal(number) is mine, flush=True)
"""


def test_signals_go_on_to_the_process(tmp_path):
    """It tidies up and ends as it likes (here with 40); this one waits for it, and has its own handlers again."""
    numbers = [int(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2)]
    config = shipped("accelerate_configs") / "single_process.yaml"
    command = [sys.executable, "-c", HARNESS, str(config), *map(str, numbers)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines() == [f"{number} 40 True" for number in numbers], done.stderr


TOPOLOGY = (shipped("accelerate_configs") / "single_process.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("debug: false", "debug: false\nbanana: 1"),
        ("mixed_precision: 'no'", "mixed_precision: banana"),
        ("mixed_precision: 'no'", "mixed_precision: no"),  # YAML 1.1: false
        ("gpu_ids: all", "gpu_ids: 0"),
        ("compute_environment: LOCAL_MACHINE", "compute_environment: MOON"),
        ("distributed_type: 'NO'", ""),
    ],
)
def test_a_topology_that_accelerate_cannot_use_is_refused_not_a_bug(run, tmp_path, old, new):
    assert old in TOPOLOGY
    (tmp_path / "own.yaml").write_text(TOPOLOGY.replace(old, new))
    (tmp_path / "program.py").write_text("")
    with pytest.raises(UserError) as caught:
        chosen = topology.read(str(tmp_path / "own.yaml"))
        argv = local.command(chosen, 1, ALONE, [])
        local.run([*argv[: argv.index("-m")], str(tmp_path / "program.py")], {}, restarts=3, quiet=True)
    assert "own.yaml" in str(caught.value) or "Accelerate cannot start" in str(caught.value)


# --- several processes: torchrun's agent is stood in for, its errors are real ----------------------------------------


def torchrun(error: Exception, monkeypatch: pytest.MonkeyPatch) -> int:
    """What `local.run` makes of an error that the agent of several processes ends with."""

    def launch_command(arguments: object) -> None:
        raise error

    monkeypatch.setattr(accelerates, "launch_command", launch_command)
    try:
        return local.run(local.command(topology.read("cpu_2proc"), 2, ALONE, []), {}, restarts=0, quiet=True)
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("raise SystemExit(3)", 3, []),
        (dies_of(9), 137, ["error: process 1 was ended by SIGKILL (the system does that when memory runs out)"]),
        (dies_of(11), 139, ["error: process 1 was ended by SIGSEGV"]),
    ],
)
def test_the_code_of_several_is_that_of_the_first_that_ended(script, code, said, monkeypatch, capfd, tmp_path):
    """The other one was ended by the agent, by SIGTERM, a second later."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

    failures = {}
    for rank, program in ((0, dies_of(15)), (1, script)):
        process = subprocess.Popen([sys.executable, "-c", program])
        failures[rank] = ProcessFailure(rank, process.pid, process.wait(), str(tmp_path / "no-error-file"))
        failures[rank].timestamp = 1_000_002 - rank
    assert torchrun(ChildFailedError("train", failures), monkeypatch) == code
    assert capfd.readouterr().err.splitlines() == said


@pytest.mark.parametrize(
    ("number", "said"),
    [(signal.SIGTERM, ["error: ended by SIGTERM; what was finished before stays on disk"]), (signal.SIGINT, [])],
)
def test_a_signal_that_the_agent_took(number, said, monkeypatch, capfd):
    from torch.distributed.elastic.multiprocessing.api import SignalException

    assert torchrun(SignalException("Process 1 got signal", number), monkeypatch) == 128 + number
    assert capfd.readouterr().err.splitlines() == said


@pytest.mark.parametrize(
    "error",
    [
        ValueError("You need \x1b[31m two GPUs"), ConnectionError("the port is taken"), RuntimeError("no rendezvous"),
        ImportError("DeepSpeed is not installed"), KeyError("main_process_port"), TypeError("not a string"),
        AttributeError("'bool' object has no attribute 'lower'"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_what_accelerate_cannot_start_is_told(error, monkeypatch):
    with pytest.raises(ModelError, match="Accelerate cannot start: ") as caught:
        torchrun(error, monkeypatch)
    assert str(caught.value).isprintable()
