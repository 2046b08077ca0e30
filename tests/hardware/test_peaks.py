"""Peaks by name, and the share of one that is used."""

from __future__ import annotations

import pytest

from sentiment_ft.hardware.peaks import mfu, peak_flops


@pytest.mark.parametrize(
    ("name", "precision", "tera"),
    [
        ("Tesla T4", "fp16", 65),
        ("Tesla T4", "fp32", 8.1),
        ("Tesla V100-SXM2-16GB", "fp16", 125),
        ("Tesla V100-PCIE-16GB", "fp16", 112),
        ("NVIDIA A100-SXM4-80GB", "bf16", 312),
        ("NVIDIA A10G", "bf16", 70),
        ("NVIDIA A10", "bf16", 125),
        ("NVIDIA L4", "bf16", 121),
        ("NVIDIA H100 80GB HBM3", "bf16", 989),
        ("NVIDIA H100 PCIe", "bf16", 756),
        ("NVIDIA GeForce RTX 4090", "bf16", 165.2),
    ],
)
def test_known_devices(name, precision, tera):
    assert peak_flops(name, precision) == pytest.approx(tera * 1e12)


@pytest.mark.parametrize(
    ("name", "precision"),
    [("NVIDIA L40S", "bf16"), ("NVIDIA T400", "fp16"), ("AMD EPYC", "fp32"), ("NVIDIA A100", "fp64"), ("", "fp16")],
)
def test_of_others_nothing_is_said(name, precision):
    assert peak_flops(name, precision) is None


def test_share_of_the_peak():
    """BERT-base (85.6 M weights of matrices) at 60,000 real tokens a second on an A100: 6 x 85.6e6 x 6e4 / 312e12."""
    assert mfu(85_600_000, 60_000, 312e12) == pytest.approx(0.0988, abs=1e-4)
