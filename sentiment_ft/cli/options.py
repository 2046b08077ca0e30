"""Options that several verbs share: one for each config key that people change often, and -o for the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sentiment_ft.recipe import Loaded

PRECISIONS = click.Choice(["auto", "fp32", "fp16", "bf16"])


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def _override(text: str) -> Callable[[Any], Any]:
    return click.option("-o", "--override", "overrides", multiple=True, metavar="KEY=VALUE", help=text)


def _complete_recipe(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from sentiment_ft.recipe import names

    return [name for name in names() if name.startswith(incomplete)]


# The same in every verb that reads labelled rows; they hold for all sources of a verb.
READING = (
    click.option("--text-column", metavar="NAME", help="Column of the text; else found by its name (text, review...)."),
    click.option(
        "--label-column", metavar="NAME", help="Column of the label; else found by its name (label, sentiment...)."
    ),
    click.option(
        "--label-map", metavar="YAML", help="Label as written -> 0 negative or 1 positive, e.g. '{good: 1, bad: 0}'."
    ),
    click.option("--negative-max-rating", type=float, metavar="STARS", help="Ratings up to this are negative."),
    click.option("--positive-min-rating", type=float, metavar="STARS", help="Ratings from this on are positive."),
    click.option(
        "--max-rejected-share", type=float, metavar="SHARE", help="Share of bad rows that is tolerated (0.01)."
    ),
)
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
    *READING,
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
    click.option("--seed", type=int, metavar="N", help="Seeds split, order, head and dropout."),
    click.option("--report-to", metavar="NAME", help="Show the numbers there too: wandb, tensorboard, or both."),
    click.option("--wandb-project", metavar="NAME", help="Project on W&B (WANDB_PROJECT, else sentiment-ft)."),
    _override("Any other key of the config (`sentiment-ft plan --no-model` lists them); repeatable."),
)
# For verbs that read rows without training on them.
reading_options = _options(
    *READING,
    _override("The same keys and others about rows (synthetic_rows, seed), as in train."),
)
# For verbs that feed rows to a saved model.
feeding_options = _options(
    click.option(
        "--max-length", type=click.IntRange(8), metavar="TOKENS", help="Default: what the model was trained with."
    ),
    click.option(
        "--batch", type=click.IntRange(1), default=32, show_default=True, metavar="ROWS", help="Rows fed at once."
    ),
    click.option(
        "--mixed-precision",
        "--precision",
        type=PRECISIONS,
        default="auto",
        show_default=True,
        help="auto: the best of the device.",
    ),
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress, tables or plan; errors only.")


def load(recipe: str, overrides: tuple[str, ...], flags: dict[str, Any]) -> Loaded:
    """The checked config of a verb that trains or plans. Raises ConfigError."""
    from sentiment_ft import recipe as recipes

    return recipes.load(recipe, overrides, flags)


def load_reading(overrides: tuple[str, ...], flags: dict[str, Any]) -> Loaded:
    """The checked config of a verb that only reads rows; refuses keys without effect. Raises ConfigError."""
    from sentiment_ft import recipe as recipes

    return recipes.load("quickstart", overrides, flags, accepted=recipes.READING_KEYS | flags.keys())
