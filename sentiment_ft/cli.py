"""The verbs. Each parses its options and calls one function; nothing heavy is imported before that."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from sentiment_ft import __version__
from sentiment_ft.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_OUTPUT, UserError
from sentiment_ft.terminal import printable

if TYPE_CHECKING:
    from sentiment_ft.recipe import Loaded

PRECISIONS = click.Choice(["auto", "fp32", "fp16", "bf16"])
EXIT_CODES = """
\b
Exit codes: 0 done; 1 a bug of ours; 2 usage, recipe or config; 3 data;
4 model, device or package; 5 training gave no usable model;
6 output cannot be written; 130 interrupted (Ctrl-C).
"""


class Verb(click.Command):
    """A command whose UserErrors become a message and an exit code, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            _say_error(_words(error))
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            _say_error("interrupted; what was finished before stays on disk")
            ctx.exit(EXIT_INTERRUPTED)
        except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit must not fail again
            ctx.exit(EXIT_DONE)
        except OSError as error:
            if error.errno not in (28, 122):  # disk full, quota: the user's to mend wherever it strikes
                raise
            _say_error(f"{error.filename or 'the output'}: cannot be written: {error.strerror}\nway out: free space")
            ctx.exit(EXIT_OUTPUT)


class Verbs(click.Group):
    """A group whose commands are Verbs."""

    command_class = Verb


def _words(error: UserError) -> str:
    """The message, safe to print: names of files, columns and keys may hold anything, also escape sequences."""
    where = "" if error.where is None else f"{printable(error.where)}: "
    way_out = f"\nway out: {error.way_out}" if error.way_out else ""
    return where + "\n".join(map(printable, f"{error.what}{way_out}".split("\n")))


def _say_error(message: str) -> None:
    click.echo(f"error: {message}", err=True)


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def _complete_recipe(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from sentiment_ft.recipe import names

    return [name for name in names() if name.startswith(incomplete)]


# Option names of Config keys: the rest of the config is set by -o.
config_options = _options(
    click.option(
        "-r",
        "--recipe",
        default="quickstart",
        show_default=True,
        metavar="NAME|FILE",
        shell_complete=_complete_recipe,
        help="quickstart, t4, imdb, sst2, or a YAML file.",
    ),
    click.option(
        "-d",
        "--data",
        metavar="SOURCE",
        help="synthetic, a csv/tsv/jsonl/parquet file, a folder, or hub:NAME[@CONFIG][:SPLIT].",
    ),
    click.option("--validation", metavar="SOURCE", help="Rows to judge by; without it a part of --data is held out."),
    click.option("--test", metavar="SOURCE", help="Sealed rows, judged once after training."),
    click.option(
        "-m",
        "--model",
        "model_name_or_path",
        metavar="NAME|DIR",
        help="bundled, a folder, or a hub name (bert-base-uncased).",
    ),
    click.option("--max-length", type=int, metavar="TOKENS", help="Longest row in tokens; longer ones are cut."),
    click.option("--learning-rate", "--lr", type=float, metavar="RATE", help="Peak learning rate."),
    click.option("--num-train-epochs", "--epochs", type=float, metavar="N", help="Passes over the training rows."),
    click.option(
        "--per-device-batch-size", "--batch", type=int, metavar="ROWS", help="Rows of a micro-batch on one process."
    ),
    click.option(
        "--gradient-accumulation-steps",
        "--accumulation",
        type=int,
        metavar="N",
        help="Micro-batches summed into one update.",
    ),
    click.option("--global-batch-size", type=int, metavar="ROWS", help="Rows of one update over all processes."),
    click.option("--warmup-steps", type=int, metavar="UPDATES", help="Updates of warm-up."),
    click.option("--mixed-precision", "--precision", type=PRECISIONS, help="auto picks by hardware."),
    click.option(
        "--max-rejected-share", type=float, metavar="SHARE", help="Share of bad rows that is tolerated (0.01)."
    ),
    click.option("--seed", type=int, metavar="N", help="Seeds split, order, head and dropout."),
    click.option(
        "-o",
        "--override",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Any other key of the config; repeatable.",
    ),
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress, tables or plan; errors only.")


def _load(recipe: str, overrides: tuple[str, ...], flags: dict[str, Any]) -> Loaded:
    from sentiment_ft import recipe as recipes

    return recipes.load(recipe, overrides, flags)


@click.group(
    cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=EXIT_CODES
)
@click.version_option(__version__, "-V", "--version", prog_name="sentiment-ft")
def main() -> None:
    """Fine-tune BERT for the sentiment of movie reviews, from one T4 to a cluster.

    \b
    sentiment-ft train                          the main job: 3,000 synthetic reviews, bundled BERT
    sentiment-ft predict "What a lovely film!"  use what was trained
    """


@main.command(epilog=EXIT_CODES)
@config_options
@click.option("--output", metavar="DIR", help="Run folder; default runs/NAME, or NAME-2, -3, ... where it exists.")
@click.option("--overwrite", is_flag=True, help="Replace the run folder given by --output.")
@quiet_option
def train(
    recipe: str, overrides: tuple[str, ...], output: str | None, overwrite: bool, quiet: bool, **flags: Any
) -> None:
    """Fine-tune, judge and save a model.

    The same command runs under a launcher: accelerate launch -m sentiment_ft.train ...

    \b
    sentiment-ft train
    sentiment-ft train --recipe t4 --output runs/first
    sentiment-ft train --data reviews.csv --epochs 2 -o label_map='{good: 1, bad: 0}'
    """
    loaded = _load(recipe, overrides, flags)
    from sentiment_ft import train as training

    training.main(loaded, output=output, overwrite=overwrite, quiet=quiet)


@main.command(epilog=EXIT_CODES)
@config_options
@click.option(
    "--processes",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Plan for this many processes.",
)
@click.option(
    "--no-model", is_flag=True, help="No tokenizer, no torch: for a login node. Lengths and padding stay unknown."
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON on standard output.")
@quiet_option
def plan(
    recipe: str, overrides: tuple[str, ...], processes: int, no_model: bool, as_json: bool, quiet: bool, **flags: Any
) -> None:
    """Show what a run will do: rows, updates, learning rate.

    Also every key of the config, with its value and where that came from. Nothing is trained.

    \b
    sentiment-ft plan --recipe t4 --precision fp32
    sentiment-ft plan --data reviews.csv --processes 8 --json
    """
    loaded = _load(recipe, overrides, flags)
    from sentiment_ft import plan as plans

    plans.run(loaded, processes=processes, no_model=no_model, as_json=as_json, quiet=quiet)


@main.command("eval", epilog=EXIT_CODES)
@click.argument("model", required=False)
@click.option(
    "-d",
    "--data",
    required=True,
    metavar="SOURCE",
    help="Labelled rows: file, folder, synthetic:held-out, hub:NAME:SPLIT.",
)
@click.option(
    "--output", metavar="DIR", help="Write judgement.json, predictions.jsonl, worst_errors.jsonl and plots there."
)
@click.option("--text-column", metavar="NAME", help="Column that holds the text.")
@click.option("--label-column", metavar="NAME", help="Column that holds the label.")
@click.option("--label-map", metavar="YAML", help="Label as written -> 0 or 1, e.g. '{good: 1, bad: 0}'.")
@click.option("--negative-max-rating", type=float, metavar="STARS", help="Ratings up to this are negative.")
@click.option("--positive-min-rating", type=float, metavar="STARS", help="Ratings from this on are positive.")
@click.option("--max-rejected-share", type=float, metavar="SHARE", help="Share of bad rows that is tolerated (0.01).")
@click.option(
    "--max-length", type=click.IntRange(8), metavar="TOKENS", help="Default: what the model was trained with."
)
@click.option("--batch", type=click.IntRange(1), default=32, show_default=True, metavar="ROWS")
@click.option("--mixed-precision", "--precision", type=PRECISIONS, default="auto", show_default=True)
@click.option(
    "--samples",
    type=click.IntRange(100),
    default=1000,
    show_default=True,
    metavar="N",
    help="Bootstrap resamples behind the intervals.",
)
@click.option("--seed", type=int, metavar="N", help="Seed of the resamples (42).")
@click.option(
    "-o", "--override", "overrides", multiple=True, metavar="KEY=VALUE", help="label_map, cuts, columns; as in train."
)
@click.option("--json", "as_json", is_flag=True, help="Print the judgement as JSON on standard output.")
@quiet_option
def evaluate(model: str | None, overrides: tuple[str, ...], as_json: bool, quiet: bool, **options: Any) -> None:
    """Judge a saved MODEL on labelled rows.

    Default: the best model of the newest finished run under runs/.

    \b
    sentiment-ft eval --data synthetic:held-out
    sentiment-ft eval runs/quickstart/best --data dev.tsv --output judged
    """
    from sentiment_ft import evaluation
    from sentiment_ft.recipe import load

    keys = ("text_column", "label_column", "negative_max_rating", "positive_min_rating", "max_rejected_share", "seed")
    if options["label_map"] is not None:
        overrides = (*overrides, f"label_map={options['label_map']}")
    config = load("quickstart", overrides, {key: options[key] for key in keys} | {"data": options["data"]}).config
    evaluation.run(
        model,
        config,
        output=options["output"],
        batch=options["batch"],
        max_length=options["max_length"],
        precision=options["mixed_precision"],
        samples=options["samples"],
        as_json=as_json,
        quiet=quiet,
    )


@main.command(epilog=EXIT_CODES)
@click.argument("texts", nargs=-1)
@click.option("-m", "--model", metavar="NAME|DIR", help="Default: the best model of the newest run.")
@click.option(
    "-f", "--file", metavar="FILE", help="csv, tsv, jsonl, parquet, or txt with one text a line; - is standard input."
)
@click.option("--text-column", metavar="NAME", help="Column of --file that holds the text.")
@click.option("--output", metavar="FILE", help="Write there instead of standard output; .csv or .jsonl.")
@click.option(
    "--format",
    "chosen",
    type=click.Choice(["text", "jsonl", "csv"]),
    help="Default: by --output; text on a terminal, else jsonl.",
)
@click.option("--max-length", type=click.IntRange(8), metavar="TOKENS")
@click.option("--batch", type=click.IntRange(1), default=32, show_default=True, metavar="ROWS")
@click.option("--mixed-precision", "--precision", type=PRECISIONS, default="auto", show_default=True)
@quiet_option
def predict(texts: tuple[str, ...], **options: Any) -> None:
    """Label texts: arguments, rows of a file, or standard input.

    One record for each text, in order; a text that cannot be used gets a record that says why.

    \b
    sentiment-ft predict "This movie is absolutely amazing!" "Terrible movie, waste of time."
    sentiment-ft predict --file reviews.csv --output labelled.jsonl
    cat reviews.txt | sentiment-ft predict > labelled.jsonl
    """
    from sentiment_ft import predict as prediction

    prediction.run(texts, **options)


@main.group(cls=Verbs)
def data() -> None:
    """Make synthetic reviews; look at any source of rows.

    \b
    sentiment-ft data make reviews.jsonl
    sentiment-ft data show reviews.jsonl
    """


@data.command("make", epilog=EXIT_CODES)
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--rows", type=click.IntRange(2), default=3000, show_default=True, metavar="N")
@click.option("--seed", type=click.IntRange(0), default=42, show_default=True, metavar="N")
@click.option(
    "--families",
    type=click.Choice(["train", "held-out", "all"]),
    default="train",
    show_default=True,
    help="Template families: those of `synthetic`, those kept for the sealed test, or both.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUTPUT.")
@quiet_option
def make(
    output: Path, rows: int, seed: int, families: Literal["train", "held-out", "all"], overwrite: bool, quiet: bool
) -> None:
    """Write synthetic reviews to a .jsonl, .csv or .tsv file.

    \b
    sentiment-ft data make reviews.jsonl --rows 100000
    """
    from sentiment_ft.data_make import make as write

    write(output, rows=rows, seed=seed, families=families, overwrite=overwrite, quiet=quiet)


@data.command("show", epilog=EXIT_CODES)
@click.argument("source", default="synthetic")
@click.option(
    "-m", "--model", "model_name_or_path", default="bundled", show_default=True, help="Whose tokenizer counts."
)
@click.option("--max-length", type=click.IntRange(8), default=256, show_default=True, metavar="TOKENS")
@click.option("--samples", type=click.IntRange(0), default=6, show_default=True, metavar="N", help="Rows to print.")
@click.option(
    "--max-rejected-share",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    metavar="SHARE",
    help="Share of bad rows that is tolerated.",
)
@click.option(
    "-o",
    "--override",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="label_map, rating cuts, columns; as in train.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the account as JSON on standard output.")
@quiet_option
def show(source: str, overrides: tuple[str, ...], samples: int, as_json: bool, quiet: bool, **flags: Any) -> None:
    """Read SOURCE as training would; account for every row.

    \b
    sentiment-ft data show reviews.csv
    sentiment-ft data show stars.csv -o negative_max_rating=2 -o positive_min_rating=4
    """
    loaded = _load("quickstart", overrides, flags | {"data": source})
    from sentiment_ft import data_report

    data_report.run(loaded.config, samples=samples, as_json=as_json, quiet=quiet)


@main.command(epilog=EXIT_CODES)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(as_json: bool) -> None:
    """Check this machine: versions, devices, precisions, traps.

    Exits with 4 when something is broken.

    \b
    sentiment-ft doctor
    """
    from sentiment_ft import doctor as examination

    sys.exit(examination.run(as_json))


@main.command(epilog=EXIT_CODES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    eval "$(sentiment-ft completion bash)"
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(main, {}, "sentiment-ft", "_SENTIMENT_FT_COMPLETE").source())
