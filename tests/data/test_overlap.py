import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_ft.data import overlap as module
from sentiment_ft.data.minhash import SHORT_WORDS
from sentiment_ft.data.overlap import overlap

LONG = "this is a long enough review of a rather slow film with one good actor and many bad lines in it"


def brute_force(train, validation, threshold):
    """The definition, pair by pair."""

    def grams(text):
        words = module._WORD.findall(text.lower())
        return (
            len(words) < SHORT_WORDS,
            (set(words) if len(words) < SHORT_WORDS else {tuple(words[n : n + 3]) for n in range(len(words) - 2)}),
            words,
        )

    sides = [grams(text) for text in train]
    exact = near = 0
    for short, own, words in map(grams, validation):
        if words and any(words == other for _, _, other in sides):
            exact += 1
        elif words and any(s == short and len(own & o) >= threshold * len(own | o) for s, o, _ in sides if o):
            near += 1
    return exact, near


def test_exact_ignores_case_and_punctuation():
    found = overlap(["Bad!", LONG], ["bad .", LONG.upper() + "!!", "good"])
    assert (found.rows, found.exact, found.near) == (3, 2, 0)
    assert (found.examples[0].train, found.examples[0].validation, found.examples[0].similarity) == (
        "Bad!",
        "bad .",
        1.0,
    )


def test_near_long_and_short():
    assert overlap([LONG + " today"], [LONG]).near == 1
    assert overlap([LONG.replace("slow", "fast").replace("good", "poor").replace("many", "no")], [LONG]).near == 0
    assert overlap(["a truly great film"], ["truly a great, great film"]).near == 1
    assert overlap(["the movie was wonderful"], ["the movie was terrible"]).near == 0


def test_one_training_text_may_be_exact_to_one_row_and_near_to_another():
    found = overlap([LONG], [LONG, LONG + " today"])
    assert (found.exact, found.near) == (1, 1)


def test_rows_are_counted_once_and_exact_goes_first():
    found = overlap([LONG + " today", LONG, LONG], [LONG, LONG])
    assert (found.exact, found.near) == (2, 0)
    assert len(found.examples) == 1


@pytest.mark.parametrize(("train", "validation"), [([], ["a"]), (["a"], []), (["!!!", ""], ["...", ""]), ([], [])])
def test_nothing_in_common(train, validation):
    found = overlap(train, validation)
    assert (found.rows, found.exact, found.near) == (len(validation), 0, 0)


@given(st.lists(st.text("ab .", max_size=30), max_size=12), st.lists(st.text("ab .", max_size=30), max_size=12))
def test_never_a_false_positive(train, validation):
    found, (exact, near) = overlap(train, validation), brute_force(train, validation, 0.8)
    assert found.exact == exact and found.near <= near


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8, 0.9])
def test_recall_against_brute_force(threshold):
    """Texts with a few words changed, so that similarities lie around the threshold."""
    draw = random.Random(5)
    words = [f"w{number}" for number in range(400)]
    train = [" ".join(draw.choices(words, k=draw.randint(3, 120))) for _ in range(400)]
    validation = []
    for text in train[:300]:
        changed = text.split()
        for _ in range(draw.randint(1, 5)):
            changed[draw.randrange(len(changed))] = draw.choice(words)
        validation.append(" ".join(changed))
    found, (exact, near) = overlap(train, validation, threshold=threshold), brute_force(train, validation, threshold)
    assert near >= 10 and found.exact == exact
    assert near * 0.99 <= found.near <= near


def test_chunks_change_nothing(monkeypatch):
    train = [f"{LONG} number {number}" for number in range(40)] + ["short one"]
    validation = [LONG, f"{LONG} number 7", "Short one!", "other"]
    whole = overlap(train, validation)
    monkeypatch.setattr(module, "CHUNK_WORDS", 30)
    assert overlap(iter(train), validation) == whole
    assert (whole.exact, whole.near) == (2, 1)


@pytest.mark.parametrize("threshold", [0, -1, 1.5])
def test_thresholds_that_make_no_sense(threshold):
    with pytest.raises(ValueError, match="threshold"):
        overlap([], [], threshold=threshold)


def test_sst2_dev_against_train(shared_data):
    def texts(name):
        return [line.split("\t")[0] for line in (shared_data / "sst2" / name).read_text("utf-8").splitlines()[1:]]

    found = overlap(texts("train.tsv"), texts("dev.tsv"))
    assert (found.rows, found.exact, found.near) == (872, 2, 0)  # by brute force over all 58 million pairs
