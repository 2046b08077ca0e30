"""The pairs that signatures propose; that they miss none is tested against brute force in test_overlap."""

from __future__ import annotations

import pytest

from sentiment_ft.data.minhash import HASHES, MIN_RECALL, band_rows


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8, 0.95, 1.0])
def test_bands_keep_the_promised_recall(threshold):
    rows = band_rows(threshold)
    assert HASHES % rows == 0
    assert 1 - (1 - threshold**rows) ** (HASHES // rows) >= MIN_RECALL
