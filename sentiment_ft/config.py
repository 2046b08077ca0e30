"""Every knob of a run, in one flat, frozen table.

The keys keep the names that Hugging Face users know. Units and effect stand under each field; `recipe.py` reads
recipes and overrides into this table and says where each value came from. Numbers that depend on the rows or on the
number of processes are not stored: `run/sizes.py` derives them.
"""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

Precision = Literal["auto", "fp64", "fp32", "fp16", "bf16"]
Metric = Literal["accuracy", "f1", "precision", "recall", "mcc", "roc_auc", "average_precision", "log_loss"]
LOWER_IS_BETTER = frozenset({"log_loss"})
CLASS_NAMES = ("negative", "positive")  # of labels 0 and 1
# Beyond any machine, yet small enough that sizes derived from them are exact and memory is never asked for them.
MAX_BATCH = 2**20  # rows or micro-batches
MAX_UPDATES = 2**40
Tracker = Literal["wandb", "tensorboard"]
# What W&B takes as the name of a user, a group, a kind; of a project; as a tag. With the words for people.
_NAME, _PROJECT, _TAG = r"^[^/\x00-\x1f]{1,128}$", r"^[^/\\#?%:\x00-\x1f]{1,128}$", r"^[^\x00-\x1f,]{1,64}$"
_RUN_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
PATTERN_WORDS = {
    _NAME: "1 to 128 characters without /",
    _PROJECT: "1 to 128 characters without / \\ # ? % :",
    _TAG: "1 to 64 characters without a comma",
    _RUN_NAME: "letters, digits, ., _ and -, at most 100, with a letter or digit first",
}


def _precision_alias(value: Any) -> Any:
    """Accelerate writes full precision as `no`, which other YAML writers turn into false."""
    return "fp32" if value is False or value == "no" else value


def _label_words(value: Any) -> Any:
    """YAML reads the labels of {1: 0, 2: 1} and {true: 1} as numbers and booleans: the words that the data has. null is
    the default, no map.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        return value
    words: dict[Any, Any] = {}
    for key, label in value.items():
        word = key
        if isinstance(key, bool):
            word = str(key).lower()
        elif isinstance(key, int) or (isinstance(key, float) and key.is_integer()):
            word = str(int(key))
        if word in words:
            raise ValueError(f"gives the label {word} twice")
        words[word] = label
    return words


def _listed(value: Any) -> Any:
    """`none`, one word, several with commas between them, or a list, also as a flag's text: as people write it."""
    if value is None or value == "none":
        return ()
    if not isinstance(value, str):
        return value
    text = value.strip()
    text = text[1:-1].strip() if text.startswith("[") and text.endswith("]") else text
    return tuple(word.strip() for word in text.split(",")) if text else ()


def _rows_of(source: str | None) -> str | None:
    """One name for the same rows: of a file or folder its real path; any other source is its own."""
    if source is None or source.split(":")[0] in ("synthetic", "hub"):
        return source
    path = os.path.expanduser(source)
    return os.path.realpath(path) if os.path.exists(path) else source


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _yes_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """pydantic would take `true` for 1: max_steps: true is a slip, not one update."""
        if isinstance(value, bool) and set(
            get_args(kind := cls.model_fields[str(info.field_name)].annotation) or [kind]
        ) & {int, float}:
            raise ValueError(f"input should be a number, not {str(value).lower()}")
        return value


class DataConfig(_Frozen):
    """Which reviews, how they are labelled, and what is held out."""

    data: str = Field("synthetic", min_length=1)
    """`synthetic`, a csv/tsv/jsonl/parquet file, a folder of them, or `hub:NAME`: the rows to learn from."""
    validation: str | None = None
    """Rows to judge by during training, written like `data`. None: a part of `data` is held out."""
    test: str | None = None
    """Sealed rows, judged once with the best model after training and never used to choose. None: no test."""
    text_column: str | None = None
    """Column that holds the review. None: found by its name (text, sentence, review, ...)."""
    label_column: str | None = None
    """Column that holds the label. None: found by its name (label, sentiment, ...)."""
    label_map: Annotated[dict[str, Literal[0, 1]], BeforeValidator(_label_words)] = Field(default_factory=dict)
    """Label as written in the data -> 0 negative or 1 positive, for data that does not say pos/neg,
    negative/positive or 0/1.
    """
    negative_max_rating: float | None = None
    """Star ratings up to this are negative; ratings between the two cuts are rejected."""
    positive_min_rating: float | None = None
    """Star ratings from this on are positive."""
    max_rejected_share: float = Field(0.01, ge=0, le=1)
    """Share of bad rows that is tolerated; more stops the run."""
    validation_fraction: float = Field(0.2, gt=0, lt=1)
    """Share of `data` held out when `validation` is not given."""
    validation_split: Literal["stratified", "families"] = "stratified"
    """How it is held out: rows drawn per label, or whole template families that training never sees."""
    synthetic_rows: int = Field(3000, ge=10)
    """Rows that `synthetic` generates, half of each label; to judge by, and for `synthetic:held-out`, a fifth of it."""
    max_train_samples: int | None = Field(None, ge=2)
    """Train on this many rows only, drawn by seed. None: all."""
    max_validation_samples: int | None = Field(None, ge=2)
    """Judge on this many validation rows only, drawn by seed. None: all."""
    max_length: int = Field(256, ge=8)
    """Positions of the longest row, [CLS] and [SEP] included; longer rows are cut at the end."""


class ModelConfig(_Frozen):
    """Which encoder, and what of it is trained."""

    model_name_or_path: str = Field("bundled", min_length=1)
    """`bundled` (6-layer MiniLM BERT, no hub needed), a local folder, or a hub name such as bert-base-uncased."""
    freeze_embeddings: bool = False
    """Keep the embedding table as it is: saves its gradients and optimizer states, more than half of a small BERT."""
    gradual_unfreezing_updates: int = Field(0, ge=0)
    """Updates between releases: the head first, then one layer a time from the top, embeddings last. 0: all at once.
    Not under DeepSpeed.
    """
    hidden_dropout: float | None = Field(None, ge=0, lt=1)
    """Dropout of hidden states while training. None: as the model says (BERT: 0.1)."""
    attention_dropout: float | None = Field(None, ge=0, lt=1)
    """Dropout of attention weights while training. 0 lets the fused attention kernel run. None: as the model says
    (BERT: 0.1).
    """


class OptimizationConfig(_Frozen):
    """How the weights move."""

    learning_rate: float = Field(2e-5, gt=0, lt=1)
    """Peak learning rate, reached at the end of warm-up."""
    lr_scheduler_type: Literal["linear", "cosine", "constant"] = "linear"
    """Shape after warm-up: down to zero in a line or half a cosine, or flat."""
    warmup_steps: int | None = Field(None, ge=0)
    """Updates of warm-up. None: see warmup_ratio."""
    warmup_ratio: float | None = Field(None, ge=0, lt=1)
    """Warm-up as a share of all updates. None: 0."""
    weight_decay: float = Field(0.01, ge=0)
    """Decoupled decay of weight matrices; never of biases and LayerNorm."""
    adam_beta1: float = Field(0.9, ge=0, lt=1)
    adam_beta2: float = Field(0.999, ge=0, lt=1)
    adam_epsilon: float = Field(1e-8, gt=0)
    max_grad_norm: float | None = Field(1.0, gt=0)
    """Global gradient norm above which gradients are scaled down. None: no clipping."""
    average_share: float | None = Field(None, gt=0, le=0.5)
    """Judge and keep an average of the weights in place of those of the last update; its mean age as a share of the
    updates so far (0.1: a tenth). Steadier evaluations for 4 bytes a trained parameter. Not under DeepSpeed. None: no
    average.
    """
    num_train_epochs: float = Field(3.0, gt=0, le=1e6)
    """Passes over the training rows; may be a fraction. Without effect where max_steps is given."""
    max_steps: int | None = Field(None, ge=1, le=MAX_UPDATES)
    """Updates after which training ends, more or fewer than num_train_epochs makes (as in transformers). None: the
    epochs decide.
    """
    per_device_batch_size: int = Field(8, ge=1, le=MAX_BATCH)
    """Rows of one micro-batch on one process."""
    gradient_accumulation_steps: int | None = Field(None, ge=1, le=MAX_BATCH)
    """Micro-batches of one process summed into one update. None: derived from global_batch_size, else 1."""
    global_batch_size: int | None = Field(None, ge=1, le=MAX_BATCH)
    """Rows of one update = per_device_batch_size x gradient_accumulation_steps x processes. None: derived."""
    group_by_length: bool = True
    """Batch rows of similar length together (less padding); which rows share an update still changes every epoch."""
    mixed_precision: Annotated[Precision, BeforeValidator(_precision_alias)] = "auto"
    """auto: bf16 where the hardware has it, fp16 on older NVIDIA GPUs (T4, V100), else fp32 (or `no`). fp64 is slow and
    no better: for proofs such as `verify`.
    """
    gradient_compression: Literal["none", "fp16", "bf16"] = "none"
    """Number format in which several processes exchange gradients: 2 bytes each instead of 4, for slow networks. The
    training is no longer that of one process: in fp16 small gradients become 0, unless mixed_precision is fp16 too and
    scales them. bf16 needs GPUs. Not under DeepSpeed.
    """


class JudgingConfig(_Frozen):
    """When the model is judged, and by what."""

    eval_steps: int | None = Field(None, ge=1)
    """Updates between evaluations. None: at the end of each epoch."""
    per_device_eval_batch_size: int = Field(32, ge=1, le=MAX_BATCH)
    """Rows of one evaluation micro-batch on one process; changes speed and memory, not results."""
    metric_for_best_model: Metric = "accuracy"
    """The best model is the one with the best value of this on the validation rows; ties go to the lower log-loss."""
    early_stopping_patience: int | None = Field(None, ge=1)
    """Evaluations in a row without a better value after which training stops. None: never."""
    early_stopping_threshold: float = Field(0.0, ge=0)
    """How much better counts as better for early stopping."""
    bootstrap_samples: int = Field(1000, ge=100, le=100_000)
    """Resamples behind each 95% interval."""


class RunConfig(_Frozen):
    """Name, seed, logging."""

    run_name: str | None = Field(None, pattern=_RUN_NAME)
    """Name of the run and of its folder under runs/. None: the recipe's name."""
    seed: int = Field(42, ge=0, lt=2**31)
    """Seeds the split, the order of rows, the new head and dropout. Below 2^31: each process adds its number, and
    NumPy's seeds end at 2^32.
    """
    logging_steps: int = Field(10, ge=1)
    """Updates between lines in metrics.jsonl; the only time training numbers are read from the device."""
    save_steps: int | None = Field(None, ge=1)
    """Updates between checkpoints. None: by time, see save_seconds."""
    save_seconds: float | None = Field(60.0, ge=0)
    """Seconds between checkpoints, where save_steps is not given; more where saving is slow: it holds training up for a
    fiftieth of the time at most. None: only when the run is told to stop, and after the last update.
    """
    save_total_limit: int = Field(2, ge=1)
    """Checkpoints that are kept, the newest ones; of a finished run the last."""
    hang_seconds: float | None = Field(20.0, ge=5)
    """Seconds that a process may stand still in training (more where its steps are slow) before a watchdog says where
    it is and, when other processes wait for it or a launcher can start it again, ends the run. None: no watchdog.
    """
    skip_nonfinite_updates: bool = False
    """What becomes of an update whose loss or gradients are not finite (in fp16: beyond what a lower loss scale mends).
    False: the run stops before it is applied and says where the first such number came up. True: it is left out,
    counted and recorded; twenty in a row stop the run.
    """


class TrackingConfig(_Frozen):
    """Where else the numbers of metrics.jsonl are shown. null: as W&B's variables say (WANDB_MODE...)."""

    report_to: Annotated[tuple[Tracker, ...], BeforeValidator(_listed)] = ()
    """wandb, tensorboard, both (a list), or none."""
    wandb_mode: Literal["online", "offline", "disabled"] | None = None
    """offline: kept in the run folder, for `sentiment-ft sync`. None: WANDB_MODE, else online."""
    wandb_project: str | None = Field(None, pattern=_PROJECT)
    """None: WANDB_PROJECT, else sentiment-ft."""
    wandb_entity: str | None = Field(None, pattern=_NAME)
    """User or team. None: WANDB_ENTITY, else the one of the key."""
    wandb_group: str | None = Field(None, pattern=_NAME)
    """Runs that belong together, such as seeds. None: WANDB_RUN_GROUP."""
    wandb_job_type: str | None = Field(None, pattern=_NAME)
    """What kind of run. None: WANDB_JOB_TYPE, else train."""
    wandb_tags: Annotated[tuple[Annotated[str, Field(pattern=_TAG)], ...], BeforeValidator(_listed)] = ()
    """Words to find it by; none: WANDB_TAGS."""
    wandb_notes: str | None = Field(None, max_length=2000)
    """A longer description. None: WANDB_NOTES."""
    wandb_log_predictions: bool = True
    """Send a table of the worst predictions, with the texts of these reviews: 1,000 rows a judged part at most."""
    wandb_log_model: bool = False
    """Send the best model too, as an artifact with its lineage (4 bytes a parameter: 90 MB for the bundled one)."""


class Config(TrackingConfig, RunConfig, JudgingConfig, OptimizationConfig, ModelConfig, DataConfig):
    """The whole run. Flat on purpose: `-o key=value` and a recipe line are the same words."""

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        problems = []
        if self.warmup_steps is not None and self.warmup_ratio is not None:
            problems.append("warmup_steps and warmup_ratio are both given: keep one (set the other to null)")
        cuts = (self.negative_max_rating, self.positive_min_rating)
        if (cuts[0] is None) != (cuts[1] is None):
            problems.append("negative_max_rating and positive_min_rating belong together: give both")
        if cuts[0] is not None and cuts[1] is not None and cuts[0] >= cuts[1]:
            problems.append(f"negative_max_rating {cuts[0]:g} must be below positive_min_rating {cuts[1]:g}")
        if cuts[0] is not None and self.label_map:
            problems.append("label_map and rating cuts are both given: keep one")
        sources = {self.data, self.validation, self.test} - {None}
        asked = [
            key
            for key in ("text_column", "label_column", "label_map", "negative_max_rating")
            if getattr(self, key) not in (None, {})
        ]
        if asked and all(str(source).split(":")[0] == "synthetic" for source in sources):
            problems.append(f"{asked[0]} is given, and all rows are synthetic, which have no columns: where is data?")
        data, validation, test = map(_rows_of, (self.data, self.validation, self.test))
        if validation == data:
            problems.append(
                "validation and data are the same rows: leave out validation, and a part of data is held out"
            )
        if test is not None and test in (data, validation):
            other = "data" if test == data else "validation"
            problems.append(f"test and {other} are the same rows: a test set is rows that nothing else has seen")
        if problems:
            raise ValueError("; ".join(problems))
        return self


SECTIONS: tuple[type[_Frozen], ...] = (
    DataConfig,
    ModelConfig,
    OptimizationConfig,
    JudgingConfig,
    RunConfig,
    TrackingConfig,
)


def keys_of(section: type[_Frozen]) -> list[str]:
    """The keys of one section, in the order they are written."""
    return list(section.model_fields)
