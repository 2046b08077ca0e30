"""The model card: README.md of the saved model, for people and for the Hugging Face hub.

Every text that comes from the user is shown inside a code span: there Markdown, HTML and links mean nothing. The YAML
on top is written by PyYAML. Of a path only its last part is shown: cards are published, home folders are not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import yaml

from sentiment_ft.terminal import printable
from sentiment_ft.track.numbers import SCORE_NAMES, interval, number

BUNDLED_HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"  # what `bundled` is a copy of
# Names the hub knows a metric by; the others are shown in the table only.
HUB_METRICS = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "f1",
    "mcc": "matthews_correlation",
    "roc_auc": "roc_auc",
}
SETTINGS = (
    "learning_rate", "lr_scheduler_type", "warmup_steps", "warmup_ratio", "weight_decay", "max_grad_norm",
    "num_train_epochs", "max_steps",
    "per_device_batch_size", "gradient_accumulation_steps", "processes", "global_batch_size", "updates",
    "mixed_precision", "max_length",
    "hidden_dropout", "attention_dropout", "freeze_embeddings", "gradual_unfreezing_updates", "average_share",
    "metric_for_best_model", "early_stopping_patience", "validation_fraction", "validation_split", "seed",
)  # fmt: skip


def model_card(
    *,
    base_model: str,
    data: str,
    rows: Mapping[str, int],
    judgement_json: Mapping[str, Any],
    config: Mapping[str, Any],
    environment: Mapping[str, Any],
    labels: Sequence[str],
    test_json: Mapping[str, Any] | None = None,
) -> str:
    """The whole README.md.

    base_model, data: as in the config. config: the config, with what was derived in place of null. rows: rows of each
    part. judgement_json: `Judgement.to_json()` of the validation rows, and test_json of the sealed test rows, if there
    are any. labels: name of each class, by number.
    """
    judged = {"validation": judgement_json} | ({} if test_json is None else {"test": test_json})
    settings = [(key, _code(config[key])) for key in SETTINGS if config.get(key) is not None]
    sections = [
        f"---\n{_front_matter(base_model, data, judged)}---",
        f"# Sentiment of film reviews\n\n{_opening(base_model, data, rows, labels)}",
        f"## How to use\n\n{_how_to_use(config)}",
        "## Intended use\n\nTo sort English film reviews into negative and positive, and to learn how such a model is "
        "made. Read the limits before you use it for anything else.",
        f"## Limits\n\n{_limits(data, judged)}",
        *(f"## Scores on the {name} rows\n\n{_scores(name, judgement)}" for name, judgement in judged.items()),
        f"## Training\n\n{_table(('setting', 'value'), settings)}",
        f"## Versions\n\n{_table(('package', 'version'), _versions(environment))}",
    ]
    return "\n\n".join(sections) + "\n"


def _front_matter(base_model: str, data: str, judged: Mapping[str, Mapping[str, Any]]) -> str:
    hub_name = BUNDLED_HUB_NAME if base_model == "bundled" else base_model if _is_hub_name(base_model) else None
    # The hub wants an identifier for the data, whether it knows the data or not.
    data_hub_name = data.removeprefix("hub:") if data.startswith("hub:") else ""
    dataset: dict[str, str] = {
        "type": data_hub_name if _is_hub_name(data_hub_name) else "custom",
        "name": shown(data),
    }
    results = []
    for part, judgement in judged.items():
        metrics = [
            {"type": HUB_METRICS[name], "value": round(value, 6), "name": SCORE_NAMES[name]}
            for name, value in judgement["scores"].items()
            if name in HUB_METRICS and value is not None
        ]
        task = {"type": "text-classification", "name": "Text Classification"}
        results.append({"task": task, "dataset": dataset | {"split": part}, "metrics": metrics})
    metadata = {
        "language": "en",
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "tags": ["text-classification", "sentiment"],
        "metrics": list(HUB_METRICS.values()),
        **({"base_model": hub_name} if hub_name else {}),
        "model-index": [{"name": "sentiment of film reviews", "results": results}],
    }
    return yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=1000)


def _opening(base_model: str, data: str, rows: Mapping[str, int], labels: Sequence[str]) -> str:
    base = f"`{BUNDLED_HUB_NAME}` (the bundled copy)" if base_model == "bundled" else _code(shown(base_model))
    parts = ", ".join(f"{count:,} {printable(part)}" for part, count in rows.items())
    classes = ", ".join(f"{number} {_code(label)}" for number, label in enumerate(labels))
    return (
        f"{base}, fine-tuned to tell the sentiment of a film review. "
        f"Data: {_code(shown(data))} ({parts} rows). Classes: {classes}."
    )


def _how_to_use(config: Mapping[str, Any]) -> str:
    length = int(config["max_length"])
    return (
        "```python\n"
        "from transformers import pipeline\n"
        'classify = pipeline("text-classification", model="path/to/this/folder", '
        f"truncation=True, max_length={length})\n"
        'print(classify("A quiet film that stays with you."))\n'
        "```"
    )


def _limits(data: str, judged: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        "- Two classes only: a neutral or mixed review is called one or the other.",
        "- English film reviews only. Other languages and other subjects were not tested.",
        "- Irony, quoted opinions and comparisons with other films are known to mislead models of this kind.",
        "- Bias of the base model and of the reviews was not measured. Do not use it to judge people.",
    ]
    if data.split(":")[0] == "synthetic":
        lines.insert(
            0,
            "- **Trained on synthetic reviews, made from templates.** Scores on rows of the same generator say how "
            "well the templates were learned, not how well sentiment is understood: expect clearly lower accuracy on "
            "real reviews, and measure it before you rely on it.",
        )
    if judged["validation"]["scores"]["accuracy"] == 1:
        count = judged["validation"]["rows"]
        lines.append(f"- No error was seen on {count:,} validation rows. There may still be some: see the interval.")
    return "\n".join(lines)


def _scores(name: str, judgement: Mapping[str, Any]) -> str:
    chosen = "They chose the best model, so the scores lean high."
    use = chosen if name == "validation" else "They were never used to choose anything."
    head = ("metric", "value", f"{judgement['level']:.0%} interval")
    lines = [
        (SCORE_NAMES.get(key, key), number(value, 4), interval(judgement["intervals"].get(key)))
        for key, value in judgement["scores"].items()
    ]
    counts = ", ".join(f"{count:,} {key.replace('_', ' ')}" for key, count in judgement["confusion"].items())
    note = "A dash: not defined, or its spread cannot be measured."
    return f"{judgement['rows']:,} rows. {use}\n\n{_table(head, lines)}\n\nConfusion: {counts}. {note}"


def _versions(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    own = {key: environment.get(key) for key in ("sentiment_ft", "python")}
    versions = {**own, **(environment.get("packages") or {})}
    return [(_code(name), _code(version)) for name, version in versions.items() if version is not None]


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    every = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in every)


def _code(value: object) -> str:
    """A code span that nothing inside can end: no backtick, no line break, no bar that would end a cell of a table."""
    text = printable(str(value), 200).replace("`", "'").replace("|", "¦").strip()
    return f"`{text}`" if text else "–"


def shown(name: str) -> str:
    """A name as it may be published: without control characters, and of a local path only the last part."""
    if name.startswith("hub:") or _is_hub_name(name):
        return printable(name, 200)
    return printable(PureWindowsPath(name).name or name, 200)  # PureWindowsPath parts at both `/` and `\\`


def _is_hub_name(name: str) -> bool:
    """`name` or `owner/name` as the hub allows them, and no folder of this machine; two names are ours."""
    part = r"[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9])?"
    if re.fullmatch(rf"{part}(?:/{part})?", name, flags=re.ASCII) is None or "--" in name or ".." in name:
        return False
    return name not in {"bundled", "synthetic"} and not Path(name).exists()
