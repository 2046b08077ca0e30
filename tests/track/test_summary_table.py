import io

from rich.console import Console

from sentiment_ft.track.summary_table import duration, judgement_table, summary_table

JUDGED = {
    "rows": 600,
    "level": 0.95,
    "scores": {"accuracy": 0.99836, "mcc": None, "expected_calibration_error": 0.00002},
    "intervals": {"accuracy": [0.9906, 0.99995], "mcc": None, "expected_calibration_error": [0.0, 0.001]},
    "confusion": {"true_negative": 1300, "false_positive": 1, "false_negative": 0, "true_positive": 299},
}
SUMMARY = {
    "run_name": "quickstart",
    "folder": "/home/alice/" + "deep/" * 20 + "quickstart",
    "model": "bundled",
    "data": "synthetic",
    "rows": {"train": 2400, "validation": 600},
    "overlap_with_train": {"validation": {"rows": 600, "exact": 2, "near": 5}},
    "updates": 250,
    "planned_updates": 300,
    "skipped_updates": 2,
    "stopped_early": True,
    "epochs": 1.6667,
    "best_update": 150,
    "mixed_precision": "bf16",
    "processes": 2,
    "global_batch_size": 16,
    "rows_per_s": 70.12,
    "real_tokens_per_s": 3010.4,
    "train_s": 85.2,
    "eval_s": 6.04,
    "wall_s": 99.7,
    "peak_memory_mib": {"host_memory_mib": 1912.4},
}


def shown(table, *, terminal: bool = False) -> str:
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=terminal, color_system="truecolor" if terminal else None)
    console.print(table)
    return file.getvalue()


def test_judgement_table_shows_value_interval_and_counts() -> None:
    lines = [" ".join(line.split()) for line in shown(judgement_table(JUDGED, "validation: 600 rows")).splitlines()]
    assert lines == [
        "validation: 600 rows",
        "metric value 95% interval",
        "accuracy 0.9984 0.9906 to 0.9999+",
        "Matthews correlation – –",
        "calibration error 2.0e-05 0.0000 to 0.0010",
        "true negative 1,300 rows",
        "false positive 1 rows",
        "false negative 0 rows",
        "true positive 299 rows",
    ]


def test_summary_table_shows_the_run() -> None:
    text = shown(summary_table(SUMMARY))
    for words in (
        "run quickstart",
        "train 2,400, validation 600",
        "250 of 300 (1.67 epochs), stopped early, 2 skipped (fp16)",
        "update 150",
        "16 rows over 2 processes",
        "70.1 rows/s, 3,010 real tokens/s",
        "1 min 40 s, of that training 1 min 25 s, judging 6.0 s",
        "host 1,912 MiB",
    ):
        assert words in text
    assert "stopped early" not in shown(summary_table(SUMMARY | {"stopped_early": False}))
    assert "skipped" not in shown(summary_table(SUMMARY | {"skipped_updates": 0}))


def test_tables_fit_80_columns_and_are_plain_in_a_file() -> None:
    for table in (judgement_table(JUDGED, "a title that is longer than the table " * 4), summary_table(SUMMARY)):
        text = shown(table)
        assert max(map(len, text.splitlines())) <= 80
        assert "\x1b" not in text and not set(text) & set("─│┃━┏")
        assert "\x1b[1m" in shown(table, terminal=True)  # bold where there is a terminal


def test_texts_of_users_are_no_markup() -> None:
    text = shown(judgement_table(JUDGED, "[red]x[/red] [/] \x1b[2J"), terminal=True)
    assert "[red]x[/red] [/]" in text and "\x1b[2J" not in text
    text = shown(summary_table(SUMMARY | {"data": "[bold]a[/] \x1b[2J", "run_name": "[/x]"}), terminal=True)
    assert "[bold]a[/]" in text and "[/x]" in text and "\x1b[2J" not in text


def test_durations() -> None:
    assert [duration(s) for s in (0, 59.94, 59.96, 95, 3599.6, 7500)] == [
        "0.0 s", "59.9 s", "1 min 00 s", "1 min 35 s", "1 h 00 min", "2 h 05 min",
    ]  # fmt: skip
