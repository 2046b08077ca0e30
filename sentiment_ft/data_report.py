"""The `data show` verb: a source read as training would read it, every row accounted for."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from rich.table import Table
from rich.text import Text

from sentiment_ft.config import Config
from sentiment_ft.data.cache import Corpus
from sentiment_ft.data.prepare import length_analysis, load_source, source_of
from sentiment_ft.model import tokenization
from sentiment_ft.terminal import printable, results, standard_output
from sentiment_ft.track.progress import bar

TOP_REASONS = 8
TOP_FAMILIES = 30


def run(config: Config, *, samples: int, as_json: bool, quiet: bool) -> None:
    """Raises DataError, ModelError; OutputError when standard output is closed."""
    if as_json or not quiet:
        standard_output()
    tokenizer = tokenization.load_tokenizer(config.model_name_or_path)
    with bar("reading rows", None, quiet=quiet) as shown:
        corpus = load_source(
            source_of(config, config.data), tokenizer, config.max_length, config.max_rejected_share, shown.update
        )
    account = describe(corpus, config.max_length, samples)
    if as_json:
        # As ASCII: the names of files and families may hold what moves the cursor or reverses the reading order.
        print(json.dumps(account, indent=2), file=standard_output())
    elif not quiet:
        results.print(_table(account))
        if account["rows_rejected"]:
            where = printable(account["rejected_file"])
            results.print(f"rejected rows, each with file and line: {where}", markup=False)
        for sample in account["samples"]:
            results.print(f"{sample['label']}  {printable(sample['text'], 200)}", markup=False)


def describe(corpus: Corpus, max_length: int, samples: int) -> dict[str, Any]:
    """The account of a source as plain data; samples are spread evenly over its rows."""
    rows, receipt = corpus.rows, corpus.receipt
    labels = Counter(rows.labels.tolist())
    families = Counter(name for name in rows.families() if name is not None)
    places = range(0, len(rows), max(1, len(rows) // samples)) if samples else range(0)
    return {
        "source": receipt.source,
        "rows_read": receipt.rows_read,
        "rows_used": receipt.rows_used,
        "rows_rejected": receipt.rows_rejected,
        "rejected_by_reason": receipt.rejected_by_reason,
        "rejected_file": str(corpus.folder / "rejected.jsonl"),
        "labels": {"negative": labels[0], "positive": labels[1]},
        "lengths": length_analysis(rows.uncut_lengths, max_length),
        "families": dict(families.most_common()),
        "samples": [{"label": int(rows.labels[place]), "text": rows.text(place)} for place in list(places)[:samples]],
    }


def _table(account: dict[str, Any]) -> Table:
    table = Table(
        title=Text(printable(account["source"], 200)), title_justify="left", box=None, show_header=False, pad_edge=False
    )
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(
        "rows", f"{account['rows_read']:,} read = {account['rows_used']:,} used + {account['rows_rejected']:,} rejected"
    )
    for reason, count in list(account["rejected_by_reason"].items())[:TOP_REASONS]:
        table.add_row("", Text(f"{count:,} x {printable(reason, 100)}"))
    table.add_row("labels", ", ".join(f"{count:,} {name}" for name, count in account["labels"].items()))
    tokens = account["lengths"]["real_tokens"]
    table.add_row(
        "real tokens a row",
        f"median {tokens['p50']:g}, mean {tokens['mean']:g}, p95 {tokens['p95']:g}, longest {tokens['p100']:g}; "
        f"{account['lengths']['truncated_share']:.1%} cut at {account['lengths']['max_length']}",
    )
    if account["families"]:
        shown = list(account["families"].items())[:TOP_FAMILIES]
        left_out = len(account["families"]) - len(shown)
        names = ", ".join(f"{printable(name, 30)} {count:,}" for name, count in shown)
        table.add_row("families", Text(names + (f" and {left_out:,} more" if left_out else "")))
    return table
