import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colors, image
from matplotlib.figure import Figure
from matplotlib.text import Text

from sentiment_ft.errors import OutputError
from sentiment_ft.judge.scores import expected_calibration_error
from sentiment_ft.track import canvas, judgement_plots, plots
from sentiment_ft.track.numbers import interval, number


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """Every figure by the name of its file, kept while the pictures are written as usual."""
    kept = {}

    def keep(figure, path: Path) -> Path:
        kept[path.name] = figure
        return canvas.save(figure, path)

    monkeypatch.setattr(plots, "save", keep)
    monkeypatch.setattr(judgement_plots, "save", keep)
    return kept


def record(event: str, update: int, **values: float) -> dict:
    return {"event": event, "update": update, "epoch": update / 100, **values}


def training(updates: int) -> list[dict]:
    return [record("train", u, loss=0.7 * 0.99**u, learning_rate=1e-5 * u) for u in range(10, updates + 1, 10)]


def texts(figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def size(path: Path) -> tuple[int, int]:
    height, width = image.imread(path).shape[:2]
    return width, height


def test_training_plots_show_the_records(tmp_path, figures) -> None:
    scores = {"eval_accuracy": 0.9, "eval_f1": 0.85, "eval_log_loss": 0.3}
    judged = [
        record("eval", 100, best=False, **scores),
        record("eval", 200, best=True, **{**scores, "eval_accuracy": 0.95}),
    ]
    paths = plots.training_plots([*training(200), *judged], tmp_path / "new")
    assert [path.name for path in paths] == ["loss.png", "metrics.png"]
    assert all(size(path)[0] == 1200 for path in paths)
    loss, rate = figures["loss.png"].axes
    assert loss.lines[0].get_xdata().tolist() == list(range(10, 201, 10))
    assert loss.lines[1].get_ydata().tolist() == [0.3, 0.3]
    assert rate.lines[0].get_ydata()[-1] == pytest.approx(2e-3)
    assert "highest 2.00e-03" in texts(figures["loss.png"])
    assert "best at epoch 2: accuracy 0.950" in texts(figures["metrics.png"])
    assert [line.get_ydata().tolist() for line in figures["metrics.png"].axes[0].lines[:2]] == [
        [0.9, 0.95],
        [0.85, 0.85],
    ]
    assert list((tmp_path / "new").glob("*.part")) == []


@pytest.mark.filterwarnings("error::UserWarning")
def test_training_plots_of_next_to_nothing(tmp_path, figures) -> None:
    assert plots.training_plots([], tmp_path) == []
    perfect = [record("eval", 100, eval_accuracy=1.0, eval_f1=1.0, eval_precision=1.0, eval_recall=None, best=True)]
    assert [path.name for path in plots.training_plots(perfect, tmp_path)] == ["metrics.png"]
    low, high = figures["metrics.png"].axes[0].get_ylim()
    assert low < 0.99 and high > 1
    assert "recall" not in texts(figures["metrics.png"])
    one = [record("train", 10, loss=0.6, learning_rate=0.0)]
    assert [path.name for path in plots.training_plots(one, tmp_path)] == ["loss.png"]
    lost = [record("train", 10, loss=float("nan"), learning_rate=1e-5)]
    assert [path.name for path in plots.training_plots(lost, tmp_path)] == ["loss.png"]


def test_lines_of_equal_values_all_stay_visible(tmp_path, figures) -> None:
    judged = [record("eval", update, **dict.fromkeys(plots.SHARES, 0.9 + update / 10_000)) for update in (100, 200)]
    plots.training_plots(judged, tmp_path)
    box = figures["metrics.png"].axes[0].get_window_extent()
    inside = image.imread(tmp_path / "metrics.png")[:, int(box.x0) : int(box.x1), :3]
    for color in plots.SHARES.values():
        assert (np.abs(inside - colors.to_rgb(color)).max(axis=2) < 0.01).sum() > 200, color


def test_accuracy_has_its_interval_where_it_is_recorded(tmp_path, figures) -> None:
    ends = [(0.8, 0.95), (None, None), (0.9, 1.0)]
    judged = [
        record("eval", 100 * place, eval_accuracy=0.9, eval_accuracy_low=low, eval_accuracy_high=high, best=place == 3)
        for place, (low, high) in enumerate(ends, 1)
    ]
    plots.training_plots(judged, tmp_path)
    axes = figures["metrics.png"].axes[0]
    (bars,) = axes.containers
    drawn = [segment.tolist() for segment in bars[2][0].get_segments()]
    assert drawn == [[[1, pytest.approx(0.8)], [1, pytest.approx(0.95)]], [[3, pytest.approx(0.9)], [3, 1.0]]]
    assert axes.get_ylim()[0] < 0.8 and "bars: the 95% interval" in texts(figures["metrics.png"])
    (best,) = [note for note in axes.texts if note.get_text() == "best"]
    assert best.get_window_extent().x1 < axes.bbox.x1
    plots.training_plots([record("eval", 100, eval_accuracy=0.9)], tmp_path)
    assert not figures["metrics.png"].axes[0].containers and "95%" not in texts(figures["metrics.png"])


@pytest.mark.parametrize("peak", [0, 3, 10, 20])
def test_learning_rate_is_read_without_a_factor_and_its_peak_stands_above_it(tmp_path, figures, peak: int) -> None:
    rates = [1e-4 * (1 - abs(place - peak) / 21) for place in range(21)]
    updates = range(100, 310, 10)  # the first place is not update 0
    plots.training_plots(
        [record("train", u, loss=1.0, learning_rate=r) for u, r in zip(updates, rates, strict=True)], tmp_path
    )
    axes = figures["loss.png"].axes[1]
    (note,), (line,) = axes.texts, axes.lines
    box = note.get_window_extent()
    assert note.get_text() == "highest 1.00e-04"
    assert not line.get_path().transformed(line.get_transform()).intersects_bbox(box, filled=False)
    assert axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 and box.y1 <= axes.bbox.y1
    ticks = [label.get_text() for label in axes.get_yticklabels()]
    assert {"0", "1.0e-04"} <= set(ticks) and axes.yaxis.get_offset_text().get_text() == ""
    assert not axes.collections, "an area would begin with a wall at the first record"


def test_names_of_lines_never_overlap(tmp_path, figures) -> None:
    for value in (1.0, 0.5, 0.99):
        plots.training_plots([record("eval", 100, **dict.fromkeys(plots.SHARES, value))], tmp_path)
        figure = figures["metrics.png"]
        boxes = [note.get_window_extent() for note in figure.axes[0].texts if re.search(r"\d\.\d{3}$", note.get_text())]
        assert len(boxes) == 4
        tops = sorted(boxes, key=lambda box: -box.y1)
        assert all(upper.y0 >= lower.y1 for upper, lower in itertools.pairwise(tops))
        assert tops[-1].y0 > 0 and max(box.x1 for box in boxes) <= 1200


def test_confusion_counts_and_shares(tmp_path, figures) -> None:
    labels, p = [0, 0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.9, 0.8, 0.7]
    judgement_plots.judgement_plots(labels, p, tmp_path, "validation")
    shown = [text.get_text() for text in figures["confusion.png"].axes[0].texts]
    assert shown == [
        "3",
        "75.0% of negative rows",
        "1",
        "25.0% of negative rows",
        "0",
        "0.0% of positive rows",
        "2",
        "100.0% of positive rows",
    ]
    assert "validation: 1 of 6 calls are wrong" in texts(figures["confusion.png"])


def test_reliability_of_the_surest_shows_whole_dots_and_only_gaps_that_can_be_seen(tmp_path, figures) -> None:
    judgement_plots.judgement_plots([0, 1] * 700, [0.0008, 0.9992] * 700, tmp_path, "sure", prefix="test_")
    top, bottom = figures["test_reliability.png"].axes
    legend = [text.get_text() for text in top.get_legend().get_texts()]
    assert legend == ["perfectly calibrated", "model"] and not top.collections
    assert "calibration error 0.0008" in texts(figures["test_reliability.png"])  # as the tables print it
    radius = top.lines[1].get_markersize() / 2 * canvas.DPI / 72
    x, y = top.transData.transform((0.9992, 1))
    assert x + radius <= top.bbox.x1 and y + radius <= top.bbox.y1
    assert {"0", "1,600"} <= {label.get_text() for label in bottom.get_yticklabels()}
    judgement_plots.judgement_plots([0, 1] * 5, [0.1, 0.9] * 5, tmp_path, "modest")
    assert "gap of the bin" in [text.get_text() for text in figures["reliability.png"].axes[0].get_legend().get_texts()]


def test_curves_and_reliability_show_the_scores(tmp_path, figures) -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 300)
    p = np.round(1 / (1 + np.exp(-(generator.normal(0, 2, 300) + 3 * labels - 1.5))), 2)
    paths = judgement_plots.judgement_plots(labels, p, tmp_path, "validation")
    assert [path.name for path in paths] == ["confusion.png", "curves.png", "reliability.png"]
    assert all(size(path)[0] == 1200 for path in paths)
    pairs = p[labels == 1][:, None] - p[labels == 0][None, :]
    assert f"AUC {((pairs > 0) + (pairs == 0) / 2).mean():.3f}" in texts(figures["curves.png"])
    error = expected_calibration_error(labels, p)
    assert f"calibration error {error:.4f}" in texts(figures["reliability.png"])
    bars = figures["reliability.png"].axes[1].patches
    assert sum(bar.get_height() for bar in bars) == 300


@pytest.mark.filterwarnings("error::UserWarning")
def test_perfect_scores_and_one_label(tmp_path, figures) -> None:
    perfect = judgement_plots.judgement_plots([0, 1] * 5, [0.0, 1.0] * 5, tmp_path, "perfect")
    assert len(perfect) == 3
    roc = figures["curves.png"].axes[0].lines[1]
    assert {(0.0, 1.0), (0.0, 0.0), (1.0, 1.0)} == set(zip(*roc.get_data(), strict=True))
    assert not roc.get_clip_on()  # the corner would be cut through the middle of the line
    assert "AUC 1.000" in texts(figures["curves.png"])
    one = judgement_plots.judgement_plots([1, 1], [0.2, 0.9], tmp_path / "one", "one")
    assert [path.name for path in one] == ["confusion.png", "reliability.png"]
    assert "no negative rows" in texts(figures["confusion.png"])
    with pytest.raises(ValueError, match="not empty"):
        judgement_plots.judgement_plots([], [], tmp_path, "none")


@pytest.mark.parametrize("title", [r"$\frac{", "cost $5 and $x^{2", "a\nb\x1b[31m\u202e", "x" * 500, r"\alpha % #"])
def test_titles_of_users_are_text(tmp_path, figures, title: str) -> None:
    judgement_plots.judgement_plots([0, 1], [0.2, 0.9], tmp_path, title)
    figure = figures["confusion.png"]
    subtitle = figure.texts[1]
    assert subtitle.get_window_extent().x1 <= 1200
    assert "\n" not in subtitle.get_text() and "\x1b" not in subtitle.get_text()
    assert subtitle._preprocess_math(subtitle.get_text())[1] is False  # not read as a formula
    assert subtitle.get_text().endswith("0 of 2 calls are wrong")
    reliability = figures["reliability.png"].texts[1]
    assert reliability.get_text().endswith("calibration error 0.1500") and reliability.get_window_extent().x1 <= 1200


def test_length_plot_counts_every_row_and_the_cut_share(tmp_path, figures) -> None:
    lengths = np.array([10] * 70 + [256] * 20 + [257] * 9 + [100_000])
    path = plots.length_plot(lengths, 256, tmp_path)
    assert size(path)[0] == 1200
    axes = figures["lengths.png"].axes[0]
    assert sum(bar.get_height() for bar in axes.patches) == 100
    found = {}
    for bar in axes.patches:
        name = colors.to_hex(bar.get_facecolor()).upper()
        found[name] = found.get(name, 0) + bar.get_height()
    assert found == {canvas.BLUE: 90, canvas.ORANGE: 10}
    # 256 and 257 share a bar: the cut rows stand on the others and do not hide them.
    assert [bar.get_y() for bar in axes.patches if bar.get_height() == 9] == [20]
    assert "10.0% are longer than 256" in texts(figures["lengths.png"])
    assert axes.texts[0].get_text() == "max_length 256\n10 rows cut"
    plots.length_plot(lengths, 257, tmp_path)
    assert figures["lengths.png"].axes[0].texts[0].get_text() == "max_length 257\n1 row cut"
    plots.length_plot(lengths[:-1], 257, tmp_path)
    assert figures["lengths.png"].axes[0].texts[0].get_text() == "max_length 257"
    assert "counted in the last bar" in axes.get_xlabel()
    assert axes.get_xlim()[1] < 2000


def test_length_plot_of_short_and_of_no_rows(tmp_path, figures) -> None:
    plots.length_plot(np.array([7] * 9), 256, tmp_path)
    shown = texts(figures["lengths.png"])
    assert "none is cut" in shown and "nothing is cut" in shown and "longer than" not in shown
    with pytest.raises(ValueError, match="no rows"):
        plots.length_plot(np.array([], dtype=np.int64), 256, tmp_path)


def test_drawing_leaves_no_global_figure(tmp_path) -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    plots.training_plots(training(30), tmp_path)
    assert pyplot.get_fignums() == before


def test_numbers_for_people() -> None:
    assert [number(value) for value in (0.9128, 1, 0.9996, 0.0, 2.3e-5, None)] == [
        "0.913",
        "1.000",
        "0.999+",
        "0.000",
        "2.3e-05",
        "–",
    ]
    assert interval([0.99364, 1.0]) == "0.9936 to 1.0000"
    assert interval(None) == "–"


def test_a_picture_that_cannot_be_written_is_one_line(tmp_path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        plots.training_plots(training(20), tmp_path / "file")
