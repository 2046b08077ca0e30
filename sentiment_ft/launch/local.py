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
from pathlib import Path
from types import FrameType

import psutil

from sentiment_ft.errors import EXIT_PEER, ConfigError, ModelError
from sentiment_ft.hardware.detect import usable_cores
from sentiment_ft.launch import machines as several
from sentiment_ft.launch.gpus import Gpu
from sentiment_ft.launch.machines import Machines
from sentiment_ft.launch.topology import Topology
from sentiment_ft.run import attempt
from sentiment_ft.run.surroundings import is_on
from sentiment_ft.terminal import console, ended_by, printable

AMPERE = (8, 0)
SECONDS_TO_SAVE = 600  # after a signal; torchrun would kill after 30
SECONDS_FOR_A_HANDLER = 0.5  # then the main thread is taken to be outside Python
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2)


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
        port = machines.main_port or topology.main_port
        argv += several.options(machines.rank or 0, machines.main_ip or "", port, restarts)
        if topology.kind == "DEEPSPEED":  # the default writes the environment, keys included, into ./.deepspeed_env
            argv += ["--deepspeed_multinode_launcher", "standard"]
    elif topology.kind != "NO":
        argv += ["--main_process_port", str(machines.main_port or 0)]  # 0: one that is free
    return [*argv, "-m", "sentiment_ft.train", *arguments]


def environment(topology: Topology, processes: int, gpus: Sequence[Gpu], given: Mapping[str, str]) -> dict[str, str]:
    """What the processes need beside the argv."""
    needed = {} if topology.machines == 1 else several.ENVIRONMENT
    added = {name: value for name, value in needed.items() if name not in given}
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


def run(
    argv: Sequence[str], added: Mapping[str, str], *, restarts: int, quiet: bool, meeting: Machines | None = None
) -> int:
    """Run `accelerate launch ...` inside this process, and again after an end that a restart can mend, from the newest
    checkpoint. Returns its exit code, 128 + n for a signal n.

    restarts: how many at most. meeting: of several machines, whose agents start the processes again together; then only
    the end is seen here. Raises ModelError when Accelerate cannot start it.
    """
    if not quiet:
        show(argv, added)
    os.environ.update(added)
    logging.disable(logging.CRITICAL)  # torchrun says again, at length, what the processes have said
    with _own_temporary_folder() as folder, _forwarded(folder) as received:
        notes = Path(folder, "attempts")
        notes.mkdir()
        os.environ[attempt.FOLDER] = str(notes)
        os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", str(SECONDS_TO_SAVE))
        if meeting is not None:
            return _together(argv, notes, meeting, received)
        for restart in range(1, restarts + 2):
            code = _once(argv, notes, received)
            if received or restart > restarts or not several.can_be_mended(code):
                return code
            if not attempt.makes_progress(attempt.starts(notes)):
                words = f"{attempt.WITHOUT_PROGRESS} restarts came no further than update {attempt.starts(notes)[-1]}"
                console.print(f"error: {words}: what ended the run will end it again", markup=False)
                return code
            where = attempt.run_of(notes)
            goes_on = "from its beginning" if where is None else f"from the newest checkpoint of {printable(where)}"
            console.print(f"restart {restart} of {restarts}: goes on {goes_on}", markup=False)
    return code


def _together(argv: Sequence[str], notes: Path, meeting: Machines, received: list[int]) -> int:
    """The part of this machine in a run of several."""
    from torch.distributed.elastic.rendezvous.api import (
        RendezvousClosedError,
        RendezvousConnectionError,
        RendezvousError,
    )

    if meeting.rank:
        several.wait_for_machine_0(str(meeting.main_ip), meeting.main_port or 0)
    with several.ended_for_good(notes):
        try:
            return _once(argv, notes, received)
        except RendezvousError as error:
            if meeting.rank and isinstance(error, RendezvousClosedError | RendezvousConnectionError):
                return attempt.last_end(notes) or several.say_lost()
            raise _cannot_start(error) from None


def _once(argv: Sequence[str], notes: Path, received: list[int]) -> int:
    """One attempt. notes: what its processes say of it. received: gets a signal that torchrun's agent has taken."""
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous.api import RendezvousError

    attempt.forget_end(notes)
    try:
        launch_command(launch_command_parser().parse_args(list(argv[2:])))
    except subprocess.CalledProcessError as error:  # one process
        return attempt.last_end(notes) or _code(error.returncode, "the process")
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if (end := attempt.last_end(notes)) not in (None, EXIT_PEER):
            return end
        return _code(failure.exitcode, f"process {rank}")
    except SignalException as error:
        received.append(int(error.sigval))
        if end := attempt.last_end(notes):
            return end
        if error.sigval != signal.SIGINT:  # the processes die of others without a word
            _say_ended(error.sigval, "what was finished before stays on disk")
        return 128 + int(error.sigval)
    except RendezvousError:
        raise
    except Exception as error:  # whatever a topology or a taken port makes it raise: KeyError, AttributeError, ...
        raise _cannot_start(error) from None
    return 0


def _cannot_start(error: Exception) -> ModelError:
    said = printable(f"{type(error).__name__}: {error}", 300)
    return ModelError(f"Accelerate cannot start: {said}", where="accelerate launch")


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

    While there is none, one ends this process, and `folder` with it. A thread does that: while the agent waits for
    other machines the main one may be inside torch's C++, for minutes, and runs no handler of Python.
    """
    received: list[int] = []
    reached: list[int] = []  # how many processes got each

    def forward(number: int, frame: FrameType | None) -> None:
        children = psutil.Process().children(recursive=True)
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.send_signal(number)
        received.append(number)
        reached.append(len(children))

    def end_while_alone() -> None:
        heard = 0
        while byte := os.read(reader, 1):
            number = byte[0]
            if signal.getsignal(number) is not forward:
                continue
            deadline = time.monotonic() + SECONDS_FOR_A_HANDLER
            while len(reached) <= heard and time.monotonic() < deadline:
                time.sleep(0.01)
            alone = not reached[heard] if len(reached) > heard else not psutil.Process().children()
            heard = max(heard + 1, len(reached))
            if alone:
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
