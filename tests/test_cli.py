"""The verbs as a user meets them: help, exit codes, and what is said about bad input."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from accelerate.state import AcceleratorState
from click.testing import CliRunner, Result

from sentiment_ft import cli
from sentiment_ft.cli import options
from sentiment_ft.cli.verb import Verb
from sentiment_ft.errors import EXIT_PREEMPTED
from sentiment_ft.model import bundled
from tests.tiny import write_reviews

PROGRAM = "from sentiment_ft.cli import main; main(prog_name='sentiment-ft')"
ROWS = [(f"A {'lovely' if row % 2 else 'dull'} film, number {row}.", row % 2) for row in range(40)]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty working folder; the cache lies beside it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SENTIMENT_FT_CACHE", str(tmp_path / "cache"))
    return folder


def call(*arguments: object) -> Result:
    AcceleratorState._reset_state(reset_partial_state=True)
    return CliRunner().invoke(cli.main, list(map(str, arguments)))


def train(data: object, model: object, *more: object) -> Result:
    settings = ("--epochs", 1, "--max-length", 64, "--precision", "fp32", "-o", "test=null", "-q")
    return call("train", "--data", data, "--model", model, *settings, *more)


def start(*arguments: object, **options: object) -> subprocess.Popen[str]:
    """As from a terminal: a background job of a shell, as these tests may be, hands its deafness to Ctrl-C down."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    settings = pipes | {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)} | options
    return subprocess.Popen([sys.executable, "-c", PROGRAM, *map(str, arguments)], **settings)


def assert_refused(result: Result, code: int, *parts: str) -> None:
    """One clear message that cannot move the cursor, the documented code, no traceback."""
    assert result.exit_code == code, (result.output, result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.stderr and "error: " in result.stderr.lower()
    assert all(character.isprintable() or character == "\n" for character in result.stderr)
    for part in parts:
        assert part in result.stderr, result.stderr


def table(rows: list[tuple[str, object]], header: str = "text,label", end: str = "\n") -> bytes:
    return "".join(f"{line}{end}" for line in [header, *(f'"{text}",{label}' for text, label in rows)]).encode()


# --- help -----------------------------------------------------------------------------------------------------------


def verbs(group: click.Group = cli.main, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [path]
    for name, command in group.commands.items():
        found += verbs(command, (*path, name)) if isinstance(command, click.Group) else [(*path, name)]
    return found


@pytest.mark.parametrize("verb", verbs(), ids=" ".join)
def test_help_has_an_example_and_no_shortened_sentence(verb):
    help_text = call(*verb, "--help").stdout
    words = " ".join(verb)
    assert any(
        line.startswith(f"  sentiment-ft {words}") or f"(sentiment-ft {words}" in line
        for line in help_text.splitlines()
    ), help_text
    assert not any(line.endswith("...") and line[2:3] != " " for line in help_text.splitlines()[1:] if "  " in line[2:])
    assert max(map(len, help_text.splitlines())) <= 100


def test_help_loads_nothing_heavy_and_answers_at_once():
    code = (
        "import sys, resource, atexit\n"
        "@atexit.register\n"
        "def tell():\n"
        "    heavy = {'torch', 'transformers', 'datasets', 'numpy', 'pyarrow', 'rich.table'} & set(sys.modules)\n"
        "    used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "    print('HEAVY', *heavy, file=sys.stderr); print('CPU', used.ru_utime + used.ru_stime, file=sys.stderr)\n"
        "from sentiment_ft.cli import main; main(['train', '--help'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    heavy, cpu = done.stderr.splitlines()[-2:]
    assert done.returncode == 0 and heavy == "HEAVY"
    assert float(cpu.split()[1]) < 0.5


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell):
    result = call("completion", shell)
    assert result.exit_code == 0 and "_SENTIMENT_FT_COMPLETE" in result.stdout and "sentiment-ft" in result.stdout


def test_help_of_o_says_where_the_keys_are():
    assert "`sentiment-ft plan --no-model` lists them" in " ".join(call("train", "--help").stdout.split())


def test_recipe_names_are_completed():
    assert options._complete_recipe(None, None, "q") == ["quickstart"]


# --- bad data -------------------------------------------------------------------------------------------------------

BAD_DATA = {
    "empty.csv": (b"", "empty.csv: the file is empty"),
    "empty.jsonl": (b"\n\n", "the file has no rows"),
    "header.csv": (b"text,label\n", "header but no rows"),
    "column.csv": (table(ROWS, "txet,label"), "the columns are 'txet', 'label'", "--text-column txet"),
    "one.csv": (table([(text, 1) for text, _ in ROWS]), "all 40 rows are positive"),
    "three.csv": (table([*ROWS[:30], *(("so so", "neutral"),) * 10]), "three.csv:32: 10 of 40", "'neutral'"),
    "words.csv": (table([(t, ("bad", "good")[n]) for t, n in ROWS]), "words.csv:2", "--label-map '{bad: ?, good: ?}'"),
    "latin.csv": (table([(f"café {t}", n) for t, n in ROWS]).decode().encode("latin-1"), "latin.csv:2", "iconv"),
    "utf16.csv": (table(ROWS).decode().encode("utf-16"), "UTF-16"),
    "long.csv": (table(ROWS) + b"word " * 2_100_000 + b",1\n", "long.csv:42: 1 of 41 rows", "text too long"),
    "nan.jsonl": (b'{"text": NaN, "label": 1}\n{"text": "ok", "label": 0}\n', "nan.jsonl:1: 1 of 2", "no text"),
    "array.json": (b'[{"text": "a", "label": 1}]', "one JSON array", "jq -c"),
    "mac.csv": (table(ROWS, end="\r"), "CR alone"),
    "few.csv": (table(ROWS[:2]), "1 row with label 0"),
    "table.xyz": (b"x", "ending '.xyz'"),
    "table.csv.gz": (b"x", "unpack it"),
    "p.parquet": (b"PAR1", "not a readable Parquet file"),
    "\x1b[31mred\u202e\n$(touch x).csv": (b"", r"\x1b[31mred\u202e\x0a$(touch x).csv: the file is empty"),
    "ansi.csv": (table(ROWS, "\x1b[31mtxt,lbl\u202e"), r"'\x1b[31mtxt'"),
    "label.csv": (table([(text, "\x1b[31mx") for text, _ in ROWS]), r"unknown label '\x1b[31mx'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_DATA, ids=ascii)
def test_bad_data_is_refused_alike_with_and_without_the_model(name, here, model):
    content, *parts = BAD_DATA[name]
    (here / name).write_bytes(content)
    light = call("plan", "--no-model", "--data", here / name)
    assert_refused(light, 3, *parts)
    full = train(here / name, model)
    assert_refused(full, 3, *parts)
    assert light.stderr == full.stderr
    assert os.listdir(here) == [name], "nothing is written"


@pytest.mark.parametrize("verb", [("plan", "--no-model", "--data"), ("data", "show")])
@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("missing.csv", ("missing.csv: no such file or folder",)),
        ("https://bob:s3cr3t@host/x.csv", ("https:/***@host/x.csv: no such", "the folder https:/***@host is not")),
        ("rveiews.jsonl", ("did you mean reviews.jsonl?",)),
        ("folder", ("folder: the folder has no file",)),
        ("synthetic:foo", ("one of synthetic, synthetic:held-out",)),
        ("hub:a b", ("names no data set", "hub:NAME")),
        ("/dev/null", ("not a regular file",)),
        ("~/no-such-file.csv", ("no-such-file.csv: no such",)),
    ],
)
def test_sources_that_are_none(verb, name, parts, here):
    write_reviews(here / "reviews.jsonl", 10)
    (here / "folder").mkdir()
    assert_refused(call(*verb, name), 3, *parts)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + table(ROWS),
        table(ROWS, end="\r\n"),
        table([(f'""wow"" he said,\nand left {t}', n) for t, n in ROWS]),
        table([(f"😀 \x1b[31mred \u202e{t}", n) for t, n in ROWS]),
        table([("NaN", 1), ("null", 0), *ROWS]),
    ],
    ids=["mark", "crlf", "quotes", "emoji", "nan"],
)
def test_odd_but_good_data_is_read_whole(content, here):
    (here / "a.csv").write_bytes(content)
    result = call("plan", "--no-model", "--data", "a.csv", "--json")
    assert result.exit_code == 0, result.stderr
    assert sum(json.loads(result.stdout)["rows"].values()) >= 40


def test_a_strange_name_cannot_touch_the_terminal_when_all_is_well(here, model):
    name = "\x1b[31m[bold]red[bold]\n$(touch x).csv"
    (here / name).write_bytes(table(ROWS))
    result = call("train", "--data", name, "--model", model, "--epochs", 1, "--max-length", 64, "--output", "[red]\x1b")
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.output and "[bold]red[bold]" in result.stderr and "plan of [red]" in result.stderr
    assert "\x1b" not in call("data", "show", name, "-m", model).output
    assert sorted(os.listdir(here)) == sorted([name, "[red]\x1b"])


# --- bad configuration ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["-o", "learning_rat=1"], ["-o: learning_rat: unknown key (did you mean learning_rate?)"]),
        (["-o", "foo"], ["'foo' is not key=value"]),
        (["-o", "data=["], ["-o: the value of data is not valid YAML"]),
        (["--batch", "-3"], ["--per-device-batch-size: input should be greater", "-3"]),
        (["--batch", "x"], ["'x' is not a valid integer"]),
        (["--lr", "nan"], ["--learning-rate: input should be a finite number"]),
        (["--label-map", "{good: 1"], ["--label-map: the value of label_map is not valid YAML: expected ',' or '}'"]),
        (["--label-map", "{good: 1, bad: 2}"], ["--label-map: bad: input should be 0 or 1, not 2"]),
        (["--label-map", "{good: 1, bad: 0}"], ["label_map is given, and all rows are synthetic"]),
        (["--label-map", "good"], ["--label-map: input should be a valid dictionary"]),
        (["-m", ""], ["--model: string should have at least 1 character"]),
        (["-r", "quikstart"], ["did you mean quickstart?"]),
        (["-r", "missing.yaml"], ["missing.yaml: no such recipe file"]),
        (["-r", "folder.yaml"], ["folder.yaml: cannot be read: Is a directory"]),
        (["-r", "tag.yaml"], ["tag.yaml:1", "python/object"]),
        (["-r", "list.yaml"], ["list.yaml:1: a recipe is a list of"]),
        (["-r", "open.yaml"], ["open.yaml:2: not valid YAML"]),
        (["-r", "twice.yaml"], ["twice.yaml:2: seed is given twice"]),
        (["-r", "two.yaml"], ["2 faults", "two.yaml:1: learning_rat", "two.yaml:2: seed"]),
        (["-o", "global_batch_size=7"], ["7 is not a multiple", "way out: per_device_batch_size"]),
        (["--warmup-steps", "99999"], ["do not fit"]),
        (["--frobnicate"], ["--frobnicate"]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_bad_configuration(arguments, parts, here):
    for name, text in {
        "tag": "data: !!python/object/apply:os.system ['touch x']\n",
        "list": "- a\n",
        "open": "a: [1\n",
        "twice": "seed: 1\nseed: 2\n",
        "two": "learning_rat: 1\nseed: -1\n",
    }.items():
        (here / f"{name}.yaml").write_text(text)
    (here / "folder.yaml").mkdir()
    before = sorted(os.listdir(here))
    assert_refused(call("plan", "--no-model", *arguments), 2, *parts)
    assert sorted(os.listdir(here)) == before


def test_a_small_number_in_a_recipe_is_a_number_and_a_flag_takes_the_place_of_its_rival(here):
    (here / "r.yaml").write_text("learning_rate: 1e-6\nwarmup_ratio: 0.1\n")
    plan = json.loads(call("plan", "--no-model", "-r", "r.yaml", "--warmup-steps", 7, "--json").stdout)
    assert plan["config"]["learning_rate"] == {"value": 1e-6, "origin": "r.yaml:1"}
    assert plan["warmup_updates"] == 7
    assert plan["config"]["warmup_ratio"] == {"value": None, "origin": "default, as warmup_steps is given"}


def test_max_length_beyond_the_model_is_refused_by_plan_as_by_train(here, model):
    (here / "a.csv").write_bytes(table(ROWS))
    for verb in ("plan", "train"):
        assert_refused(call(verb, "-d", "a.csv", "-m", model, "--max-length", 500), 2, "128 positions", "--max-length")


# --- bad models -----------------------------------------------------------------------------------------------------


def spoil(folder: Path, how: str) -> None:
    weights, config = folder / "model.safetensors", folder / "config.json"
    if how == "pickled":
        weights.rename(folder / "pytorch_model.bin")
    elif how == "garbage":
        weights.write_bytes(b"garbage" * 1000)
    elif how == "cut":
        weights.write_bytes(weights.read_bytes()[:100_000])
    elif how == "no config":
        config.unlink()
    elif how == "config":
        config.write_text("{")
    elif how == "tokenizer":
        (folder / "tokenizer.json").write_text("{}")
    elif how == "headless":
        config.write_text(json.dumps(json.loads(config.read_text()) | {"architectures": ["BertModel"]}))
    elif how == "shapes":
        names = {"0": "a", "1": "b", "2": "c"}
        config.write_text(json.dumps(json.loads(config.read_text()) | {"id2label": names, "label2id": {}}))


@pytest.mark.parametrize(
    ("how", "part", "verbs"),
    [
        ("pickled", "only pickled weights", "train predict eval"),
        ("garbage", "model.safetensors: damaged", "train predict eval"),
        ("cut", "model.safetensors: damaged", "train predict"),
        ("no config", "no config.json in this folder", "train predict eval show"),
        ("config", "not a valid JSON file", "train predict"),
        ("tokenizer", "lacks 'added_tokens'", "train predict show"),
        ("headless", "is not a trained classifier", "predict eval"),
        ("shapes", "not those that config.json announces", "predict eval"),
    ],
)
def test_bad_model(how, part, verbs, here, model, tmp_path):
    bad = shutil.copytree(model, tmp_path / "bad")
    spoil(bad, how)
    (here / "a.csv").write_bytes(table(ROWS))
    calls = {
        "train": lambda: train("a.csv", bad),
        "predict": lambda: call("predict", "-m", bad, "good", "--output", "o.jsonl"),
        "eval": lambda: call("eval", bad, "--data", "a.csv", "--output", "judged"),
        "show": lambda: call("data", "show", "a.csv", "-m", bad),
    }
    for verb in verbs.split():
        assert_refused(calls[verb](), 4, part, "bad")
    assert os.listdir(here) == ["a.csv"]


def test_no_model_at_all(here):
    (here / "a.csv").write_bytes(table(ROWS))
    for result in (call("predict", "good"), call("eval", "--data", "a.csv")):
        assert_refused(result, 4, "no finished run under runs/", "sentiment-ft train")
    assert_refused(train("a.csv", "/no/such/folder"), 4, "/no/such/folder: no such model folder")
    assert_refused(train("a.csv", here / "a.csv"), 4, "is a file, not a model folder")


def test_hub_model_without_a_network(here, monkeypatch):
    monkeypatch.setattr("sentiment_ft.hub.reachable", lambda: False)
    began = time.monotonic()
    assert_refused(call("predict", "-m", "nobody/nothing", "x"), 4, "nobody/nothing", "--model bundled")
    assert time.monotonic() - began < 10


def test_hub_data_without_a_network(here):
    began = time.monotonic()
    nowhere = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "NO_PROXY": "*"}
    process = start("plan", "--no-model", "--data", "hub:nobody/nothing", env=nowhere)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 3 and "Traceback" not in error and "cannot be reached" in error
    assert time.monotonic() - began < 30


def test_bundled_weights_that_are_not_the_known_ones(here, monkeypatch):
    monkeypatch.setattr(bundled, "WEIGHTS_SHA256", "0" * 64)
    assert_refused(call("predict", "-m", "bundled", "x"), 4, "model.safetensors: the weights are not the known ones")


# --- bad output -----------------------------------------------------------------------------------------------------


def test_outputs_that_exist_or_cannot_be(here, model):
    (here / "a.csv").write_bytes(table(ROWS))
    (here / "full").mkdir()
    (here / "full" / "dear").write_text("mine")
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    for result, part in [
        (train("a.csv", model, "--output", "full"), "full: exists and is not empty"),
        (train("a.csv", model, "--output", "full", "--overwrite"), "not a run folder and will not be deleted"),
        (train("a.csv", model, "--output", "a.csv"), "a.csv: exists and is not a folder"),
        (train("a.csv", model, "--output", "a.csv/run"), "a.csv/run: cannot be written"),
        (train("a.csv", model, "--output", ""), "--output: is empty"),
        (call("eval", model, "-d", "a.csv", "--output", "full"), "full: exists and is not an empty folder"),
        (call("eval", model, "-d", "a.csv", "--output", "a.csv/x"), "a.csv/x: cannot be written"),
        (call("predict", "-m", model, "x", "--output", "no/o.jsonl"), "mkdir -p no"),
        (call("predict", "-m", model, "x", "--output", "a.csv"), "a.csv: exists already"),
        (call("data", "make", "a.csv"), "a.csv: exists already"),
        (call("data", "make", "full/no/b.csv"), "mkdir -p full/no"),
    ]:
        assert_refused(result, 6, part)
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before


def test_overwrite_without_a_named_folder_is_refused(here, model):
    assert_refused(train("synthetic", model, "--overwrite"), 2, "--overwrite: there is no --output to replace")


def test_a_run_can_be_overwritten_and_another_project_cannot(here, model):
    """A real run leaves nothing but what overwriting knows as a run's own."""
    (here / "a.csv").write_bytes(table(ROWS))
    for seed in (1, 2):
        result = train("a.csv", model, "--output", "run", "--overwrite", "--seed", seed, "-o", "report_to=none")
        assert result.exit_code == 0, result.output
        assert f"seed: {seed}\n" in (here / "run" / "config.yaml").read_text()
    (here / "proj" / "src").mkdir(parents=True)
    (here / "proj" / "src" / "thesis.tex").write_text("years of work")
    for config, part in [("lr: 3\n", "not a run folder"), ((here / "run" / "config.yaml").read_text(), "writes: src")]:
        (here / "proj" / "config.yaml").write_text(config)
        assert_refused(train("a.csv", model, "--output", "proj", "--overwrite"), 6, part)
        assert (here / "proj" / "src" / "thesis.tex").read_text() == "years of work"


class OutOfMemoryError(RuntimeError):
    """As torch names its own, so that torch is not needed to know it."""


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (
            OutOfMemoryError("CUDA: tried to allocate 2.00 GiB.\nmore"),
            "out of memory: CUDA: tried to allocate 2.00 GiB",
        ),
        (MemoryError(), "out of memory\n"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "DefaultCPUAllocator"),
        (RuntimeError("MPS backend out of memory"), "MPS backend"),
    ],
)
def test_out_of_memory_is_no_traceback(error, part):
    @click.command(cls=Verb)
    def verb() -> None:
        raise error

    result = CliRunner().invoke(verb)
    assert_refused(result, 4, part, "way out: a smaller --batch", "--max-length")


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2"), ZeroDivisionError()])
def test_a_bug_keeps_its_traceback(error):
    @click.command(cls=Verb)
    def verb() -> None:
        raise error

    assert CliRunner().invoke(verb).exception is error


@pytest.fixture
def _ctrl_c():
    """An interrupted verb ignores further ones; the tests do not. A background job starts without it, nohup without
    SIGHUP.
    """
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("name", "told"), [("train", True), ("predict", False)])
@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (2, 130, "interrupted"),
        (15, 143, "ended by SIGTERM"),
        (1, 129, "ended by SIGHUP"),
        (12, 140, "ended by SIGUSR2"),
    ],
)
@pytest.mark.usefixtures("_ctrl_c")
def test_signal_says_what_is_whole(name, told, number, code, word, monkeypatch):
    @click.command(name, cls=Verb)
    def verb() -> None:
        signal.raise_signal(number)

    monkeypatch.delenv("LOCAL_RANK", raising=False)
    result = CliRunner().invoke(verb)
    assert_refused(result, code, word)
    assert ("best/" in result.stderr) is told and result.stderr.count("\n") == 1
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    signal.raise_signal(signal.SIGINT)  # a second Ctrl-C, on the way out, is no traceback


def test_process_of_a_launcher_dies_of_sigterm_at_once(monkeypatch):
    @click.command(cls=Verb)
    def verb() -> None:
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

    monkeypatch.setenv("LOCAL_RANK", "0")
    assert CliRunner().invoke(verb).exit_code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(here, model):
    (here / "a.csv").write_bytes(table(ROWS))
    (here / "locked").mkdir(mode=0o500)
    assert_refused(train("a.csv", model, "--output", "locked/run"), 6, "no permission")


@pytest.mark.parametrize(
    "arguments",
    [("data", "make", "o.jsonl"), ("predict", "-f", "a.csv", "--output", "o.jsonl"), ("eval", "-d", "a.csv")],
    ids=lambda arguments: arguments[0],
)
def test_a_full_disk_leaves_no_half_output(arguments, here, model, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (here / "a.csv").write_bytes(table(ROWS))
    monkeypatch.setattr("sentiment_ft.run.folder.os.fsync", full)
    more = {"predict": ("-m", model), "eval": (model, "--output", "judged")}.get(arguments[0], ())
    assert_refused(call(*arguments, *more), 6, "No space left on device", "free space")
    assert os.listdir(here) == ["a.csv"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has /dev/full")
def test_a_full_disk_behind_standard_output(here, model):
    (here / "a.csv").write_bytes(table(ROWS))
    with open("/dev/full", "w") as full:
        process = start("plan", "--no-model", "-d", "a.csv", "--json", stdout=full)
        error = process.communicate(timeout=60)[1]
    assert process.returncode == 6 and "No space left" in error and "Traceback" not in error


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has /dev/full")
@pytest.mark.parametrize(("output", "code"), [("r.jsonl", 0), ("no/r.jsonl", 6)], ids=["done", "refused"])
def test_a_full_disk_behind_standard_error_changes_nothing(output, code, here):
    with open("/dev/full", "w") as full:
        process = start("data", "make", output, "--rows", 20, stderr=full)
        process.communicate(timeout=60)
    assert process.returncode == code and (here / "r.jsonl").exists() is (code == 0)


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["table", "json"])
def test_streams_that_hold_only_ascii_or_are_closed(as_json, here, model):
    (here / "a.csv").write_bytes(table([("café ☺", 1), ("naïve", 0)]))
    arguments = ("data", "show", "a.csv", "-m", model, *as_json)
    process = start(*arguments, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0 and "caf" in out and out.isascii() and "Traceback" not in error
    closed = start(*arguments, preexec_fn=lambda: os.close(1))
    assert "standard output: is closed" in closed.communicate(timeout=60)[1] and closed.returncode == 6


def test_a_cache_that_cannot_be_written(here, model, monkeypatch):
    (here / "a.csv").write_bytes(table(ROWS))
    monkeypatch.setenv("SENTIMENT_FT_CACHE", str(here / "a.csv"))
    assert_refused(train("a.csv", model), 6, "token cache cannot be written", "SENTIMENT_FT_CACHE=DIR")


# --- signals and pipes ----------------------------------------------------------------------------------------------

# Interrupted in an exec (namedtuple, dataclass), CPython ends by the signal itself; a shell reads 130 in both.
INTERRUPTED = (130, -signal.SIGINT)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["setup", "training"])
def test_ctrl_c(when, here, model):
    reviews = write_reviews(here / "reviews.jsonl", 130)
    options = ("--epochs", 9999, "--max-length", 64, "--precision", "fp32", "--output", "run")
    process = start("train", "--data", reviews, "--model", model, *options)
    metrics = here / "run" / "metrics.jsonl"
    deadline = time.monotonic() + 100
    if when == "setup":
        time.sleep(1)
    while when == "training" and not (metrics.is_file() and metrics.stat().st_size):
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert "Traceback" not in error
    if when == "setup":
        assert process.returncode in INTERRUPTED and "error: interrupted" in error.splitlines()[-1]
    else:
        assert process.returncode == EXIT_PREEMPTED
        assert re.search(r"stopped: run/checkpoints: interrupted after update \d+ of \d+; it is saved\n", error)
        assert "sentiment-ft train --resume run" in error.splitlines()[-1]
    assert {path.name for path in here.rglob(".*")} <= {".lock"} and not (here / "run" / "summary.json").exists()


@pytest.mark.slow
def test_ctrl_c_in_predict_leaves_no_output(here, model):
    process = start("predict", "-m", model, "--output", "o.jsonl", stdin=subprocess.PIPE)
    deadline = time.monotonic() + 100
    while not list(here.glob(".*.tmp")):  # opened after the model is loaded
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and "Traceback" not in error and os.listdir(here) == []


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["table", "json"])
def test_a_closed_pipe_is_no_error(as_json, here):
    (here / "a.csv").write_bytes(table(ROWS))
    process = start("plan", "--no-model", "--data", "a.csv", *as_json)
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == "" and process.wait(60) == 0


@pytest.mark.slow
def test_a_closed_pipe_after_the_first_prediction(here, model):
    (here / "many.txt").write_text("a good film\n" * 5000)
    process = start("predict", "-m", model, "--file", "many.txt", "-q")
    assert json.loads(process.stdout.readline())["line"] == 1
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == "" and process.wait(60) == 0


@pytest.mark.slow
def test_standard_input_may_be_a_socket_or_closed(here, model):
    """Node makes its pipes of sockets, and /dev/stdin cannot be opened on one."""
    ours, theirs = socket.socketpair()
    ours.sendall(b"good film\n")
    ours.shutdown(socket.SHUT_WR)
    process = start("predict", "-m", model, stdin=theirs)
    out, error = process.communicate(timeout=60)
    ours.close()
    theirs.close()
    assert process.returncode == 0 and json.loads(out)["text"] == "good film", error
    shell = [sys.executable, "-c", PROGRAM, "predict", "-m", str(model)]
    closed = subprocess.run(["sh", "-c", '"$@" <&-', "sh", *shell], capture_output=True, text=True, timeout=60)
    assert closed.returncode == 2 and "predict: no text" in closed.stderr
