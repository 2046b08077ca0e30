import re
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from sentiment_ft.track.card import model_card

JUDGED = {
    "rows": 600,
    "level": 0.95,
    "scores": {"accuracy": 1.0, "f1": 1.0, "mcc": None, "roc_auc": 0.99951, "log_loss": 0.0123},
    "intervals": {
        "accuracy": [0.9936, 1.0],
        "f1": [0.9937, 1.0],
        "mcc": None,
        "roc_auc": [0.99, 1.0],
        "log_loss": [0.01, 0.02],
    },
    "confusion": {"true_negative": 300, "false_positive": 0, "false_negative": 0, "true_positive": 300},
}
NASTY = [
    "a: b\n---\nlicense: mit",
    "`]</td><script>alert(1)</script>",
    "x | y | [click](http://evil.example) ![i](http://evil.example/i.png)",
    "`` ` ``` <b>bold</b> **bold** $$x$$",
    "\x1b[31m\u202e*&anchor !!python/object:os.system",
    "'\"\\",
    "",
    "é漢字 🎬",
]


def card(**changes: Any) -> str:
    given: dict[str, Any] = {
        "base_model": "bert-base-uncased",
        "data": "synthetic",
        "rows": {"train": 2400, "validation": 600},
        "judgement_json": JUDGED,
        "config": {"learning_rate": 2e-5, "max_length": 256, "seed": 42, "run_name": "secret-name", "max_steps": None},
        "environment": {"python": "3.11.9", "sentiment_ft": "0.1.0", "packages": {"torch": "2.13.0", "wandb": None}},
        "labels": ("negative", "positive"),
    }
    return model_card(**(given | changes))


def metadata(content: str) -> dict[str, Any]:
    return ModelCard(content).data.to_dict()


def html(content: str) -> str:
    """As a reader that lets raw HTML through and links bare addresses would show it."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    return markdown.render(ModelCard(content).text)


def test_the_hub_reads_it() -> None:
    found = metadata(card())
    assert found["language"] == "en"
    assert found["base_model"] == "bert-base-uncased"
    assert found["tags"] == ["text-classification", "sentiment"]
    assert "license" not in found
    (index,) = found["model-index"]
    (result,) = index["results"]
    assert result["task"]["type"] == "text-classification"
    assert result["dataset"] == {"name": "synthetic", "type": "custom", "split": "validation"}
    values = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert values == {"accuracy": 1.0, "f1": 1.0, "roc_auc": 0.99951}  # the undefined one is left out


def test_test_rows_get_their_own_result_and_table() -> None:
    content = card(test_json=JUDGED | {"rows": 77, "scores": {"accuracy": 0.8}}, data="hub:stanfordnlp/imdb")
    results = metadata(content)["model-index"][0]["results"]
    assert [result["dataset"]["split"] for result in results] == ["validation", "test"]
    assert {result["dataset"]["type"] for result in results} == {"stanfordnlp/imdb"}
    assert [result["metrics"][0]["value"] for result in results] == [1.0, 0.8]
    assert "## Scores on the test rows\n\n77 rows. They were never used to choose anything." in content


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("bert-base-uncased", "bert-base-uncased"),
        ("google-bert/bert-base-uncased", "google-bert/bert-base-uncased"),
        ("bundled", "sentence-transformers/all-MiniLM-L6-v2"),
        ("/home/alice/models/mine", None),
        ("./mine", None),
        ("C:\\Users\\alice\\mine", None),
        ("a/b/c", None),
        ("here/mine", None),
    ],
)
def test_base_model_only_when_it_is_a_hub_name(
    name: str, shown: str | None, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    content = card(base_model=name)
    assert metadata(content).get("base_model") == shown
    assert "alice" not in content


def test_tables_show_scores_settings_and_versions() -> None:
    content = card()
    for line in (
        "| accuracy | 1.0000 | 0.9936 to 1.0000 |",
        "| Matthews correlation | – | – |",
        "| ROC AUC | 0.9995 | 0.9900 to 1.0000 |",
        "| learning_rate | `2e-05` |",
        "| `torch` | `2.13.0` |",
        "| `python` | `3.11.9` |",
    ):
        assert line in content
    for absent in ("secret-name", "max_steps", "wandb"):
        assert absent not in content
    assert html(content).count("<table>") == 3


def test_limits_are_said() -> None:
    synthetic, real = card(), card(data="reviews.csv", judgement_json=JUDGED | {"scores": {"accuracy": 0.9}})
    assert "Trained on synthetic reviews" in synthetic and "No error was seen on 600 validation rows" in synthetic
    assert "Trained on synthetic reviews" in card(data="synthetic:held-out")
    assert "synthetic reviews" not in real and "No error was seen" not in real
    for content in (synthetic, real):
        assert "English film reviews only" in content and "Two classes only" in content


def test_the_example_is_python_with_the_length_of_training() -> None:
    code = re.search(r"```python\n(.*?)```", card(), flags=re.DOTALL)
    assert code is not None
    compile(code[1], "card", "exec")
    assert "max_length=256" in code[1]
    assert len(code[1].splitlines()) == 3


@pytest.mark.parametrize("text", NASTY)
def test_texts_of_users_break_nothing(text: str) -> None:
    plain = card(base_model="x y", data="plain.csv")
    content = card(
        base_model=text,
        data=text,
        labels=(text, "positive"),
        rows={"train": 1, "validation": 600},
        config={"max_length": 256, "learning_rate": text},
        environment={"python": text, "packages": {text: text}},
    )
    found = metadata(content)
    assert set(found) == set(metadata(plain))  # no key more or less
    assert yaml.safe_load(content.split("---\n")[1])["language"] == "en"
    assert "\x1b" not in content and "\u202e" not in content
    shown, expected = html(content), html(plain)
    allowed = set(re.findall(r"<(\w+)", expected))
    assert set(re.findall(r"<(\w+)", shown)) <= allowed  # no script, no link, no image, no bold of theirs
    assert shown.count("<strong>") == 0
    assert shown.count("<h2>") == expected.count("<h2>")
    rows = [line for line in content.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {3, 4}
