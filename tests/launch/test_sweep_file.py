"""Sweep files: ours, and every fault of one's own at once, with key and line, before a server is asked."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

from sentiment_ft.config import Config
from sentiment_ft.errors import ConfigError
from sentiment_ft.launch import sweep_file, sweep_parameters, sweep_values
from sentiment_ft.launch.sweep_draft import Draft
from sentiment_ft.track.numbers import SCORE_NAMES

GOOD = """\
method: bayes
metric: {name: eval/accuracy, goal: maximize}
parameters:
  learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-3}
"""
BANDS = "early_terminate: {type: hyperband,"


def checked(text: str, *overrides: str, recipe: str = "quickstart") -> Draft:
    draft = sweep_file.read(text, "s.yaml")
    sweep_values.check(draft, recipe, overrides)
    return draft


def refused(text: str, *overrides: str, recipe: str = "quickstart") -> str:
    """The message; safe to print, whatever is in the file."""
    with pytest.raises(ConfigError) as caught:
        checked(text, *overrides, recipe=recipe)
    message = str(caught.value)
    assert not [letter for letter in message if unicodedata.category(letter) in ("Cc", "Cf") and letter != "\n"]
    assert len(message) < 5000
    return message


def with_parameter(lines: str) -> str:
    return GOOD + "".join(f"  {line}\n" for line in lines.splitlines())


def test_ours_is_sound_for_every_recipe_of_ours():
    text, shown = sweep_file.text_of(None)
    assert shown == "sweep.yaml"
    for recipe in ("quickstart", "t4", "imdb", "sst2"):
        draft = sweep_file.read(text, shown)
        sweep_values.check(draft, recipe, ())
    assert [parameter.name for parameter in draft.parameters] == [
        "learning_rate",
        "per_device_batch_size",
        "warmup_ratio",
    ]
    assert draft.content["metric"] == {"name": "eval/accuracy", "goal": "maximize"}


def test_samples_are_the_list_or_the_edges_and_one_between():
    draft = checked(with_parameter("per_device_batch_size: {values: [8, 16]}\nseed: {min: 1, max: 9}"))
    rate, batch, seed = draft.parameters
    assert rate.samples[0] == 1e-5 and rate.samples[2] == 1e-3 and 1e-5 < rate.samples[1] < 1e-3
    assert batch.samples == (8, 16)
    assert seed.distribution == "int_uniform" and seed.samples == (1, 5, 9)


@pytest.mark.parametrize(
    ("line", "place", "words"),
    [
        ("learning_rat: {value: 1}", 5, "learning_rat: is no key of the config (did you mean learning_rate?)"),
        ("per_device_batch_size: {values: [8, 0]}", 5, "values: 0: input should be greater than or equal to 1"),
        ("per_device_batch_size:\n  values:\n    - 8\n    - x", 8, "values: 'x': input should be a valid integer"),
        ("per_device_batch_size: {min: 1.0, max: 9.0}", 5, "for whole numbers: int_uniform, q_uniform, or values"),
        ("weight_decay: {distribution: log_uniform, min: -9, max: 800}", 5, "beyond any number"),
        ("hidden_dropout: {distribution: log_uniform, min: 0.1, max: 0.3}", 5, "log_uniform takes exponents of e"),
        ("weight_decay: {distribution: normal, mu: 0, sigma: 1}", 5, "normal has no edges"),
        ("weight_decay: {distribution: unifrom, min: 0.0, max: 1.0}", 5, "did you mean uniform"),
        ("weight_decay: {min: 0, max: 0.1}", 5, "both whole numbers, or both with a point"),
        ("weight_decay: {min: 0.2, max: 0.1}", 5, "min 0.2 is above max 0.1"),
        ("weight_decay: {min: 0.0, max: .inf}", 5, "max: is a number"),
        ("weight_decay: {distribution: log_uniform_values, min: 0.0, max: 0.1}", 5, "above 0 on a logarithmic scale"),
        ("weight_decay: {min: 0.0, max: 0.1, q: 0.05}", 5, "q: does not belong to uniform"),
        ("weight_decay: {distribution: q_uniform, min: 0.0, max: 0.1}", 5, "q: is missing"),
        ("weight_decay: {values: []}", 5, "is a list of at least one value"),
        ("weight_decay: {values: [0, 1], probabilities: [0.5, 0.6]}", 5, "probabilities: are one for each value"),
        ("weight_decay: 0.1", 5, "has value, values, or min and max, not 0.1"),
        ("weight_decay: {parameters: {a: {value: 1}}}", 5, "the config is flat"),
        ("report_to: {value: none}", 5, "is set by the sweep itself"),
        ("run_name: {values: [a]}", 5, "is set by the sweep itself"),
        ("seed: {value: true}", 5, "True: input should be a number, not true"),
    ],
)
def test_faults_of_a_parameter(line, place, words):
    message = refused(with_parameter(line))
    assert message.startswith(f"s.yaml:{place}: parameters.") and words in message
    assert message.count("\n") == 1, "one fault and the way out"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("method: bayes", "method: byes", "s.yaml:1: method: is random, grid or bayes, not 'byes'"),
        ("method: bayes", "method: grid", "s.yaml:4: parameters.learning_rate: grid goes through lists"),
        ("metric:", "metrik:", "s.yaml:2: metrik: unknown key (did you mean metric?)"),
        ("eval/accuracy", "eval/acuracy", "s.yaml:2: metric.name: is no score that a run logs (did you mean eval/acc"),
        ("maximize", "minimize", "s.yaml:2: metric.goal: of eval/accuracy is maximize, not minimize"),
        (", goal: maximize", "", "without a goal W&B minimizes"),
        ("method: bayes", "method: bayes\nprogram: rm -rf /", "s.yaml:2: program: is refused: a trial always is"),
        ("method: bayes", "method: bayes\ncommand: [sh]", "s.yaml:2: command: is refused"),
        ("method: bayes", "method: bayes\nrun_cap: 0", "s.yaml:2: run_cap: is a number of trials, 1 or more, not 0"),
        ("method: bayes", "method: bayes\nname: [a]", "s.yaml:2: name: is a text, not a list"),
        ("method: bayes", "method: bayes\nearly_terminate: {type: hyperband}", "has one of min_iter and max_iter"),
        ("method: bayes", f"method: bayes\n{BANDS} max_iter: 9}}", "s.yaml:2: early_terminate.s: is missing: max_iter"),
        ("method: bayes", f"method: bayes\n{BANDS} min_iter: 0.5}}", "early_terminate.min_iter: is a whole number, 1"),
        ("method: bayes", f"method: bayes\n{BANDS} min_iter: 1, eta: 1}}", "early_terminate.eta: is a number above 1"),
        ("method: bayes", f"method: bayes\n{BANDS} min_iter: 1, strict: 1}}", "early_terminate.strict: is true or"),
    ],
)  # fmt: skip
def test_faults_of_the_sweep(old, new, words):
    assert words in refused(GOOD.replace(old, new))


@pytest.mark.parametrize("bands", ["min_iter: 1, eta: 1.5, strict: false", "max_iter: 9, s: 2"])
def test_early_termination_that_w_and_b_takes(bands):
    checked(GOOD.replace("method: bayes", f"method: bayes\n{BANDS} {bands}}}"))


def test_all_faults_are_told_at_once():
    message = refused("program: x\n" + with_parameter("seed: {value: -1}\nweight: {value: 1}"), "learning_rate=1e-4")
    assert message.startswith("the sweep has 4 faults:\n")
    for words in ("1: program", "5: parameters.learning_rate: is given by -o as well", "6: parameters.seed: -1",
                  "7: parameters.weight: is no key"):  # fmt: skip
        assert f"- s.yaml:{words}" in message


def test_contradictions_between_parameters_are_told():
    message = refused(with_parameter("warmup_steps: {values: [0, 5]}\nwarmup_ratio: {values: [0.1]}"))
    assert (
        "s.yaml:5: parameters.warmup_steps: 0 with warmup_ratio 0.1 (line 6): warmup_steps and warmup_ratio are both"
        in message
    )
    assert message.count("both given") == 1, "told once, not for each pair of values"
    message = refused(with_parameter("per_device_batch_size: {values: [8, 12]}\nglobal_batch_size: {value: 32}"))
    assert "12 with global_batch_size 32 (line 6): global_batch_size 32 is not a multiple" in message


def test_contradictions_with_the_recipe_and_overrides_are_told(tmp_path):
    assert "parameters.warmup_steps: 5: warmup_steps and warmup_ratio are both" in refused(
        with_parameter("warmup_steps: {value: 5}"), "warmup_ratio=0.1"
    )
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("global_batch_size: 24\n")
    assert "24 is not a multiple" in refused(with_parameter("per_device_batch_size: {values: [7]}"), recipe=str(recipe))
    checked(with_parameter("warmup_steps: {value: 5}"))  # takes the recipe's warmup_ratio back, as -o does


def test_faults_of_recipe_and_overrides_are_told_with_those_of_the_file():
    message = refused(with_parameter("weight: {value: 1}"), "learning_rat=1")
    assert "s.yaml:5: parameters.weight" in message and "-o: learning_rat: unknown key" in message
    assert "-o: report_to: is set by the sweep" in refused(GOOD, "report_to=none")


@pytest.mark.parametrize(
    "text",
    [
        "", "- a\n", "method: [\n", "\x00", "a: &a [1]\nb: *a\n", "method: bayes\nmethod: grid\n", "parameters: {}\n",
        "{[1]: 2}",
        "method: bayes\nparameters: {seed: {value: 1, value: 2}}\n", "[" * 5000,
        "method: !!python/object:os.system x\n",
        "parameters: {\"\\e[2J\": {value: 1}, seed: {value: \"\\e]0;x\\a\\u202e\"}}\n",
        "method: grid\nparameters: {seed: {value: 0x" + "f" * 6000 + "}}\n",
        "method: grid\nparameters: {label_map: {value: {a: 0x" + "f" * 6000 + "}}}\n",
        "method: grid\nparameters: {data: {value: 2026-11-28}}\n",
        "method: grid\nparameters: {data: {value: !!binary AAA=}}\n",
        "method: grid\nparameters: {weight_decay: {value: .nan}}\n",
        "method: grid\nparameters: {data: {value: !!set {a}}}\n",
        "method: grid\nparameters: {seed: {value: " + "9" * 6000 + "}}\n",
        "method: grid\nparameters: {seed: {values: [" + "1," * 20000 + "1]}}\n",
        "method: {a: b}\nmetric: 3\nearly_terminate: 3\nparameters: {seed: {min: [], max: {}}, data: {values: 3}}\n",
    ],
)  # fmt: skip
def test_hostile_files(text):
    refused(text)


def test_files_that_are_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("big.yaml").write_bytes(b"#" * (sweep_file.MAX_BYTES + 1))
    Path("latin.yaml").write_bytes(b"name: \xe9")
    for name, words in (("no.yaml", "no such"), (".", "no such"), ("big.yaml", "larger"), ("latin.yaml", "not UTF-8"),
                        ("a\x00b", "no such"), ("x" * 5000, "no such")):  # fmt: skip
        with pytest.raises(ConfigError, match=words):
            sweep_file.text_of(name)


def test_values_come_back_from_overrides_as_they_are():
    values = {"learning_rate": 1e-05, "per_device_batch_size": 8.0, "warmup_ratio": None, "run_name": "ab",
              "group_by_length": False}  # fmt: skip
    loaded = sweep_values.load("quickstart", (), values)
    assert loaded.config.learning_rate == 1e-05 and loaded.config.per_device_batch_size == 8
    assert loaded.config.group_by_length is False and loaded.config.report_to == ("wandb",)
    assert sweep_values.as_overrides({"a": "x; rm -rf /"}) == ['a="x; rm -rf /"']
    assert json.loads(sweep_values.as_overrides({"a": 1e-05})[0][2:]) == 1e-05


def test_known_names_are_those_of_the_code():
    assert set(sweep_parameters.OF_THE_SWEEP) <= set(Config.model_fields)
    assert set(SCORE_NAMES) >= sweep_file.LOWER


HUGE = "0x" + "f" * 5000  # YAML reads it; Python refuses to write it


@pytest.mark.parametrize(
    "text",
    [
        f"? {HUGE}\n: 1\n",
        f"parameters:\n  ? {HUGE}\n  : {{value: 1}}\n",
        f"parameters:\n  learning_rate:\n    ? {HUGE}\n    : 1\n",
        f"metric: {{name: {HUGE}}}\n",
        f"metric: {{name: eval/accuracy, goal: {HUGE}}}\n",
    ],
)
def test_a_number_that_nobody_could_read_is_told_without_its_digits(text):
    with pytest.raises(ConfigError, match=r"s\.yaml:\d+: .*a number this large") as caught:
        sweep_file.read(text, "s.yaml")
    assert len(str(caught.value)) < 300


def test_letters_beyond_the_first_65536_are_values_like_others():
    assert sweep_values.load("quickstart", [], {"wandb_group": "a\U0001f600"}).config.wandb_group == "a\U0001f600"


def test_a_list_of_the_same_fault_is_told_once_and_in_seconds():
    values = ", ".join(["'x'"] * 1000)
    names = ("learning_rate", "weight_decay", "warmup_ratio", "max_length", "seed", "num_train_epochs")
    text = "method: random\nparameters:\n" + "".join(f"  {name}: {{values: [{values}]}}\n" for name in names)
    draft = sweep_file.read(text, "s.yaml")
    with pytest.raises(ConfigError) as caught:
        sweep_values.check(draft, "quickstart", [])
    assert len(str(caught.value).splitlines()) < 10
