"""launch."""

from __future__ import annotations

import os

import click

from sentiment_ft.cli.options import quiet_option
from sentiment_ft.cli.processes import launch_from_here
from sentiment_ft.cli.verb import EXIT_CODES, Verb


def _complete_topology(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from sentiment_ft.launch.topology import names

    return [name for name in names() if name.startswith(incomplete)]


class LaunchVerb(Verb):
    """Its options are its own; those of train stand after `--`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            hint = "Options of train stand after --, as in: sentiment-ft launch -- --recipe quickstart"
            raise click.UsageError(f"{error.format_message()}\n{hint}", ctx) from None


@click.command(cls=LaunchVerb, epilog=EXIT_CODES)
@click.option(
    "-t",
    "--topology",
    metavar="NAME|FILE",
    shell_complete=_complete_topology,
    help="single_process, cpu_2proc, multi_gpu_bf16, deepspeed_zero2, ... or a YAML file; default: by the GPUs here.",
)
@click.option("--processes", type=click.IntRange(1), metavar="N", help="On all machines; default: one a GPU.")
@click.option("--machine-rank", type=click.IntRange(0), metavar="K", help="Of several machines: which one this is.")
@click.option("--main-ip", metavar="HOST", help="Of several machines: the address of machine 0.")
@click.option("--main-port", type=click.IntRange(1, 65535), metavar="PORT", help="Where machine 0 listens.")
@click.option(
    "--max-restarts",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    metavar="N",
    help="Start again from the newest checkpoint when a process dies or hangs.",
)
@click.option("--dry-run", is_flag=True, help="Print the command; run nothing.")
@quiet_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="-- TRAIN OPTIONS")
@click.pass_context
def launch(
    ctx: click.Context,
    /,
    topology: str | None,
    processes: int | None,
    machine_rank: int | None,
    main_ip: str | None,
    main_port: int | None,
    max_restarts: int,
    dry_run: bool,
    quiet: bool,
    arguments: tuple[str, ...],
) -> None:
    """Train in several processes.

    Builds, prints and runs `accelerate launch`. When a process dies or hangs, all are started again from the newest
    checkpoint.

    With --global-batch-size the same training at any number of processes: rows, learning rates and updates are those of
    one.

    \b
    sentiment-ft launch --topology cpu_2proc -- --recipe quickstart
    sentiment-ft launch --topology deepspeed_zero2 --processes 4 -- --recipe t4 --global-batch-size 64
    """
    from sentiment_ft.launch import gpus, local
    from sentiment_ft.launch import topology as topologies
    from sentiment_ft.launch.machines import Machines
    from sentiment_ft.terminal import console

    found = gpus.visible()
    chosen = topologies.read(topology or local.default_topology(found, processes))
    number = local.count(chosen, processes, found)
    added = local.environment(chosen, number, found, os.environ)
    argv = local.command(chosen, number, Machines(machine_rank, main_ip, main_port), arguments, max_restarts)
    if not found and not chosen.on_cpu and number > 1 and not quiet:
        console.print(f"no GPU is visible here: {number} processes on the CPUs", markup=False)
    if dry_run:
        local.show(argv, added)
        return
    launch_from_here()
    meeting = None
    if chosen.machines > 1:
        meeting = Machines(machine_rank, main_ip, main_port or chosen.main_port)
        if not quiet:
            console.print(f"the processes start when all {chosen.machines} machines are here", markup=False)
    ctx.exit(local.run(argv, added, restarts=max_restarts, quiet=quiet, meeting=meeting))
