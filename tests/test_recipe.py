"""Recipes: where a value comes from, what is refused and how it is said, and the way back to YAML."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sentiment_ft import recipe
from sentiment_ft.config import SECTIONS, Config, keys_of
from sentiment_ft.errors import ConfigError
from sentiment_ft.recipe import BOUND_TO_DATA, dump, load
from sentiment_ft.run.sizes import batch_sizes

DEFAULTS = Config()


@pytest.fixture
def written(tmp_path):
    """Write a recipe; returns its name for `load`."""

    def write(text: str | bytes, name: str = "mine.yaml") -> str:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def refusal(*arguments) -> str:
    """The message of the ConfigError that `load` must raise."""
    with pytest.raises(ConfigError) as caught:
        load(*arguments)
    return str(caught.value)


def test_flag_beats_override_beats_recipe_beats_default_and_each_says_so(written):
    name = written("learning_rate: 1e-3\nseed: 1\nmax_length: 64\n")
    loaded = load(name, ["learning_rate=2e-3", "seed=2"], {"seed": 3, "report_to": None})
    assert (loaded.config.seed, loaded.config.learning_rate) == (3, 2e-3)
    assert (loaded.config.max_length, loaded.config.weight_decay) == (64, DEFAULTS.weight_decay)
    assert loaded.origins["seed"] == "--seed"
    assert loaded.origins["learning_rate"] == "-o"
    assert loaded.origins["max_length"] == "mine.yaml:3"
    assert loaded.origins["weight_decay"] == loaded.origins["report_to"] == "default"
    assert set(loaded.origins) == set(Config.model_fields)


def test_the_last_override_of_a_key_counts():
    assert load("quickstart", ["seed=1", "seed=2"]).config.seed == 2


def test_every_fault_is_told_at_once_with_its_place_and_a_near_key(written):
    name = written("learning_rat: 1e-3\nseed: -1\n\nmax_length: many\n")
    message = refusal(name, ["warmup_step=5"], {"per_device_batch_size": 0})
    assert "5 faults" in message
    assert "mine.yaml:1: learning_rat: unknown key (did you mean learning_rate" in message
    assert "mine.yaml:2: seed: " in message and "-1" in message
    assert "mine.yaml:4: max_length: " in message and "'many'" in message
    assert "-o: warmup_step: unknown key (did you mean warmup_steps" in message
    assert "--per-device-batch-size: input should be greater than" in message


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["warmup_steps=5", "warmup_ratio=0.1"], "warmup_steps and warmup_ratio"),
        (["negative_max_rating=4"], "belong together"),
        (["positive_min_rating=7"], "belong together"),
        (["negative_max_rating=7", "positive_min_rating=4"], "must be below"),
        (["negative_max_rating=5", "positive_min_rating=5"], "must be below"),
        (["label_map={good: 2}"], "input should be 0 or 1, not 2"),
        (["label_map={good: yes}"], "input should be 0 or 1, not 'yes'"),
        (["label_map={1: 0, '1': 1}"], "label_map: gives the label 1 twice"),
        (["label_map={true: 0, 'true': 0}"], "label_map: gives the label true twice"),
        (["label_map={null: 0}"], "input should be a valid string, not None"),
        (["label_map=[1, 0]"], "input should be a valid dictionary"),
        (["negative_max_rating=4", "positive_min_rating=7", "label_map={a: 0}"], "keep one"),
        (["data=a.csv", "validation=a.csv"], "validation and data are the same rows: leave out validation"),
        (["data=a.csv", "test=a.csv"], "test and data are the same rows"),
        (["data=a.csv", "validation=b.csv", "test=b.csv"], "test and validation are the same rows"),
        (["negative_max_rating=0", "positive_min_rating=4"], "all rows are synthetic, which have no columns"),
        (["num_train_epochs=1e7"], "less than or equal to 1000000"),
        (["max_steps=10000000000000"], "less than or equal to 1099511627776"),
        *(
            ([f"{key}=1000000000000"], "less than or equal to 1048576")
            for key in (
                "per_device_batch_size",
                "gradient_accumulation_steps",
                "global_batch_size",
                "per_device_eval_batch_size",
            )
        ),
    ],
)
def test_values_that_contradict_each_other_are_refused(overrides, said):
    assert said in refusal("quickstart", overrides)


@pytest.mark.parametrize("other", ["./a.csv", "{home}/a.csv", "~/a.csv", "link.csv", "sub/../a.csv"])
def test_the_same_rows_under_another_name_are_refused(tmp_path, monkeypatch, other):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.csv").touch()
    (tmp_path / "b.csv").touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.csv").symlink_to("a.csv")
    other = other.format(home=tmp_path)
    assert "validation and data are the same rows" in refusal("quickstart", ["data=a.csv", f"validation='{other}'"])
    assert "test and data are the same rows" in refusal("quickstart", ["data=a.csv", f"test='{other}'"])
    named = ["data=b.csv", "validation=a.csv", f"test='{other}'"]
    assert "test and validation are the same rows" in refusal("quickstart", named)


def test_synthetic_rows_are_not_those_of_a_folder_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "synthetic").mkdir()
    assert load("quickstart", ["data=synthetic", "test=./synthetic"]).config.test == "./synthetic"
    assert load("quickstart", ["data=a.csv", "test=./a.csv"]).config.test == "./a.csv", "of what is not there"


@pytest.mark.parametrize("text", ["1e-6", "1E-6", "1.0e-6", "+1e-6", "0.000001", "1_0e-7"])
def test_small_numbers_are_numbers(written, text):
    assert load(written(f"learning_rate: {text}")).config.learning_rate == pytest.approx(1e-6)
    assert load("quickstart", [f"learning_rate={text}"]).config.learning_rate == pytest.approx(1e-6)


def test_words_that_look_like_numbers_stay_words(written):
    assert load(written("run_name: e5\ndata: 1e-6.csv\n")).config.run_name == "e5"


@pytest.mark.parametrize("text", ["no", "false", '"no"', "fp32"])
def test_accelerates_word_for_full_precision(written, text):
    assert load(written(f"mixed_precision: {text}")).config.mixed_precision == "fp32"
    assert load("quickstart", [f"mixed_precision={text}"]).config.mixed_precision == "fp32"


@pytest.mark.parametrize("text", ["0", "yes", "fp8", "[no]"])
def test_other_words_for_precision_are_refused(text):
    assert "mixed_precision" in refusal("quickstart", [f"mixed_precision={text}"])


def test_null_gives_the_default_back():
    assert load("t4", ["warmup_steps=null", "warmup_ratio=0.1"]).config.warmup_steps is None
    words = ["data=a.csv", "label_map={a: 0, b: 1}"]
    assert load("quickstart", [*words, "label_map=null"]).config.label_map == {}
    assert load("quickstart", words, {"label_map": ""}).config.label_map == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: 1\ndata: a\nseed: 2\n", r"mine.yaml:3: seed is given twice \(first at mine.yaml:1\)"),
        ("label_map: {good: 1, good: 0}", "mine.yaml:1: cannot be read: a key is given twice"),
        ("- seed\n- 1\n", "mine.yaml:1: a recipe is a list of"),
        ("just words", "mine.yaml:1: a recipe is a list of"),
        ("seed: 1\nseed 2\n", r"mine.yaml:\d: not valid YAML"),
        ("seed: [1\n", r"mine.yaml:\d: not valid YAML"),
        ("data: a\n---\ndata: b\n", r"mine.yaml:2: not valid YAML"),
        ("1: 2\n", "mine.yaml:1: key 1 is not a word"),
        ("[a]: 2\n", "mine.yaml:1: "),
        ("data: !!python/object/apply:os.mkdir [owned]\n", "mine.yaml:1: cannot be read"),
        ("data: !!python/name:os.system\n", "mine.yaml:1: cannot be read"),
        ("data: !mine x\n", "mine.yaml:1: cannot be read"),
        ("a: &a {seed: 1}\n<<: *a\n", "mine.yaml:2: not valid YAML: an alias"),
        ("label_map: &a {x: *a}\n", "mine.yaml:1: "),
        ("seed: *nothing\n", "mine.yaml:1: not valid YAML"),
        ("run_name: 2024-13-45\n", "mine.yaml:1: "),
        (f"seed: {'9' * 5000}\n", "mine.yaml:1: "),
        (f"seed: 0x{'F' * 4000}\n", "mine.yaml:1: cannot be read: a number this large"),
        (f"data: {'[' * 300}{']' * 300}\n", "mine.yaml:1: "),
        (f"data: {'[' * 5000}{']' * 5000}\n", "mine.yaml: not valid YAML"),
        ("learning_rate: .nan\n", "mine.yaml:1: learning_rate: "),
        ("weight_decay: .inf\n", "mine.yaml:1: weight_decay: "),
        ('data: "\\ud800"\n', "mine.yaml:1: data: "),
        ("data: a\0b\n", "mine.yaml: not valid YAML"),
        (b"data: \xff\n", r"mine.yaml: not UTF-8 text \(byte 6\)"),
        ("x" * 1_000_001, "mine.yaml: larger than 1,000,000 bytes"),
    ],
)
def test_what_is_no_recipe_is_refused_with_its_place(written, tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=said) as caught:
        load(written(text))
    assert not (tmp_path / "owned").exists(), "a tag was executed"
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "text", ["seed", "=1", "label_map={a: 0, a: 1}", "data=[", "data=!!python/name:os.system", f"data={'[' * 3000}"]
)
def test_broken_override_is_refused(text):
    assert refusal("quickstart", [text]).startswith("-o: ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", '!!int ""'),
        ("learning_rate", '!!float ""'),
        ("data", "!!timestamp x"),
        ("freeze_embeddings", "!!bool x"),
    ],
)
def test_value_that_does_not_fit_its_tag_is_refused(written, key, value):
    said = "a value does not fit the type that is written before it"
    assert refusal("quickstart", [f"{key}={value}"]) == f"-o: the value of {key} is not valid YAML: {said}"
    assert refusal(written(f"\n{key}: {value}\n")) == f"mine.yaml:2: cannot be read: {said}"


def test_bomb_of_aliases_is_refused_in_no_time(written):
    levels = [f"&b{n} [{', '.join([f'*b{n - 1}'] * 9)}]" for n in range(1, 12)]  # 9^11 = 31 billion words
    lines = ["&b0 [boom]", *levels]
    text = "".join(f"k{n}: {line}\n" for n, line in enumerate(lines)) + "data: *b11\nlabel_map: {good: *b11}\n"
    start = time.monotonic()
    assert refusal(written(text)).endswith("mine.yaml:2: not valid YAML: an alias (*name) is not for configs")
    assert time.monotonic() - start < 2


def test_empty_file_and_byte_order_mark(written):
    assert load(written("")).config == load(written("# nothing\n")).config == DEFAULTS
    assert load(written(b"\xef\xbb\xbfseed: 5\n")).config.seed == 5


def test_endless_device_is_no_recipe(tmp_path):
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")  # its size says 0
    assert "larger than" in refusal(str(tmp_path / "zero.yaml"))


def test_folder_missing_file_and_misspelt_name(tmp_path):
    (tmp_path / "folder.yaml").mkdir()
    assert "cannot be read" in refusal(str(tmp_path / "folder.yaml"))
    assert "no such recipe file" in refusal(str(tmp_path / "none.yaml"))
    message = refusal("quikstart")
    assert "did you mean quickstart?" in message and ", ".join(recipe.names()) in message


def test_names_of_files_cannot_paint_the_terminal(written):
    message = refusal(written("seed: -1\n", "a\x1b[31m\nb.yaml"))
    assert "\x1b" not in message and "\\x1b[31m\\x0ab.yaml:1: seed" in message
    assert "\x1b" not in refusal("quick\x1b[31mstart")
    assert "\x1b" not in refusal("quickstart", ["\x1b[31m=1"])


def test_keys_of_the_recipes_data_go_with_its_data(written):
    text = "data: a.csv\nvalidation: v.csv\ntest: t.csv\ntext_column: words\nlabel_column: stars\n"
    name = written(text + "negative_max_rating: 4\npositive_min_rating: 7\nmax_length: 64\n")
    kept = load(name)
    assert kept.config.test == "t.csv" and kept.config.positive_min_rating == 7
    for loaded in (load(name, ["data=b.csv"]), load(name, (), {"data": "b.csv"})):
        for key in BOUND_TO_DATA:
            assert getattr(loaded.config, key) == getattr(DEFAULTS, key), key
        assert loaded.config.max_length == 64, "only what belongs to the data goes"
        assert loaded.origins["test"] == "default, as data is given"
    assert load(name, ["data=a.csv"]).config == kept.config, "the same data keeps them"
    given = load(name, ["data=b.csv", "text_column=mine"], {"test": "mine.csv"})
    assert given.config.text_column == "mine" and given.config.test == "mine.csv"
    assert given.config.validation is None


def test_one_way_to_say_warm_up_takes_the_recipes_other_back(written):
    name = written("warmup_steps: 5\n")
    loaded = load(name, ["warmup_ratio=0.1"])
    assert (loaded.config.warmup_steps, loaded.config.warmup_ratio) == (None, 0.1)
    assert loaded.origins["warmup_steps"] == "default, as warmup_ratio is given"
    assert load(name, ["warmup_ratio=null"]).config.warmup_steps == 5
    assert "both given" in refusal(written("warmup_steps: 5\nwarmup_ratio: 0.1\n"))


def test_one_way_to_say_the_batch_takes_the_recipes_other_back(written):
    loaded = load("t4", (), {"global_batch_size": 32})
    assert (loaded.config.gradient_accumulation_steps, loaded.config.global_batch_size) == (None, 32)
    assert loaded.origins["gradient_accumulation_steps"] == "default, as global_batch_size is given"
    assert batch_sizes(loaded.config, processes=2) == (2, 32)
    loaded = load("imdb", ["gradient_accumulation_steps=2"])
    assert (loaded.config.gradient_accumulation_steps, loaded.config.global_batch_size) == (2, None)
    assert load("imdb", ["gradient_accumulation_steps=null"]).config.global_batch_size == 32
    both = ["gradient_accumulation_steps=3", "global_batch_size=32"]
    in_a_file = written("gradient_accumulation_steps: 3\nglobal_batch_size: 32\n")
    for loaded in (load("t4", both), load("imdb", both), load(in_a_file)):
        with pytest.raises(ConfigError, match="global_batch_size 32 contradicts"):
            batch_sizes(loaded.config, processes=1)


def test_seed_leaves_room_for_the_number_of_the_process():
    """NumPy's seeds have 32 bits, and every process adds its own number."""
    assert load("quickstart", [f"seed={2**31 - 1}"]).config.seed + 1 + 10**6 < 2**32
    assert "seed: input should be less than 2147483648" in refusal("quickstart", [f"seed={2**31}"])


def test_bound_keys_are_keys():
    assert set(Config.model_fields) > BOUND_TO_DATA
    assert sorted(key for section in SECTIONS for key in keys_of(section)) == sorted(Config.model_fields)


@pytest.mark.parametrize("name", recipe.names())
def test_every_packaged_recipe_loads_and_comes_back(name, tmp_path):
    loaded = load(name)
    assert loaded.run_name == name
    path = tmp_path / "again.yaml"
    path.write_text(dump(loaded.config))
    assert load(str(path)).config == loaded.config


def test_run_name_is_the_recipes_name_made_fit_for_a_folder(written):
    assert load(written("seed: 1", "my run (2).yaml")).run_name == "my-run-2"
    assert load(written("seed: 1", "….yaml")).run_name == "run"
    for name in ("_x.yaml", "-_.x.yaml", "__.yaml", f"{'a' * 59}-b.yaml"):
        stem = load(written("seed: 1", name)).run_name
        assert Config(run_name=stem).run_name == stem, "the folder's config.yaml is a recipe too"
    assert load(written("run_name: other")).run_name == "other"


def test_run_on_other_data_than_the_recipes_is_named_by_it_too():
    assert load("t4", [], {"data": "in/my reviews.csv"}).run_name == "t4-my-reviews"
    assert load("t4", ["data=hub:a/b"]).run_name == "t4-b"
    assert load("t4", ["run_name=mine"], {"data": "a.csv"}).run_name == "mine"
    assert load("t4", ["seed=3"]).run_name == "t4"
    longest = load("t4", [], {"data": "x" * 99}).run_name
    assert Config(run_name=longest).run_name == longest


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
TRAPS = st.sampled_from(
    [
        "no",
        "null",
        "~",
        "1e5",
        "1e-6",
        ".5",
        "0x1F",
        "yes",
        "On",
        "off",
        "true",
        "FALSE",
        "1",
        "1.0",
        "2024-01-01",
        "1:30",
        "a: b",
        "# x",
        "=",
        "<<",
        "a\nb",
        "\x85",
        "\u2028x",
        "\ufeff",
        "a\r",
    ]
)
TEXT = st.one_of(WORDS, TRAPS)
NUMBERS = st.floats(1e-12, 0.999, exclude_min=True)


def distinct(**values) -> Config:
    """A Config whose sources are not the same rows."""
    sources = [values[key] for key in ("data", "validation", "test") if values[key] is not None]
    assume(len(set(sources)) == len(sources))
    return Config(**values)


CONFIGS = st.builds(
    distinct,
    data=TEXT,
    validation=st.none() | TEXT,
    test=st.none() | TEXT,
    text_column=st.none() | TEXT,
    label_map=st.dictionaries(TEXT, st.sampled_from([0, 1]), max_size=4),
    validation_fraction=NUMBERS,
    max_train_samples=st.none() | st.integers(2, 10**12),
    learning_rate=NUMBERS,
    warmup_ratio=st.none() | NUMBERS,
    num_train_epochs=st.floats(1e-3, 1e6),
    max_grad_norm=st.none() | NUMBERS,
    mixed_precision=st.sampled_from(["auto", "fp32", "fp16", "bf16"]),
    freeze_embeddings=st.booleans(),
    seed=st.integers(0, 2**31 - 1),
    run_name=st.none() | st.sampled_from(["1e5", "2E3", "0x1F", "007", "1_000", "no", "null", "2024-01-01", "a.b-c"]),
)


@pytest.fixture(scope="module")
def again(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("dumped") / "config.yaml"


@settings(max_examples=60)
@given(config=CONFIGS)
def test_dumped_config_reloads_as_itself(again, config):
    text = dump(config)
    again.write_text(text, "utf-8", newline="")
    assert load(str(again)).config == config
    assert set(yaml.safe_load(text)) == set(Config.model_fields), "every key is written"


def test_config_cannot_be_changed_after_the_check():
    with pytest.raises(ValueError, match="frozen"):
        DEFAULTS.seed = 1  # type: ignore[misc]


@pytest.mark.parametrize("key", ["max_steps", "learning_rate", "warmup_steps", "seed", "max_grad_norm"])
@pytest.mark.parametrize("word", ["true", "False", "no", "yes"])
def test_true_and_no_are_no_numbers(key, word):
    with pytest.raises(ConfigError, match=f"{key}: input should be a (valid )?(number|integer)"):
        load("quickstart", [f"{key}={word}"])


@pytest.mark.parametrize(
    ("written_map", "read"),
    [
        ("{1: 0, 2: 1}", {"1": 0, "2": 1}),
        ("{-1: 0, 1.0: 1}", {"-1": 0, "1": 1}),
        ("{yes: 1, no: 0}", {"yes": 1, "no": 0}),
        ("{On: 1, off: 0}", {"On": 1, "off": 0}),
        ("{true: 1, False: 0}", {"true": 1, "false": 0}),
        ("{'1': 0, good: 1}", {"1": 0, "good": 1}),
    ],
)
def test_labels_are_words_however_yaml_reads_them(written, written_map, read):
    assert load(written(f"data: a.csv\nlabel_map: {written_map}\n")).config.label_map == read
    assert load("quickstart", ["data=a.csv", f"label_map={written_map}"]).config.label_map == read


def test_only_true_and_false_are_booleans(written):
    assert load(written("freeze_embeddings: true\n")).config.freeze_embeddings is True
    assert load(written("data: a.csv\ntext_column: yes\nlabel_column: off\n")).config.text_column == "yes"
    assert yaml.SafeLoader("").resolve(yaml.ScalarNode, "yes", (True, False)).endswith("bool"), "ours alone is changed"


def test_labels_and_cuts_take_the_place_of_the_others_in_a_recipe(written):
    cuts = written("data: a.csv\nnegative_max_rating: 2\npositive_min_rating: 4\n", "cuts.yaml")
    loaded = load(cuts, [], {"label_map": "{good: 1, bad: 0}"})
    assert loaded.config.label_map == {"good": 1, "bad": 0} and loaded.config.negative_max_rating is None
    assert loaded.origins["label_map"] == "--label-map"
    assert loaded.origins["positive_min_rating"] == "default, as label_map is given"
    words = written("data: a.csv\nlabel_map: {good: 1, bad: 0}\n", "words.yaml")
    loaded = load(words, ["negative_max_rating=2", "positive_min_rating=4"])
    assert loaded.config.label_map == {} and loaded.config.positive_min_rating == 4
    with pytest.raises(ConfigError, match="label_map and rating cuts are both given"):
        load(words, ["negative_max_rating=2", "positive_min_rating=4", "label_map={good: 1}"])


def test_key_without_effect_is_refused_where_only_some_are_accepted():
    with pytest.raises(ConfigError, match="learning_rate: no effect here") as caught:
        load("quickstart", ["seed=1", "learning_rate=1e-3"], accepted={"seed"})
    assert "keys that have: seed" in str(caught.value)
    with pytest.raises(ConfigError, match="did you mean seed"):  # a slip is told as a slip
        load("quickstart", ["seeed=1"], accepted={"seed"})


@pytest.mark.parametrize(
    "given", ["wandb,tensorboard", "wandb, tensorboard", "[wandb, tensorboard]", " [wandb,tensorboard] "]
)
def test_a_list_of_words_in_a_flag(given):
    """As docs and YAML write it."""
    loaded = load("quickstart", [], {"report_to": given})
    assert loaded.config.report_to == ("wandb", "tensorboard")


def test_brackets_are_of_a_list_or_of_a_word():
    assert load("quickstart", [], {"report_to": "[]"}).config.report_to == ()
    assert load("quickstart", ['wandb_tags="x[1]"']).config.wandb_tags == ("x[1]",)
    assert load("quickstart", ['wandb_tags="a]"']).config.wandb_tags == ("a]",)
    with pytest.raises(ConfigError, match="--report-to: input should be"):
        load("quickstart", [], {"report_to": "[wandb"})


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("wandb_project=a/b", "should be 1 to 128 characters without / \\ # ? % :, not 'a/b'"),
        ("wandb_group=a/b", "should be 1 to 128 characters without /, not 'a/b'"),
        (f"wandb_tags={65 * 'a'}", "should be 1 to 64 characters without a comma, not 'aaa"),
        ("run_name=-a", "should be letters, digits, ., _ and -, at most 100, with a letter or digit first, not '-a'"),
    ],
)
def test_a_name_that_cannot_be_is_told_without_a_regular_expression(override, words):
    with pytest.raises(ConfigError) as caught:
        load("quickstart", [override])
    assert words in caught.value.what and "pattern" not in caught.value.what
