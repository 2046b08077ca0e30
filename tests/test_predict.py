"""Texts in, labels out: order, accounting, formats, memory, and which output means positive."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from accelerate.state import AcceleratorState
from click.testing import CliRunner, Result
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from sentiment_ft import cli, predict
from sentiment_ft import predictor as predictor_module
from sentiment_ft.data.records import excerpt
from sentiment_ft.data.text import clean
from sentiment_ft.errors import ModelError, OutputError
from sentiment_ft.model import classifier, tokenization
from sentiment_ft.predict import from_arguments
from sentiment_ft.predictor import CHUNK, Prediction, Predictor
from tests.tiny import write_model, write_reviews

TEXTS = ["A lovely film.", "", "Bad.", "<br />Half &amp; half", "word " * 300, "\u200b\u202e"]


@pytest.fixture(scope="module")
def predictor(model) -> Predictor:
    return Predictor(str(model), precision="fp32")


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def invoke(*arguments: object, code: int = 0) -> Result:
    AcceleratorState._reset_state(reset_partial_state=True)
    result = CliRunner().invoke(cli.main, list(map(str, ("predict", "--precision", "fp32", *arguments))))
    assert result.exit_code == code, (result.output, result.exception)
    return result


def call(model: Path, *arguments: object, code: int = 0) -> str:
    return invoke("-m", model, *arguments, code=code).stdout


@contextmanager
def standard_input(content: bytes) -> Iterator[None]:
    """Descriptor 0 reads `content`."""
    Path("in").write_bytes(content)
    descriptor, before = os.open("in", os.O_RDONLY), os.dup(0)
    os.dup2(descriptor, 0)
    try:
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(descriptor)


def run_with(model: Path, output: str | None) -> None:
    """The verb without Click, which replaces standard output."""
    options = predict.Options(
        model=str(model), file=None, text_column=None, output=output, chosen=None, max_length=None, batch=2,
        mixed_precision="fp32", quiet=True,
    )  # fmt: skip
    predict.run(["good"], options)


def by_hand(model: Path, text: str) -> float:
    """p_positive by transformers alone, one text at a time, so without padding."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    plain = AutoModelForSequenceClassification.from_pretrained(model).eval()
    ids = tokenizer(clean(text), truncation=True, max_length=128, return_tensors="pt")
    with torch.inference_mode():
        return torch.softmax(plain(**ids).logits.double(), -1)[0, 1].item()


def records(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_one_text_in_one_record_out_in_order(model):
    found = records(call(model, "--batch", 2, "--", *TEXTS))
    assert [record["line"] for record in found] == [1, 2, 3, 4, 5, 6]
    assert [record.get("error") for record in found] == [None, "no text", None, None, None, "no text"]
    for record, text in zip(found, TEXTS, strict=True):
        assert record["text"] == (excerpt(text) if "error" in record else clean(text))
        if "error" not in record:
            p = by_hand(model, text)
            assert record["probabilities"] == pytest.approx({"negative": 1 - p, "positive": p}, abs=2e-6)
            assert record["label"] == ("positive" if p > 0.5 else "negative")
            assert record["confidence"] == max(record["probabilities"].values())


def test_length_order_and_chunks_do_not_mix_rows(predictor):
    """More texts than a chunk, of many lengths: each must get what it gets alone."""
    texts = [f"film {number} " + "so " * (number * 7 % 40) for number in range(CHUNK + 50)]
    found = list(predictor.predict(from_arguments(texts)))
    assert [record.line for record in found] == list(range(1, len(texts) + 1))
    for place in (0, 1, 17, CHUNK - 1, CHUNK, CHUNK + 49):
        [alone] = predictor.predict(from_arguments([texts[place]]))
        assert found[place].p_positive == pytest.approx(alone.p_positive, abs=1e-6)
        assert found[place].text == clean(texts[place])
    assert len({round(record.p_positive, 9) for record in found}) > 100, "the model must tell texts apart"


def test_the_output_called_positive_is_the_positive_one(model, tmp_path):
    """The same weights with labels named the other way round give the other label."""
    reversed_labels = write_model(tmp_path / "reversed")
    config = json.loads((reversed_labels / "config.json").read_text())
    config |= {"id2label": {"0": "POSITIVE", "1": "NEGATIVE"}, "label2id": {"POSITIVE": 0, "NEGATIVE": 1}}
    (reversed_labels / "config.json").write_text(json.dumps(config))
    [plain], [other] = (records(call(folder, "A lovely film.")) for folder in (model, reversed_labels))
    assert plain["label"] != other["label"]
    assert plain["probabilities"]["positive"] == pytest.approx(other["probabilities"]["negative"], abs=1e-6)


def test_text_is_cleaned_as_in_training(predictor):
    raw, cleaned = "I&#39;d <b>never</b>\u200b see it<br/>again", "I'd never see it again"
    [one, two] = predictor.predict(from_arguments([raw, cleaned]))
    assert one.text == cleaned
    # Two rows of one batch may go through other kernels of the matrix product: 2e-10 apart on one machine.
    assert one.p_positive == pytest.approx(two.p_positive, abs=1e-6)


def write_inputs(folder: Path) -> None:
    rows = [("A lovely film.", 1), ('He said "no",\nand left', 0), ("", 1)]
    with (folder / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("review", "label"), *rows])
    (folder / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text, _ in rows))
    pq.write_table(pa.table({"sentence": [text for text, _ in rows]}), folder / "a.parquet")
    (folder / "a.txt").write_text('A lovely film.\nHe said "no", and left\n\n')


@pytest.mark.parametrize(
    ("name", "lines"), [("a.csv", [2, 3, 5]), ("a.jsonl", [1, 2, 3]), ("a.parquet", [1, 2, 3]), ("a.txt", [1, 2, 3])]
)
def test_files(name, lines, model, tmp_path):
    write_inputs(tmp_path)
    found = records(call(model, "--file", name))
    assert [record["line"] for record in found] == lines
    assert [record["text"] for record in found] == ["A lovely film.", 'He said "no", and left', ""]
    assert [record.get("error") for record in found] == [None, None, "no text"]


def test_a_folder_gives_records_that_name_their_file(model, tmp_path):
    (tmp_path / "pos").mkdir()
    (tmp_path / "neg").mkdir()
    for name, text in (("pos/1.txt", "good"), ("neg/1.txt", "bad"), ("neg/2.txt", " ")):
        (tmp_path / name).write_text(text)
    found = records(call(model, "--file", str(tmp_path)))
    files = [str(Path(record["file"]).relative_to(tmp_path)) for record in found]
    assert files == ["neg/1.txt", "neg/2.txt", "pos/1.txt"] and [record["line"] for record in found] == [1, 1, 1]
    table = list(csv.DictReader(io.StringIO(call(model, "--file", str(tmp_path), "--format", "csv"), newline="")))
    assert [row["file"] for row in table] == [record["file"] for record in found]
    assert "neg/2.txt line 1: no text" in call(model, "--file", str(tmp_path), "--format", "text")


def test_the_three_formats_say_the_same(model, tmp_path):
    write_inputs(tmp_path)
    jsonl = records(call(model, "--file", "a.txt"))
    table = list(csv.DictReader(io.StringIO(call(model, "--file", "a.txt", "--format", "csv"), newline="")))
    assert [row["error"] for row in table] == ["", "", "no text"]
    assert [float(row["p_positive"]) for row in table[:2]] == [row["probabilities"]["positive"] for row in jsonl[:2]]
    assert [row["text"] for row in table] == [row["text"] for row in jsonl]
    first, _, third = call(model, "--file", "a.txt", "--format", "text").splitlines()
    assert first == f"{jsonl[0]['label']:8}  {jsonl[0]['confidence']:.4f}  A lovely film."
    assert third.split() == ["error", "line", "3:", "no", "text"]


@pytest.mark.parametrize(("name", "first"), [("o.jsonl", "{"), ("o.csv", "line,"), ("o.txt", "positive negative")])
def test_the_ending_of_the_output_chooses_its_format(name, first, model, tmp_path):
    assert call(model, "good", "--output", name) == ""
    assert (tmp_path / name).read_text().startswith(tuple(first.split()))
    assert os.listdir(tmp_path) == [name]


def test_text_for_a_terminal_cannot_touch_it(model):
    printed = call(model, "--format", "text", "red \x1b[31m \ue000 [bold]x[/bold]", "x" * 500)
    assert "\x1b" not in printed and "\\ue000 [bold]x[/bold]" in printed
    assert max(map(len, printed.splitlines())) < 230


def test_standard_input(model):
    with standard_input(b"\xef\xbb\xbfgood\n\nbad\r\ncaf\xe9\nlast"):
        found = records(call(model, "--file", "-"))
    assert [record["text"] for record in found] == ["good", "", "bad", "caf\ufffd", "last"]
    assert [record.get("error") for record in found] == [
        None,
        "no text",
        None,
        "not UTF-8: byte 0xe9 at column 4",
        None,
    ]


def test_a_text_that_is_too_long_is_told_wherever_it_comes_from(model, tmp_path):
    long = "x" * 100_001
    (tmp_path / "a.txt").write_text(f"good\n{long}\n")
    with standard_input(f"good\n{long}\n".encode()):
        found = [records(call(model)), records(call(model, "--file", str(tmp_path / "a.txt")))]
    for kind in found:
        assert kind[1]["error"] == "text too long: 100,001 characters, at most 100,000" and len(kind[1]["text"]) == 80
    assert found[0] == found[1]
    assert records(call(model, "good", long))[1]["error"] == found[0][1]["error"]


def test_reading_ahead_ends_at_so_many_characters(monkeypatch):
    monkeypatch.setattr(predictor_module, "CHUNK_CHARACTERS", 10)
    texts = (Prediction(line, "x" * length) for line, length in enumerate([4, 5, 1, 20, 3], 1))
    chunks = [[record.line for record in predictor_module._read_ahead(texts)] for _ in range(4)]
    assert chunks == [[1, 2, 3], [4], [5], []]


@pytest.mark.parametrize("style", ["csv", "jsonl", "text"])
def test_line_that_cannot_be_read_cannot_touch_the_terminal(style, model):
    with standard_input(b"\x1b[31mhello \x9b\xff\ngood\n\x1b[31m\0\n"):
        printed = call(model, "--file", "-", "--format", style)
    assert "\x1b" not in printed and "\\u001b" not in printed and printed.count("\n") >= 3
    assert style == "text" or "x1b[31mhello" in printed


def test_blank_lines_of_jsonl_get_their_record(model, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "good"}\n\n{"text": "bad"}\n')
    found = records(call(model, "--file", "a.jsonl"))
    assert [(record["line"], record.get("error")) for record in found] == [(1, None), (2, "no text"), (3, None)]


def test_model_that_nobody_named_is_told(model, tmp_path):
    shutil.copytree(model, tmp_path / "runs" / "a" / "best")
    (tmp_path / "runs" / "a" / "summary.json").write_text("{}")
    result = invoke("good")
    assert result.stderr == "model: runs/a/best\n" and records(result.stdout)
    assert invoke("-q", "good").stderr == invoke("-m", "runs/a/best", "good").stderr == ""


def test_best_model_of_a_run_killed_while_it_was_swapped_is_found_and_told(model, tmp_path):
    shutil.copytree(model, tmp_path / "runs" / "a" / ".best.old")
    result = invoke("-m", "runs/a/best", "good")
    assert result.stderr == "model: runs/a/.best.old\n" and result.stdout == call(model, "good")


@pytest.mark.parametrize("name", ["missing.txt", "utf16.txt", "empty.csv", "columns.csv", "torn.parquet"])
def test_file_that_cannot_be_read_is_told_before_the_model_is_loaded(name, model, tmp_path, monkeypatch):
    (tmp_path / "utf16.txt").write_text("good\n", encoding="utf-16")
    (tmp_path / "empty.csv").write_text("text\n")
    (tmp_path / "columns.csv").write_text("a,b\n1,2\n")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")

    def load(*_: object, **__: object) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr(predict, "Predictor", load)
    assert name in invoke("-m", model, "--file", name, code=3).stderr


@pytest.mark.parametrize("source", [("good",), ("--file", "-")])
def test_column_of_what_has_none_is_refused(source, model):
    assert "only a --file has columns" in invoke("-m", model, "--text-column", "x", *source, code=2).stderr


def test_texts_and_file_together_are_refused(model):
    assert call(model, "good", "--file", "a.csv", code=2) == ""


def test_max_length_of_the_command_cuts(model):
    long, short = "good " + "bad " * 100, "good " + "bad " * 5
    [a, b] = records(call(model, "--max-length", 8, long, short))
    assert a["probabilities"] == b["probabilities"]
    [a, b] = records(call(model, long, short))
    assert a["probabilities"] != b["probabilities"]


def test_max_length_of_the_command_may_exceed_that_of_the_training(model, tmp_path):
    trained = shutil.copytree(model, tmp_path / "trained-with-16")
    config = json.loads((trained / "tokenizer_config.json").read_text())
    (trained / "tokenizer_config.json").write_text(json.dumps(config | {"model_max_length": 16}))
    texts = ("good " + "bad " * 50, "good " + "bad " * 60)
    [a, b] = records(call(trained, *texts))
    assert a["probabilities"] == b["probabilities"]
    assert records(call(trained, "--max-length", 128, *texts)) == records(call(model, *texts))
    assert "128 positions" in invoke("-m", trained, "--max-length", 129, "good", code=2).stderr


def test_a_model_gives_what_it_was_trained_to_cut(model, tmp_path):
    """Rows are cut at the tokenizer's model_max_length, never beyond the positions there are."""
    tokenizer_config = json.loads((model / "tokenizer_config.json").read_text())
    assert Predictor(str(model), precision="fp32")._max_length == min(128, tokenizer_config["model_max_length"])


def test_device_without_float64_is_enough(predictor, monkeypatch):
    """Apple's GPUs refuse float64, so the logits of the model must come to the host as they are."""
    real, seen = torch.Tensor.double, []

    def double(tensor: torch.Tensor) -> torch.Tensor:
        seen.append(tensor.device.type)
        if not tensor.is_cpu:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return real(tensor)

    class OnDevice:
        """Logits that say they are on a device until they are fetched."""

        is_cpu, device = False, torch.device("mps")

        def __init__(self, values: torch.Tensor) -> None:
            self.values = values

        def float(self) -> OnDevice:
            return self

        def cpu(self) -> torch.Tensor:
            return self.values

        def double(self) -> torch.Tensor:
            return double(self)

    plain = predictor._model
    [expected] = predictor.predict(from_arguments(["good"]))
    monkeypatch.setattr(torch.Tensor, "double", double)
    wrapped = lambda **batch: SimpleNamespace(logits=OnDevice(plain(**batch).logits))  # noqa: E731
    monkeypatch.setattr(predictor, "_model", wrapped)
    [found] = predictor.predict(from_arguments(["good"]))
    assert found == expected and seen == ["cpu"]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_input(predictor):
    """20,000 texts of 200 characters are 8 MB as objects; what lives at once is one chunk, 1,024 of them."""
    texts = (Prediction(line, f"good film {line} ".ljust(200, "x")) for line in range(20_000))
    with open(os.devnull, "w") as nowhere:
        tracemalloc.start()
        predict.write(predictor.predict(texts), nowhere, "jsonl")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 3_000_000


RESIDENT_MEMORY = """
import sys, psutil
from sentiment_ft.predictor import Prediction, Predictor
from sentiment_ft.synthetic.reviews import generate
texts = (Prediction(line, row.text) for line, row in enumerate(generate(3 * 1024, 3, "train")))
for number, _ in enumerate(Predictor(sys.argv[1]).predict(texts)):
    if number % 1024 == 0:
        print(psutil.Process().memory_info().rss >> 20)
"""


@pytest.mark.slow
def test_memory_of_the_process_does_not_grow_with_the_input(tmp_path):
    """Of real rows under a model of real size, as tracemalloc sees neither torch nor the holes in malloc's memory."""
    model = classifier.load_for_training("bundled", hidden_dropout=None, attention_dropout=None)
    tokenizer = tokenization.load_tokenizer("bundled")
    classifier.save(model, tokenizer, tmp_path, model.state_dict(), max_length=256)
    command = [sys.executable, "-c", RESIDENT_MEMORY, str(tmp_path)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    first, second, third = map(int, printed.split())  # MiB, after so many chunks
    assert max(second, third) - first < 20, printed


def test_rows_are_padded_to_few_lengths_and_never_beyond_the_limit(model, monkeypatch):
    predictor = Predictor(str(model), precision="fp32", batch=1, max_length=20)
    real, widths = predictor._model, []
    monkeypatch.setattr(
        predictor, "_model", lambda **batch: widths.append(batch["input_ids"].shape[1]) or real(**batch)
    )
    list(predictor.predict(from_arguments(["good " * words for words in (1, 6, 7, 14, 15, 30)])))
    assert sorted(widths) == [8, 8, 16, 16, 20, 20]  # [CLS] and [SEP] are two tokens more


def test_nothing_is_written_when_the_input_breaks_off(model, tmp_path):
    write_reviews(tmp_path / "a.jsonl", 10)
    pq.write_table(pa.table({"text": ["good"] * 5000}), tmp_path / "a.parquet", row_group_size=100)
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + np.random.default_rng(0).bytes(2000) + whole[2004:])
    call(model, "--file", "a.parquet", "--output", "o.jsonl", code=3)
    assert sorted(os.listdir(tmp_path)) == ["a.jsonl", "a.parquet"]


def test_model_that_gives_no_number_is_refused(predictor, monkeypatch):
    no_numbers = lambda **batch: SimpleNamespace(logits=torch.full((len(batch["input_ids"]), 2), torch.nan))  # noqa: E731
    monkeypatch.setattr(predictor, "_model", no_numbers)
    for precision, way_out in (("fp32", "another model"), ("bf16", "--precision fp32")):
        monkeypatch.setattr(predictor, "_precision", precision)
        with pytest.raises(ModelError, match=r"gives no number for 2 of 2 texts") as caught:
            list(predictor.predict(from_arguments(["good", "", "bad"])))
        assert caught.value.way_out.startswith(way_out)
    with pytest.raises(ValueError, match="JSON"):
        predict.write([Prediction(1, "x", float("nan"))], io.StringIO(), "jsonl")


@pytest.mark.parametrize("p", [0.5, 0.5000004, 0.4999996, np.nextafter(0.5, 1), np.nextafter(0.5, 0), 0.123456789])
def test_label_is_decided_before_rounding_and_what_is_written_agrees(p):
    found = Prediction(1, "x", float(p)).to_json()
    assert found["label"] == ("positive" if p > 0.5 else "negative"), "as eval says, and one half is negative"
    written = found["probabilities"]
    assert (written["positive"] > 0.5) == (p > 0.5) and (written["negative"] <= 0.5 or p < 0.5)
    assert found["confidence"] == written[found["label"]] == max(written.values())
    assert abs(p - 0.5) < 1e-5 or written == {"negative": 0.876543, "positive": 0.123457}


def test_file_of_a_record_is_kept_and_told(predictor):
    given = [
        Prediction(1, "good", file="a.txt"),
        Prediction(2, "", error="no text", file="a.txt"),
        Prediction(1, "bad"),
    ]
    found = [record.to_json() for record in predictor.predict(given)]
    assert [record.get("file") for record in found] == ["a.txt", "a.txt", None]
    assert list(found[0])[:2] == ["file", "line"] and "file" not in found[2]


def test_arguments_of_a_locale_without_utf8():
    escaped = ["café", "film ☺"]
    found = from_arguments(
        [text.encode().decode("ascii", "surrogateescape") for text in escaped] + ["a\udcffb", "\ud800"]
    )
    assert [record.text for record in found][:2] == escaped
    assert [record.error for record in from_arguments(["é", "a\udcffb", "\ud800"])] == [None, "not UTF-8", "not UTF-8"]


@pytest.mark.parametrize(("encoding", "line"), [("ascii", r'"caf\u00e9"'), ("utf-8", '"café"')])
def test_jsonl_is_ascii_where_the_stream_holds_no_more(encoding, line):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    predict.write([Prediction(1, "café", 0.5)], stream, "jsonl")
    stream.seek(0)
    assert line in stream.read()


def test_closed_standard_output_is_refused_and_a_file_that_appears_is_kept(model, tmp_path, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(OutputError, match="standard output: is closed"):
        patched.setattr("sys.stdout", None)
        run_with(model, output=None)
    real = predict.write

    def write(predictions: object, target: io.TextIOBase, style: str) -> None:
        real(predictions, target, style)
        (tmp_path / "o.jsonl").write_text("theirs")

    monkeypatch.setattr(predict, "write", write)
    result = invoke("-m", model, "good", "--output", "o.jsonl", code=6)
    assert "o-2.jsonl" in result.stderr and (tmp_path / "o.jsonl").read_text() == "theirs"
    assert json.loads((tmp_path / "o-2.jsonl").read_text())["text"] == "good"


def test_nothing_usable_is_a_fault_and_the_records_say_why(model, tmp_path):
    assert json.loads(call(model, "", "--format", "jsonl", code=3))["error"] == "no text"
    (tmp_path / "empty.txt").write_text(" \n\u200b\n", encoding="utf-8")
    call(model, "--file", "empty.txt", "--output", "out.jsonl", code=3)
    assert [json.loads(line)["line"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == [1, 2]
    (tmp_path / "half.txt").write_text("fine\n\n", encoding="utf-8")
    call(model, "--file", "half.txt", "--output", "half.jsonl")
