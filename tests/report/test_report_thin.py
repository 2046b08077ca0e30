from hypothesis import given
from hypothesis import strategies as st

from sentiment_ft.report.thin import MOST, evenly, smoothed, thinned

POINTS = st.lists(st.floats(-1e6, 1e6), max_size=400).map(lambda values: list(enumerate(values)))


@given(POINTS, st.integers(4, 60))
def test_thinned_keeps_ends_and_extremes_in_order(points: list[tuple[float, float]], most: int) -> None:
    kept = thinned(points, most)
    assert len(kept) <= max(most, 0)
    assert kept == sorted(set(kept) & set(points)), "points of it, in their order"
    if points:
        assert kept[0] == points[0]
        assert kept[-1] == points[-1]
        assert min(y for _, y in kept) == min(y for _, y in points)
        assert max(y for _, y in kept) == max(y for _, y in points)


def test_a_spike_of_one_record_in_a_hundred_thousand_stays() -> None:
    points = [(float(n), 1.0) for n in range(100_000)]
    points[51_234] = (51_234.0, 9.0)
    kept = thinned(points)
    assert len(kept) <= MOST
    assert (51_234.0, 9.0) in kept


@given(POINTS, st.integers(2, 30))
def test_evenly_keeps_the_ends(points: list[tuple[float, float]], most: int) -> None:
    kept = evenly(points, most)
    assert len(kept) == min(most, len(points))
    assert points[:1] == kept[:1]
    assert points[-1:] == kept[-1:]


def test_smoothed_is_a_mean() -> None:
    assert smoothed([(0, 1.0), (1, 3.0), (2, 5.0), (3, 7.0)], 2) == [(0.5, 2.0), (1.5, 4.0), (2.5, 6.0)]
    assert smoothed([(0, 1.0)], 2) == []
    long = smoothed([(place, float(place)) for place in range(10_000)], 100)
    assert (len(long), long[0], long[-1]) == (MOST, (49.5, 49.5), (9949.5, 9949.5))
    spike = [(place, 1e20 if place == 50 else 1.0) for place in range(400)]
    assert smoothed(spike, 13)[-1] == (393.0, 1.0), "gone with its window"
