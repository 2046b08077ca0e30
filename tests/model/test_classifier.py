"""Loading and saving a classifier: real models, and every way a folder can be wrong."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertForSequenceClassification

from sentiment_ft import hub
from sentiment_ft.errors import ModelError
from sentiment_ft.model import bundled, classifier, tokenization
from tests.model_folders import change_config, load_for_training, refusal, rewrite
from tests.tiny import LABELS, write_model


def classes(folder: Path, names: list[str]) -> None:
    """Replace the model by one with these classes."""
    labels = dict(enumerate(names))
    config = BertConfig(
        vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        id2label=labels, label2id={name: number for number, name in labels.items()},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)


def test_bundled_encoder_gets_a_new_head_with_our_labels():
    torch.manual_seed(1)
    first = load_for_training("bundled", attention=0.0)
    torch.manual_seed(1)
    second = load_for_training("bundled")
    assert first.config.id2label == LABELS and first.classifier.weight.shape == (2, 384)
    assert torch.equal(first.classifier.weight, second.classifier.weight), "drawn from the seed"
    assert first.config.attention_probs_dropout_prob == 0.0 and second.config.attention_probs_dropout_prob == 0.1
    assert next(first.parameters()).dtype == torch.float32
    assert tokenization.max_positions("bundled") == 512


def test_dropout_is_set_in_the_modules(good):
    model = load_for_training(good, hidden=0.3, attention=0.2)
    assert model.dropout.p == 0.3 and model.bert.embeddings.dropout.p == 0.3
    assert model.bert.encoder.layer[0].attention.self.dropout.p == 0.2


def test_saved_folder_reloads_with_its_weights_and_max_length(good, tmp_path):
    torch.manual_seed(3)
    model, tokenizer = load_for_training(good), tokenization.load_tokenizer(str(good))
    with torch.no_grad():
        model.classifier.weight.normal_()
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    before = tokenizer.model_max_length
    classifier.save(model, tokenizer, tmp_path, weights, max_length=64)
    assert tokenizer.model_max_length == before, "the tokenizer in use is as it was"
    assert (tmp_path / "model.safetensors").is_file() and not list(tmp_path.glob("*.bin"))
    again, positive = classifier.load_for_use(str(tmp_path))
    assert positive == 1 and not again.training
    assert all(torch.equal(value, weights[key]) for key, value in again.state_dict().items())
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert plain.config.id2label == LABELS
    saved = AutoTokenizer.from_pretrained(tmp_path)
    assert saved.model_max_length == 64 and tokenization.longest_row(saved, str(tmp_path)) == 64
    assert torch.equal(load_for_training(tmp_path).classifier.weight, model.classifier.weight), "training goes on"


def test_reversed_labels_are_read_by_name(folder):
    classes(folder, ["POSITIVE", "NEGATIVE"])
    assert classifier.load_for_use(str(folder))[1] == 0
    classes(folder, ["neg", "other"])
    assert classifier.load_for_use(str(folder))[1] == 1
    classes(folder, ["LABEL_0", "LABEL_1"])
    assert classifier.load_for_use(str(folder))[1] == 1


@pytest.mark.parametrize("names", [("Positive", "NEG"), ("pos", "other"), ("1", "0"), ("LABEL_1", "LABEL_0")])
def test_clear_names_of_classes_in_any_case(names):
    assert classifier.positive_index(BertConfig(id2label=dict(enumerate(names))), "m") == 0
    assert classifier.positive_index(BertConfig(id2label=dict(enumerate(names[::-1]))), "m") == 1


@pytest.mark.parametrize(
    "names",
    [("good", "bad"), ("bad", "good"), ("neg", "negative"), ("1", "2"), ("label_0", "0"), ("LABEL_1", "LABEL_1")],
)
def test_unclear_names_of_classes_are_refused(folder, names):
    classes(folder, list(names)) if len(set(names)) == 2 else change_config(folder, id2label=dict(enumerate(names)))
    for action in (classifier.load_for_use, load_for_training):
        message = refusal(action, folder)
        first, second = (name.lower() for name in names)
        assert f"its classes are '{first}' and '{second}': which one is positive is not known" in message
        assert "id2label in its config.json" in message


def test_names_of_classes_cannot_paint_the_terminal():
    with pytest.raises(ModelError) as caught:
        classifier.positive_index(BertConfig(id2label={0: "\x1b[31mgood", 1: "b\nad"}), "m")
    assert "\x1b" not in str(caught.value) and "\\x1b[31mgood" in str(caught.value)


@pytest.mark.parametrize("architectures", [[1, None], "BertForSequenceClassification", 5, {}])
def test_architectures_that_are_no_names(folder, architectures):
    change_config(folder, architectures=architectures)
    assert str(folder) in refusal(classifier.load_for_use, folder)


def test_three_classes_are_refused(folder):
    classes(folder, ["negative", "neutral\x1b[31m", "positive"])
    message = refusal(classifier.load_for_use, folder)
    assert "has 3 classes (negative, neutral\\x1b[31m, positive)" in message
    assert "its head has 3 classes" in refusal(load_for_training, folder)


def test_encoder_without_a_head_is_no_classifier():
    assert "not a trained classifier" in refusal(classifier.load_for_use, bundled.folder())


def test_folder_without_config_names_the_one_inside_that_has_it(good, tmp_path):
    assert "no config.json" in refusal(load_for_training, tmp_path)
    shutil.copytree(good, tmp_path / "best")
    assert f"did you mean {tmp_path / 'best'}?" in refusal(tokenization.load_tokenizer, tmp_path)


def test_only_pickled_weights(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    assert "pickled weights" in refusal(load_for_training, folder)


@pytest.mark.parametrize("length", [0, 4, 1000, -10])
def test_damaged_weights(folder, length):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    for action in (load_for_training, classifier.load_for_use):
        message = refusal(action, folder)
        assert str(folder) in message and "damaged" in message


def test_config_that_would_change_what_the_model_gives_back_does_not(good, folder):
    ids = torch.tensor([[101, 2307, 2143, 102]])  # four, which chunks of three do not divide
    expected = classifier.load_for_use(str(good))[0](input_ids=ids).logits
    change_config(folder, return_dict=False, chunk_size_feed_forward=3)
    for model in (classifier.load_for_use(str(folder))[0], load_for_training(folder).eval()):
        torch.testing.assert_close(model(input_ids=ids).logits, expected)


@pytest.mark.parametrize("layers", [10_000_000, 1001])
def test_more_layers_than_any_model_has_are_refused_before_they_are_built(folder, layers):
    change_config(folder, num_hidden_layers=layers)
    start = time.monotonic()
    for action in (classifier.load_for_use, load_for_training):
        assert f"config.json announces {layers:,} layers, more than 1,000" in refusal(action, folder)
    assert time.monotonic() - start < 5  # ten million are built in hours


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"model_type": "nonsense"}', "\udcff"])
def test_damaged_config(folder, content):
    (folder / "config.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert str(folder) in refusal(load_for_training, folder)


def test_code_of_a_checkpoint_is_never_run(folder, tmp_path):
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'w')\nclass Evil: pass\n")
    change_config(folder, auto_map={"AutoConfig": "evil.Evil", "AutoModelForSequenceClassification": "evil.Evil"})
    change_config(folder, model_type="evil")
    refusal(load_for_training, folder)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "name", ["./none", "/none/at/all", "a/b/c", "~no-such-user/model", "..", "x\ny", "x\x1b[31my", "x" * 300]
)
def test_missing_paths_are_not_asked_from_the_hub(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "reachable", lambda: pytest.fail("asked the hub"))
    message = refusal(load_for_training, name)
    assert ("\x1b" not in message and "no such model folder" in message) or "no config.json" in message


def test_file_is_no_folder(tmp_path):
    (tmp_path / "model.safetensors").write_text("x")
    assert "is a file, not a model folder" in refusal(load_for_training, tmp_path / "model.safetensors")


def test_escapes_in_a_folder_name_are_not_printed(good, tmp_path):
    ugly = tmp_path / "a\x1b[31m\nb"
    shutil.copytree(good, ugly / "best")
    first = refusal(load_for_training, ugly)
    (ugly / "best" / "model.safetensors").write_bytes(b"x")
    second = refusal(load_for_training, ugly / "best")
    for message in (first, second):
        assert "\x1b" not in message and r"a\x1b[31m\x0ab" in message


@pytest.mark.parametrize("action", [load_for_training, classifier.load_for_use, tokenization.load_tokenizer])
def test_hub_name_without_a_hub_is_answered_at_once(action, monkeypatch):
    hub.reachable.cache_clear()
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    start = time.monotonic()
    message = refusal(action, "no-such-organisation/no-such-model")
    assert time.monotonic() - start < 5
    assert "the hub is not reachable" in message and "--model bundled" in message
    hub.reachable.cache_clear()


def test_training_from_a_checkpoint_with_reversed_labels_keeps_what_it_knows(tmp_path):
    folder = write_model(tmp_path / "reversed")
    config = json.loads((folder / "config.json").read_text())
    config["id2label"], config["label2id"] = {"0": "POSITIVE", "1": "NEGATIVE"}, {"POSITIVE": 0, "NEGATIVE": 1}
    (folder / "config.json").write_text(json.dumps(config))
    rewrite(folder, lambda weights: weights | {"classifier.bias": torch.tensor([0.3, -0.2])})
    before, positive = classifier.load_for_use(str(folder))
    after = classifier.load_for_training(str(folder), hidden_dropout=None, attention_dropout=None).eval()
    ids = torch.tensor([[101, 2307, 2143, 102]])
    assert positive == 0 and after.config.id2label[1] == "positive"
    torch.testing.assert_close(after(input_ids=ids).logits[:, 1], before(input_ids=ids).logits[:, 0])
