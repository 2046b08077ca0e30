"""`sentiment-ft launch`: the argv of `accelerate launch` for this machine, run with its signals and its exit code."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

from sentiment_ft.errors import EXIT_BUG, EXIT_PEER, EXIT_PREEMPTED, EXIT_RESTART, ConfigError, ModelError
from sentiment_ft.hardware.detect import usable_cores
from sentiment_ft.launch.gpus import Gpu
from sentiment_ft.launch.topology import Topology
from sentiment_ft.run import attempt
from sentiment_ft.run.surroundings import is_on
from sentiment_ft.terminal import console, ended_by, printable

AMPERE = (8, 0)
SECONDS_BETWEEN_LOOKS = 0.1
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2)


@dataclass(frozen=True, slots=True)
class Machines:
    """Of a run on several: which one this is, and where machine 0 listens."""

    rank: int | None = None
    main_ip: str | None = None
    main_port: int | None = None


def default_topology(gpus: Sequence[Gpu], processes: int | None = None) -> str:
    """Several GPUs are used together, in the best precision that all of them have."""
    if len(gpus) < 2 or processes == 1:
        return "cpu_2proc" if processes is not None and processes > 1 and not gpus else "single_process"
    return "multi_gpu_bf16" if all(gpu.capability >= AMPERE for gpu in gpus) else "multi_gpu_fp16"


def count(topology: Topology, processes: int | None, gpus: Sequence[Gpu]) -> int:
    """How many processes to start, on all machines together. Raises ConfigError."""
    where = "--processes"
    if topology.kind == "NO":
        if (processes or topology.processes) > 1:
            raise ConfigError(
                f"{topology.path.stem} is one process: more would silently stay one",
                where=where,
                way_out="--topology cpu_2proc, multi_gpu_fp16, multi_gpu_bf16 or a deepspeed one",
            )
        return 1
    uses_gpus = bool(gpus) and not topology.on_cpu
    wanted = processes or (len(gpus) * topology.machines if uses_gpus else topology.processes)
    if wanted % topology.machines:
        raise ConfigError(f"{wanted} processes do not divide among {topology.machines} machines", where=where)
    if uses_gpus and wanted // topology.machines > len(gpus):
        raise ConfigError(
            f"{wanted // topology.machines} processes a machine, {len(gpus)} GPU{'s' if len(gpus) > 1 else ''} here",
            where=where,
            way_out=f"--processes {len(gpus) * topology.machines}, or CUDA_VISIBLE_DEVICES",
        )
    return wanted


def command(
    topology: Topology, processes: int, machines: Machines, arguments: Sequence[str], restarts: int = 0
) -> list[str]:
    """The argv; restarts: of several machines, which their agents have to agree on. Raises ConfigError when several
    machines are not told apart.
    """
    argv = ["accelerate", "launch", "--config_file", str(topology.path), "--num_processes", str(processes)]
    if topology.deepspeed_config is not None:
        argv += ["--deepspeed_config_file", str(topology.deepspeed_config)]
    if topology.machines > 1:
        missing = [
            option
            for option, value in (("--machine-rank", machines.rank), ("--main-ip", machines.main_ip))
            if value is None
        ]
        if missing:
            raise ConfigError(
                f"{topology.machines} machines need {' and '.join(missing)}",
                where=topology.path.stem,
                way_out="on each machine the same command with its --machine-rank and the --main-ip of machine 0",
            )
        argv += ["--machine_rank", str(machines.rank), "--main_process_ip", str(machines.main_ip)]
        # With the static rendezvous, the default, and a store that is shared with it, agents hang after a SIGKILL.
        argv += ["--max_restarts", str(restarts), "--rdzv_backend", "c10d"]
        argv += ["--rdzv_conf", f"is_host={int(machines.rank == 0)}"]
        if topology.kind == "DEEPSPEED":  # the default writes the environment, keys included, into ./.deepspeed_env
            argv += ["--deepspeed_multinode_launcher", "standard"]
    if topology.kind != "NO" and (topology.machines == 1 or machines.main_port is not None):
        argv += ["--main_process_port", str(machines.main_port or 0)]  # 0: one that is free
    return [*argv, "-m", "sentiment_ft.train", *arguments]


def environment(topology: Topology, processes: int, gpus: Sequence[Gpu], given: Mapping[str, str]) -> dict[str, str]:
    """What the processes need beside the argv."""
    added = {} if topology.machines == 1 else {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    threads = given.get("OMP_NUM_THREADS", "1")
    if not (threads.isdecimal() and int(threads)):
        raise ConfigError(
            f"OMP_NUM_THREADS is {printable(threads, 60)}, not a number of threads",
            where="the environment",
            way_out="unset OMP_NUM_THREADS, or OMP_NUM_THREADS=1",
        )
    if topology.on_cpu:
        added["ACCELERATE_USE_CPU"] = "true"  # Accelerate does not pass the topology's use_cpu on to several processes
    elif topology.kind == "DEEPSPEED" and is_on("ACCELERATE_USE_CPU", given):
        raise ModelError(
            "ACCELERATE_USE_CPU turns DeepSpeed into plain data parallelism without a word",
            where="the environment",
            way_out="unset ACCELERATE_USE_CPU; without a GPU DeepSpeed runs on the CPUs",
        )
    if topology.on_cpu or not gpus:
        added["DS_ACCELERATOR"] = "cpu"
        if "OMP_NUM_THREADS" not in given:
            added["OMP_NUM_THREADS"] = str(max(1, usable_cores() // max(1, processes // topology.machines)))
    return added


def show(argv: Sequence[str], added: Mapping[str, str]) -> None:
    """Print the command as a shell would take it."""
    shown = [f"{name}={value}" for name, value in added.items()] + [shlex.quote(word) for word in argv]
    console.print(printable(" ".join(shown)), markup=False)


def run(argv: Sequence[str], added: Mapping[str, str], *, restarts: int, elastic: bool, quiet: bool) -> int:
    """Run `accelerate launch ...` inside this process, and again after an end that a restart can mend, from the newest
    checkpoint. Returns its exit code, 128 + n for a signal n.

    restarts: how many at most. elastic: torchrun's agents, one on each machine, start the processes again together;
    then only the end is seen here. Raises ModelError when Accelerate cannot start it.
    """
    if not quiet:
        show(argv, added)
    os.environ.update(added)
    logging.disable(logging.CRITICAL)  # torchrun says again, at length, what the processes have said
    with _own_temporary_folder() as folder, _forwarded(folder) as received:
        notes = Path(folder, "attempts")
        notes.mkdir()
        os.environ[attempt.FOLDER] = str(notes)
        if elastic:
            threading.Thread(target=_end_what_is_saved, args=[notes], daemon=True).start()
        for restart in range(1, restarts + 2):
            code = _once(argv, notes)
            if elastic or received or restart > restarts or not _can_be_mended(code):
                return code
            if not attempt.makes_progress(attempt.starts(notes)):
                words = f"{attempt.WITHOUT_PROGRESS} restarts came no further than update {attempt.starts(notes)[-1]}"
                console.print(f"error: {words}: what ended the run will end it again", markup=False)
                return code
            where = attempt.run_of(notes)
            goes_on = "from its beginning" if where is None else f"from the newest checkpoint of {printable(where)}"
            console.print(f"restart {restart} of {restarts}: goes on {goes_on}", markup=False)
    return code


def _end_what_is_saved(notes: Path) -> None:
    """torchrun's agent starts processes again that end with any code but 0, also those that a signal has stopped."""
    while notes.is_dir():
        if attempt.last_end(notes) == EXIT_PREEMPTED:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _can_be_mended(code: int) -> bool:
    """A bug may be one of the machine (a CUDA error, a lost network); what the user has to mend stays as it is."""
    return code in (EXIT_BUG, EXIT_PEER, EXIT_RESTART) or code > 128


def _once(argv: Sequence[str], notes: Path) -> int:
    """One attempt. notes: what its processes say of it."""
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    attempt.forget_end(notes)
    try:
        launch_command(launch_command_parser().parse_args(list(argv[2:])))
    except subprocess.CalledProcessError as error:  # one process
        return attempt.last_end(notes) or _code(error.returncode, "the process")
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        return attempt.last_end(notes) or _code(failure.exitcode, f"process {rank}")
    except SignalException as error:
        if end := attempt.last_end(notes):
            return end
        if error.sigval != signal.SIGINT:  # the processes die of others without a word
            _say_ended(error.sigval, "what was finished before stays on disk")
        return 128 + int(error.sigval)
    except Exception as error:  # whatever a topology or a taken port makes it raise: KeyError, AttributeError, ...
        said = printable(f"{type(error).__name__}: {error}", 300)
        raise ModelError(f"Accelerate cannot start: {said}", where="accelerate launch") from None
    return 0


def _say_ended(number: int, rest: str) -> None:
    console.print(f"error: {ended_by(number)}; {rest}", markup=False)


def _code(returned: int, who: str) -> int:
    """The exit code of a process; one that died of a signal could not say so."""
    if returned >= 0:
        return returned
    name = signal.Signals(-returned).name if -returned in set(signal.Signals) else f"signal {-returned}"
    cause = " (the system does that when memory runs out)" if name == "SIGKILL" else ""
    console.print(f"error: {who} was ended by {name}{cause}", markup=False)
    return 128 - returned


@contextlib.contextmanager
def _own_temporary_folder() -> Iterator[str]:
    """For this process, not for those it starts: torchrun's agent leaves a torchelastic_... folder behind each run."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="sentiment-ft-launch-") as folder:
        tempfile.tempdir = folder
        try:
            yield folder
        finally:
            tempfile.tempdir = before


@contextlib.contextmanager
def _forwarded(folder: str) -> Iterator[list[int]]:
    """Signals to this process go to those it started; the list has those that came. torchrun's agent, where it runs,
    takes some of them itself.

    Before it has started any, one ends this process, and `folder` with it. A thread does that: while the agent waits
    for other machines the main one is inside torch's C++, for up to 15 minutes, and runs no handler of Python.
    """

    received: list[int] = []

    def forward(number: int, frame: FrameType | None) -> None:
        received.append(number)
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.send_signal(number)

    def end_while_alone() -> None:
        while byte := os.read(reader, 1):
            number = byte[0]
            if signal.getsignal(number) is forward and not psutil.Process().children():
                _say_ended(number, "no process had been started")
                shutil.rmtree(folder, ignore_errors=True)
                os._exit(128 + number)
        os.close(reader)

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = {number: signal.signal(number, forward) for number in FORWARDED}
    told = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=end_while_alone, daemon=True).start()
    try:
        yield received
    finally:
        signal.set_wakeup_fd(told)
        os.close(writer)  # the thread ends
        for number, handler in before.items():
            signal.signal(number, handler)
