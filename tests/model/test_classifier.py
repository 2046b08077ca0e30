"""Loading and saving a classifier: real models, and every way a folder can be wrong."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertForSequenceClassification

from sentiment_ft import hub
from sentiment_ft.errors import ConfigError, ModelError
from sentiment_ft.model import bundled, classifier
from tests.tiny import LABELS, write_model


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("good"))


@pytest.fixture
def folder(good, tmp_path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(good, tmp_path / "model"))


def load_for_training(name: str | Path, hidden: float | None = None, attention: float | None = None):
    return classifier.load_for_training(str(name), hidden_dropout=hidden, attention_dropout=attention)


def change_config(folder: Path, **changed) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changed))


def classes(folder: Path, names: list[str]) -> None:
    """Replace the model by one with these classes."""
    labels = dict(enumerate(names))
    config = BertConfig(
        vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        id2label=labels, label2id={name: number for number, name in labels.items()},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)


def refusal(action, *arguments) -> str:
    with pytest.raises(ModelError) as caught:
        action(*map(str, arguments))
    return str(caught.value)


def test_bundled_encoder_gets_a_new_head_with_our_labels():
    torch.manual_seed(1)
    first = load_for_training("bundled", attention=0.0)
    torch.manual_seed(1)
    second = load_for_training("bundled")
    assert first.config.id2label == LABELS and first.classifier.weight.shape == (2, 384)
    assert torch.equal(first.classifier.weight, second.classifier.weight), "drawn from the seed"
    assert first.config.attention_probs_dropout_prob == 0.0 and second.config.attention_probs_dropout_prob == 0.1
    assert next(first.parameters()).dtype == torch.float32
    assert classifier.max_positions("bundled") == 512


def test_dropout_is_set_in_the_modules(good):
    model = load_for_training(good, hidden=0.3, attention=0.2)
    assert model.dropout.p == 0.3 and model.bert.embeddings.dropout.p == 0.3
    assert model.bert.encoder.layer[0].attention.self.dropout.p == 0.2


def test_saved_folder_reloads_with_its_weights_and_max_length(good, tmp_path):
    torch.manual_seed(3)
    model, tokenizer = load_for_training(good), classifier.load_tokenizer(str(good))
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
    assert saved.model_max_length == 64 and classifier.longest_row(saved, str(tmp_path)) == 64
    assert torch.equal(load_for_training(tmp_path).classifier.weight, model.classifier.weight), "training goes on"


def test_longest_row_without_word_from_the_tokenizer_is_the_positions(good):
    tokenizer = classifier.load_tokenizer(str(good))
    tokenizer.model_max_length = int(1e30)
    assert classifier.longest_row(tokenizer, str(good)) == 128


def test_positions_of_roberta_start_after_the_padding(folder):
    change_config(folder, model_type="roberta", max_position_embeddings=514, pad_token_id=1)
    assert classifier.max_positions(str(folder)) == 512


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


@pytest.mark.parametrize("length", ["x", -3, 7, 0, True, 12.5, [], float("nan")])
def test_a_length_that_is_none_is_refused(folder, length):
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_max_length": length}))
    with pytest.raises(ModelError) as caught:
        classifier.longest_row(classifier.load_tokenizer(str(folder)), str(folder))
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(("length", "rows"), [(8, 8), (512, 128), (1e30, 128), (int(1e30), 128), (None, 128)])
def test_lengths_that_tokenizers_have(folder, length, rows):
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_max_length": length}))
    assert classifier.longest_row(classifier.load_tokenizer(str(folder)), str(folder)) == rows


def test_rows_as_long_as_asked_and_no_longer_than_the_positions(good):
    tokenizer = classifier.load_tokenizer(str(good))
    tokenizer.model_max_length = 16
    found = [classifier.row_limit(tokenizer, str(good), asked) for asked in (None, 8, 100, 128)]
    assert found == [16, 8, 100, 128]
    with pytest.raises(ConfigError, match="129 is more than the model's 128 positions"):
        classifier.row_limit(tokenizer, str(good), 129)


def test_tokenizer_of_another_model_is_refused(good):
    model, tokenizer = load_for_training(good), classifier.load_tokenizer(str(good))
    classifier.check_vocabulary(model, tokenizer, str(good))
    tokenizer.add_tokens(["unheard-of"])
    with pytest.raises(ModelError, match="ids up to 30522, its embedding table 30522 rows"):
        classifier.check_vocabulary(model, tokenizer, str(good))


def rewrite(folder: Path, change) -> None:
    """Replace the weights by change(weights)."""
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, {"format": "pt"})


@pytest.mark.parametrize("dropped", ["classifier.", ".layer.1.", "bert."])
@pytest.mark.parametrize("action", [classifier.load_for_use, load_for_training])
def test_weights_that_are_missing_are_not_drawn_at_random(folder, dropped, action):
    rewrite(folder, lambda weights: {key: value for key, value in weights.items() if dropped not in key})
    message = refusal(action, folder)
    assert str(folder) in message and "lacks" in message and dropped in message


@pytest.mark.parametrize("dropped", ["classifier.", "pooler.", "layer.0.attention.self.query.weight"])
def test_an_encoder_may_lack_the_head_and_the_pooler_only(folder, dropped):
    """As a base encoder is stored: no prefix, no head; and with the head of another task."""
    change_config(folder, architectures=["BertModel"])
    rewrite(folder, lambda weights: {
        key.removeprefix("bert."): value for key, value in weights.items()
        if dropped not in key and "classifier" not in key
    } | {"cls.predictions.bias": torch.zeros(3)})  # fmt: skip
    if dropped.startswith("layer"):
        assert f"lacks 1 of its weights (bert.encoder.{dropped})" in refusal(load_for_training, folder)
    else:
        assert load_for_training(folder).classifier.weight.shape == (2, 32)


@pytest.mark.parametrize("action", [classifier.load_for_use, load_for_training])
def test_weights_of_another_architecture_or_depth(folder, action):
    change_config(folder, num_hidden_layers=1)
    assert "16 weights of layers that config.json does not announce (bert.encoder.layer.1." in refusal(action, folder)
    change_config(folder, num_hidden_layers=2, model_type="gpt2")
    assert "lacks 29 of its weights" in refusal(action, folder)


@pytest.mark.parametrize("action", [classifier.load_for_use, load_for_training])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(folder, action, number):
    name = "bert.encoder.layer.1.output.dense.weight"
    rewrite(folder, lambda weights: weights | {name: weights[name].index_fill(0, torch.tensor(3), number)})
    assert f"holds numbers that are not finite ({name})" in refusal(action, folder)


def test_folder_without_vocabulary(folder):
    (folder / "vocab.txt").unlink()
    assert len(classifier.load_tokenizer(str(folder))) == 30522, "tokenizer.json is enough"
    (folder / "tokenizer.json").unlink()
    assert "has no vocabulary" in refusal(classifier.load_tokenizer, folder)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good"]))
    assert "its tokenizer has 6 words, the model 30,522" in refusal(classifier.load_tokenizer, folder)


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
    assert f"did you mean {tmp_path / 'best'}?" in refusal(classifier.load_tokenizer, tmp_path)


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


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"model_type": "nonsense"}', "\udcff"])
def test_damaged_config(folder, content):
    (folder / "config.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert str(folder) in refusal(load_for_training, folder)


@pytest.mark.parametrize("content", ["", "{", "{}", '{"version": "1.0"}'])
def test_damaged_tokenizer(folder, content):
    (folder / "tokenizer.json").write_text(content)
    assert str(folder) in refusal(classifier.load_tokenizer, folder)


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


@pytest.mark.parametrize("action", [load_for_training, classifier.load_for_use, classifier.load_tokenizer])
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
    before, positive = classifier.load_for_use(str(folder))
    after = classifier.load_for_training(str(folder), hidden_dropout=None, attention_dropout=None).eval()
    ids = torch.tensor([[101, 2307, 2143, 102]])
    assert positive == 0 and after.config.id2label[1] == "positive"
    torch.testing.assert_close(after(input_ids=ids).logits[:, 1], before(input_ids=ids).logits[:, 0])
