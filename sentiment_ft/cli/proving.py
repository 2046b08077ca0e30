"""verify and chaos."""

from __future__ import annotations

from typing import Any

import click

from sentiment_ft.cli.options import config_options, load, quiet_option
from sentiment_ft.cli.processes import launch_from_here
from sentiment_ft.cli.verb import EXIT_CODES, Verb


@click.command(cls=Verb, epilog=EXIT_CODES)
@config_options
@click.option("--processes", type=click.IntRange(2), default=2, show_default=True, metavar="N")
@click.option(
    "--zero",
    "stages",
    multiple=True,
    type=click.Choice(["1", "2", "3", "2_offload"]),
    help="ZeRO stages to verify, repeatable; default 2, none where DeepSpeed is not installed.",
)
@click.option("--updates", type=click.IntRange(2), default=6, show_default=True, metavar="N")
@click.option("--json", "as_json", is_flag=True, help="Print the certificate as JSON on standard output.")
@quiet_option
@click.pass_context
def verify(
    ctx: click.Context,
    /,
    recipe: str,
    overrides: tuple[str, ...],
    processes: int,
    stages: tuple[str, ...],
    updates: int,
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """Prove that several processes give the training of one.

    A few updates of the recipe on this machine: one process with accumulation against several, and under ZeRO. Rows,
    learning rates, losses, gradient norms, weights and metrics are compared.

    \b
    sentiment-ft verify
    sentiment-ft verify --recipe t4 --processes 4 --zero 2 --zero 3
    """
    loaded = load(recipe, overrides, flags)
    from importlib.util import find_spec

    from sentiment_ft.proof import verify as proof

    launch_from_here()
    chosen = stages or (("2",) if find_spec("deepspeed") else ())
    ctx.exit(proof.run(loaded, processes=processes, stages=chosen, updates=updates, as_json=as_json, quiet=quiet))


@click.command(cls=Verb, epilog=EXIT_CODES)
@config_options
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True, metavar="N")
@click.option(
    "--kills", type=click.IntRange(0), default=2, show_default=True, metavar="N", help="SIGKILL to a process."
)
@click.option(
    "--losses", type=click.IntRange(0), default=1, show_default=True, metavar="N", help="All are killed at once."
)
@click.option(
    "--preemptions",
    type=click.IntRange(0),
    default=2,
    show_default=True,
    metavar="N",
    help="SIGTERM or SIGUSR2 to the launcher.",
)
@click.option(
    "--hangs", type=click.IntRange(0), default=1, show_default=True, metavar="N", help="SIGSTOP to a process."
)
@click.option("--full-disks", type=click.IntRange(0), default=1, show_default=True, metavar="N", help="Writing fails.")
@click.option(
    "--trackers", type=click.IntRange(0), default=1, show_default=True, metavar="N", help="SIGKILL to W&B's process."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on standard output.")
@quiet_option
@click.pass_context
def chaos(
    ctx: click.Context,
    /,
    recipe: str,
    overrides: tuple[str, ...],
    processes: int,
    kills: int,
    losses: int,
    preemptions: int,
    hangs: int,
    full_disks: int,
    trackers: int,
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """A drill: strike at a training, and see that it loses nothing.

    A small training with short rows is killed, stopped and starved at moments drawn by --seed, is started again from
    its checkpoints, and has to end with the bits of the same training untouched. Linux only.

    \b
    sentiment-ft chaos
    sentiment-ft chaos --kills 20 --hangs 0 --processes 1
    """
    loaded = load(recipe, overrides, flags)
    from sentiment_ft.proof import chaos as proof

    launch_from_here()
    wanted = {
        "kill": kills,
        "lost machine": losses,
        "preemption": preemptions,
        "hang": hangs,
        "full disk": full_disks,
        "tracker": trackers,
    }
    ctx.exit(proof.run(loaded, wanted, processes=processes, as_json=as_json, quiet=quiet))
