"""The same training at any number of processes, under the real launcher (gloo on CPUs): rows, rates and updates to the
bit, losses, gradients and weights to rounding. And each classic fault, put in, is seen by the same comparison.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import accuracy_score, f1_score, log_loss, matthews_corrcoef, roc_auc_score

from sentiment_ft.proof.compare import TOLERANCES, Difference, compare
from tests import by_hand, launched
from tests.tiny import write_model, write_reviews

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("scale")]  # they look at the same trainings

# 130 rows: 104 to train are windows of 24, 24, 24, 24 and 8 rows, in micro-batches of 3. In the last one two processes
# take 3 + 2 and 3 + 0 rows, and four take 3, 3, 2 and 0.
WINDOWS = [24, 24, 24, 24, 8] * 2
PEAK = 2e-3
RATES = [PEAK * share for share in (1 / 3, 2 / 3, 1, 1, 6 / 7, 5 / 7, 4 / 7, 3 / 7, 2 / 7, 1 / 7)]  # 3 warm-up, 7 down
# Fewer rows than processes, one row, sizes that no micro-batch divides; by place in train.jsonl.
DRAW = np.random.default_rng(0)
UPDATES = [DRAW.permutation(60)[:size].tolist() for size in (24, 3, 1, 7, 13, 17, 24)]
OVERFLOWING = DRAW.permutation(60)[:24].tolist()
UPDATE_RATES = [PEAK * share for share in (1 / 3, 2 / 3, 1, 1, 3 / 4, 2 / 4, 1 / 4)]
JUDGED = (1, 2, 3, 5, 37)  # rows, in evaluation micro-batches of 4


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """Model and rows. Each rows-N.jsonl gives every process rows of one label only."""
    folder = tmp_path_factory.mktemp("scale")
    write_model(folder / "tiny")
    write_reviews(folder / "reviews.jsonl", 130)
    write_reviews(folder / "train.jsonl", 60, seed=2)
    write_reviews(folder / "validation.jsonl", 26, seed=3)
    texts = texts_of(write_reviews(folder / "judged.jsonl", max(JUDGED), seed=4))
    by_hand.write_loud_model(folder / "loud", texts)
    for number in JUDGED:
        lengths = [row["input_ids"].shape[1] for row in by_hand.encoded(folder / "loud", texts[:number], 128)]
        labels = np.empty(number, int)
        labels[np.argsort(-np.array(lengths), kind="stable")] = np.arange(number) // 4 % 2  # longest first, 4 a process
        rows = [{"text": text, "label": int(label)} for text, label in zip(texts, labels, strict=False)]
        (folder / f"rows-{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def texts_of(path: Path) -> list[str]:
    return [json.loads(line)["text"] for line in path.read_text().splitlines()]


def options(base: Path, output: Path, precision: str, *more: str) -> list[str]:
    """Of a training with dropout: ten updates, judged after the last."""
    given = f"--data {base}/reviews.jsonl --model {base}/tiny --epochs 2 --batch 3 --warmup-steps 3 -o eval_steps=10"
    return [*given.split(), *settings(precision, *more), "--output", str(output)]


def settings(precision: str, *more: str) -> list[str]:
    common = f"test=null mixed_precision={precision} learning_rate={PEAK} freeze_embeddings=false max_length=64"
    common += " global_batch_size=24 per_device_eval_batch_size=4 logging_steps=1 bootstrap_samples=100"
    return ["--quiet", *(word for setting in (*common.split(), *more) for word in ("-o", setting))]


class Jobs:
    """Commands that ran in one group of processes, in their folder."""

    def __init__(self, base: Path, name: str, processes: int, topology: str = "cpu_2proc") -> None:
        self.base, self.processes, self.topology = base, processes, topology
        self.folder = base / name
        self.folder.mkdir()
        self.jobs: list[dict] = []

    def train(self, name: str, precision: str = "fp64", *more: str, **job: object) -> None:
        self.jobs.append({
            "name": name, "argv": ["train", *options(self.base, self.folder / name, precision, *more)], **job
        })  # fmt: skip

    def train_on(self, name: str, rows: list[list[int]], precision: str = "fp64", **job: object) -> None:
        """Seven updates without dropout on chosen rows, in other micro-batches than other numbers of processes."""
        given = f"--data {self.base}/train.jsonl --validation {self.base}/validation.jsonl --model {self.base}/tiny"
        given += f" --batch {12 // self.processes} --warmup-steps 3 --output {self.folder / name}"
        more = "max_steps=7", "eval_steps=7", "hidden_dropout=0", "attention_dropout=0", "weight_decay=0.1"
        argv = ["train", *given.split(), *settings(precision, *more, "max_grad_norm=0.3")]
        self.jobs.append({"name": name, "argv": argv, "rows": rows, **job})

    def evaluate(self, rows: int) -> None:
        name = f"rows-{rows}"
        given = f"eval {self.base}/loud --data {self.base}/{name}.jsonl --batch 4 --precision fp32 --samples 100 -q"
        self.jobs.append({"name": name, "argv": [*given.split(), "--output", str(self.folder / name)]})

    def run(self) -> Jobs:
        (self.folder / "jobs.json").write_text(json.dumps(self.jobs))
        script = launched.SCRIPTS / "exact_jobs.py"
        argv = launched.alone(script, self.folder)
        if self.processes > 1:
            given = {"processes": self.processes, "topology": self.topology}
            argv = launched.accelerate_launch(script, self.folder, **given)
        done = launched.run(argv, self.folder)
        assert done.returncode == 0, done.stderr
        return self

    def seen(self, name: str) -> list[dict]:
        """What each process saw."""
        return [json.loads((self.folder / f"{name}.{rank}.json").read_text()) for rank in range(self.processes)]

    def rows(self, name: str) -> list[list[list[int]]]:
        """Of each update the rows of each process."""
        return list(map(list, zip(*(seen["rows"] for seen in self.seen(name)), strict=True)))

    def together(self, name: str) -> list[list[int]]:
        """Of each update the rows of all processes."""
        return [sorted(row for part in parts for row in part) for parts in self.rows(name)]

    def records(self, name: str, event: str = "train") -> list[dict]:
        lines = (self.folder / name / "metrics.jsonl").read_text().splitlines()
        return [record for record in map(json.loads, lines) if record["event"] == event]

    def against(self, reference: Jobs, name: str, reference_name: str | None = None) -> Difference:
        start = self.base / "tiny" / "model.safetensors"
        return compare(reference.folder / (reference_name or name), self.folder / name, start)


# By name: precision and more of the recipe.
TRAININGS = {
    "fp64": ("fp64",),
    "fp32": ("fp32",),
    "bf16": ("bf16",),
    "averaged": ("fp64", "average_share=0.1"),
    "released": ("fp64", "gradual_unfreezing_updates=3", "freeze_embeddings=true"),  # layers join at updates 3 and 6
}


@pytest.fixture(scope="module")
def alone(base) -> Jobs:
    jobs = Jobs(base, "alone", 1)
    for name, settings in TRAININGS.items():
        jobs.train(name, *settings)
    jobs.train_on("uneven", UPDATES)
    return jobs.run()


# What each fault of tests/scripts/exact_mutants.py changes, of the numbers that `compare` gives.
FAULTS = {
    "prepared_scheduler": "rates_equal",
    "mean_of_means": "loss",
    "gathered_duplicates": "evaluated_equal",
    "lost_epoch": "rows_equal",
    "repeated_rows": "rows_equal",
    "same_rows_everywhere": "rows_equal",
    "dropout_left_alone": "loss",
    "averaged_gradients": "grad_norm",
}
# Judged after every update, by a number of which no two are equal.
OFTEN = ("eval_steps=1", "metric_for_best_model=log_loss")
PATIENT = (*OFTEN, "early_stopping_patience=3")


@pytest.fixture(scope="module")
def two(base) -> Jobs:
    jobs = Jobs(base, "two", 2)
    for name, settings in TRAININGS.items():
        jobs.train(name, *settings)
    jobs.train_on("uneven", UPDATES)
    for fault in FAULTS:
        jobs.train(fault, fault=fault)
    jobs.train_on("uneven_mean_of_means", UPDATES, fault="mean_of_means")
    jobs.train("counted", count=True)
    jobs.train("counted_without_accumulation", count=True, fault="no_accumulation")
    jobs.train("agreed", "fp64", *PATIENT)
    jobs.train("agreed_on_other_scores", "fp64", *PATIENT, fault="other_scores")
    jobs.train("nobody_asked", "fp64", *OFTEN, fault="nobody_asked")
    jobs.train_on("overflow", [*UPDATES[:2], OVERFLOWING, *UPDATES[2:]], overflow=[3], scaler=True)
    for rows in JUDGED:
        jobs.evaluate(rows)
    return jobs.run()


@pytest.fixture(scope="module")
def four(base) -> Jobs:
    jobs = Jobs(base, "four", 4)
    for precision in ("fp64", "fp32"):
        jobs.train(precision, precision)
    jobs.train_on("uneven", UPDATES)
    for rows in JUDGED:
        jobs.evaluate(rows)
    return jobs.run()


@pytest.fixture
def jobs(request) -> Jobs:
    return request.getfixturevalue(request.param)


ANY_NUMBER = pytest.mark.parametrize("jobs", ["alone", "two", "four"], indirect=True)
SEVERAL = pytest.mark.parametrize("jobs", ["two", "four"], indirect=True)


@ANY_NUMBER
def test_rows_and_rates_of_each_update_are_those_worked_out_by_hand(jobs, alone):
    updates = jobs.rows("fp64")
    together = jobs.together("fp64")
    assert [len(rows) for rows in together] == WINDOWS
    for epoch in (together[:5], together[5:]):
        assert sorted(row for rows in epoch for row in rows) == list(range(104)), "every row once an epoch"
    assert not set(map(tuple, together[:5])) & set(map(tuple, together[5:])), "shuffled anew"
    assert together == alone.together("fp64"), "as in one process"
    assert [len(part) for part in updates[4]] == {1: [8], 2: [5, 3], 4: [3, 3, 2, 0]}[jobs.processes]
    records = jobs.records("fp64")
    assert [record["rows_digest"] for record in records] == list(map(by_hand.digest, together))
    assert [record["learning_rate"] for record in records] == pytest.approx(RATES, rel=1e-12)
    assert [record["update"] for record in records] == list(range(1, 11))


@pytest.mark.parametrize(
    ("jobs", "name", "limit"),
    [
        ("two", "fp64", 1e-10),
        ("two", "averaged", 1e-10),
        ("two", "released", 1e-10),
        ("two", "fp32", 1e-5),
        ("two", "bf16", 1e-4),
        ("four", "fp64", 1e-10),
        ("four", "fp32", 1e-5),
    ],
    indirect=["jobs"],
)
def test_several_processes_train_as_one(jobs, alone, name, limit):
    """Dropout is on: masks belong to a micro-batch, not to a process."""
    difference = jobs.against(alone, name)
    assert difference.updates == 10 and difference.weights <= limit, difference
    assert difference.within(TOLERANCES[TRAININGS[name][0]]), difference
    assert {seen["kind"] for seen in jobs.seen(name)} == {"MULTI_CPU"}


@pytest.mark.parametrize("fault", FAULTS)
def test_classic_faults_are_seen_by_the_same_comparison(two, alone, fault):
    difference = two.against(alone, fault, "fp64")
    assert not difference.within(TOLERANCES["fp64"]), difference
    found = getattr(difference, FAULTS[fault])
    assert found is False or found > 1e-3, difference


def test_the_command_itself_trains_as_one(base, alone):
    """Nothing between the launcher and the program."""
    folder = base / "command"
    folder.mkdir()
    argv = launched.accelerate_launch(launched.TRAIN, *options(base, folder / "run", "fp64"))
    done = launched.run(argv, folder)
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "run" / "summary.json").read_text())["processes"] == 2
    difference = compare(alone.folder / "fp64", folder / "run", base / "tiny" / "model.safetensors")
    assert difference.within(TOLERANCES["fp64"]), difference


@pytest.fixture(scope="module")
def plain_loop(base) -> by_hand.Trained:
    rows = [json.loads(line) for line in (base / "train.jsonl").read_text().splitlines()]
    return by_hand.train(base / "tiny", rows, UPDATES, UPDATE_RATES, max_length=64, decay=0.1, clip=0.3)


def beside(loop: by_hand.Trained, jobs: Jobs, name: str) -> dict[str, float]:
    """Largest relative differences; of the weights relative to the way they went."""
    records = jobs.records(name)
    start, ours = (load_file(path / "model.safetensors") for path in (jobs.base / "tiny", jobs.folder / name / "best"))
    moved = torch.cat([(loop.weights[key] - start[key]).flatten() for key in start])
    apart = torch.cat([(loop.weights[key] - ours[key]).flatten() for key in start])
    return {
        "loss": max(abs(record["loss"] / loss - 1) for record, loss in zip(records, loop.losses, strict=True)),
        "grad_norm": max(abs(record["grad_norm"] / norm - 1) for record, norm in zip(records, loop.norms, strict=True)),
        "weights": float(apart.norm() / moved.norm()),
    }


@ANY_NUMBER
def test_uneven_updates_are_those_of_a_plain_loop(jobs, plain_loop):
    """Down to one row for four processes, in micro-batches of 12, 6 and 3 rows."""
    assert jobs.together("uneven") == list(map(sorted, UPDATES))
    assert min(plain_loop.norms) < 0.3 < max(plain_loop.norms), "some are clipped"
    difference = beside(plain_loop, jobs, "uneven")
    assert max(difference.values()) < 1e-8, difference


def test_a_mean_of_means_is_not_the_plain_loop(two, plain_loop):
    difference = beside(plain_loop, two, "uneven_mean_of_means")
    assert difference["loss"] > 0.1 and difference["weights"] > 1e-3, difference


@pytest.fixture(scope="module")
def zero0(base) -> str:
    """A topology of one's own: DeepSpeed without ZeRO."""
    (base / "zero0.json").write_text('{"zero_optimization": {"stage": 0}}')
    ours = (launched.ROOT / "accelerate_configs" / "deepspeed_zero1.yaml").read_text()
    (base / "zero0.yaml").write_text(ours.replace("ds_configs/zero1.json", str(base / "zero0.json")))
    return str(base / "zero0.yaml")


@pytest.mark.parametrize("stage", ["0", "1", "2", "2_offload", "3"])
def test_zero_trains_as_one_process(base, alone, plain_loop, zero0, stage):
    """In fp32, which its master weights have. Under ZeRO 3 the best model is gathered from all: they must agree."""
    jobs = Jobs(base, f"zero{stage}", 2, zero0 if stage == "0" else f"deepspeed_zero{stage}")
    jobs.train("fp32", "fp32")
    jobs.train_on("uneven", UPDATES, "fp32")
    jobs.train("agreed_on_other_scores", "fp32", *PATIENT, fault="other_scores")
    jobs.run()
    for seen in jobs.seen("fp32"):  # Accelerate may drop DeepSpeed without a word
        assert seen["kind"] == "DEEPSPEED" and seen["stage"] == int(stage[0])
    difference = jobs.against(alone, "fp32")
    assert difference.within(TOLERANCES["fp32"]) and difference.weights <= 1e-5, difference
    from_loop = beside(plain_loop, jobs, "uneven")
    assert max(from_loop.values()) < 1e-4, from_loop
    assert agreed(jobs, "agreed_on_other_scores") and stopped_by_the_main_process(jobs, "agreed_on_other_scores")


@SEVERAL
@pytest.mark.parametrize("number", JUDGED)
def test_each_row_is_judged_once(jobs, number):
    """Also where there are fewer rows than processes; every process has rows of one label only."""
    rows = [json.loads(line) for line in (jobs.base / f"rows-{number}.jsonl").read_text().splitlines()]
    labels = np.array([row["label"] for row in rows])
    p_positive = by_hand.logits(jobs.base / "loud", [row["text"] for row in rows]).double().softmax(-1)[:, 1].numpy()
    for seen in jobs.seen(f"rows-{number}"):
        np.testing.assert_allclose(seen["p_positive"], p_positive, atol=1e-5)
    judged = jobs.folder / f"rows-{number}"
    written = [json.loads(line) for line in (judged / "predictions.jsonl").read_text().splitlines()]
    assert [line["id"] for line in written] == list(range(number))
    assert [line["label"] for line in written] == labels.tolist()
    scores = json.loads((judged / "judgement.json").read_text())["scores"]
    expected = {"accuracy": accuracy_score(labels, p_positive > 0.5)}
    expected["log_loss"] = log_loss(labels, np.stack([1 - p_positive, p_positive], 1), labels=[0, 1])
    if number == max(JUDGED):
        assert 0 < expected["accuracy"] < 1, "or the test shows little"
        expected["f1"] = f1_score(labels, p_positive > 0.5)
        expected["mcc"] = matthews_corrcoef(labels, p_positive > 0.5)
        expected["roc_auc"] = roc_auc_score(labels, p_positive)
    assert {name: scores[name] for name in expected} == pytest.approx(expected, abs=1e-5)


def agreed(jobs: Jobs, name: str) -> bool:
    """Whether all processes ended at the same update with the same best model."""
    states = [seen["state"] for seen in jobs.seen(name)]
    return all(state == states[0] for state in states)


def stopped_by_the_main_process(jobs: Jobs, name: str) -> bool:
    """Three evaluations after the best one; by the scores that the others see, each is the best so far."""
    best = min(jobs.records(name, "eval"), key=lambda record: record["eval_log_loss"])["update"]
    state = jobs.seen(name)[0]["state"]
    return state["best_update"] == best and state["update"] == best + 3 < 10


def test_all_processes_follow_the_decisions_of_the_main_one(two):
    for name in ("agreed", "agreed_on_other_scores"):
        assert agreed(two, name) and stopped_by_the_main_process(two, name)
    assert two.seen("agreed")[1]["p_positive"] != two.seen("agreed_on_other_scores")[1]["p_positive"]
    assert not agreed(two, "nobody_asked"), "or the test shows nothing"


@SEVERAL
def test_rows_are_tokenised_by_the_main_process_and_mapped_by_the_others(jobs):
    main, *others = jobs.seen("fp64")  # the first job, with an empty cache
    assert main["tokenised"] == 130 and [seen["tokenised"] for seen in others] == [0] * (jobs.processes - 1)
    assert len(list((jobs.folder / "cache").rglob("rows.arrow"))) == len(JUDGED) + 3
    if Path("/proc/self/maps").is_file():
        assert all(seen["mapped"] for seen in jobs.seen("fp64"))


def test_gradients_travel_once_an_update(two):
    """Ten updates, eight of four micro-batches a process and two of two: sent in each that would be 36, and once more
    for the longest, which is tried first.
    """
    assert [seen["reduces"] for seen in two.seen("counted")] == [10, 10]
    assert [seen["reduces"] for seen in two.seen("counted_without_accumulation")] == [37, 37]


def test_an_overflow_of_one_process_skips_the_update_of_all(two, plain_loop):
    """fp16's clock by torch's real GradScaler, but on the CPU and so not in fp16, which needs a GPU."""
    for seen in two.seen("overflow"):
        assert seen["applied"] == [True, True, False] + [True] * 5
        assert seen["scales"] == [2.0**16] * 2 + [2.0**15] * 6
        assert seen["rates"] == pytest.approx([*UPDATE_RATES[:2], UPDATE_RATES[2], *UPDATE_RATES[2:]], rel=1e-12)
    [skipped] = two.records("overflow", "skipped")
    assert skipped["update"] == 2 and sorted(skipped["ids"]) == sorted(OVERFLOWING)
    difference = beside(plain_loop, two, "overflow")
    assert difference["weights"] < 1e-8 and difference["grad_norm"] < 1e-8, "as if the skipped rows had never come"


@pytest.mark.parametrize("stage", ["2", "3"])
def test_an_overflow_under_zero_skips_the_update_of_all(base, plain_loop, stage):
    """In real fp16 under DeepSpeed's own scaler. It would end a run at a scale of 1 with an exception, which has no
    rows: here the clock ends it, after 20 in a row, with the rows and the loss scale of each.
    """
    jobs = Jobs(base, f"fp16-zero{stage}", 2, f"deepspeed_zero{stage}")
    rows = [*UPDATES[:2], OVERFLOWING, *UPDATES[2:]]
    jobs.train_on("overflow", rows, "fp16", overflow=[3], fp16=True)
    jobs.train_on("storm", rows, "fp16", overflow=list(range(2, 30)), fp16=True, code=5)
    jobs.run()
    for seen in jobs.seen("overflow"):
        assert seen["applied"] == [True, True, False] + [True] * 5
        assert seen["scales"] == [2.0**16] * 2 + [2.0**15] * 6
        assert seen["rates"] == pytest.approx([*UPDATE_RATES[:2], UPDATE_RATES[2], *UPDATE_RATES[2:]], rel=1e-12)
    [skipped] = jobs.records("overflow", "skipped")
    assert skipped["update"] == 2 and sorted(skipped["ids"]) == sorted(OVERFLOWING)
    difference = beside(plain_loop, jobs, "overflow")
    assert max(difference.values()) < 5e-2, "fp16 rounds to 3 decimals"
    assert [record["update"] for record in jobs.records("storm")] == [1]
    skipped = jobs.records("storm", "skipped")
    scales = [2.0**power for power in range(15, -1, -1)] + [1.0] * 4
    assert [record["loss_scale"] for record in skipped] == scales and all(record["ids"] for record in skipped)
