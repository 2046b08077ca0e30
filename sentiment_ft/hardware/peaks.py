"""What known GPUs compute at most, by their datasheets: dense matrix products, no sparsity, sums in fp32.

MFU, the share of it that training uses, counts 6 operations for each weight of a matrix and real token: 2 forward, 4
backward (Kaplan et al. 2020, arXiv:2001.08361, 2.1). What attention computes between tokens is left out: 5% for
BERT-base at 256 tokens; so are padding and the embedding tables, which are looked up.
"""

from __future__ import annotations

# TFLOP/s of a GPU by its name in torch: (fp16 and bf16 on tensor cores, fp32). NVIDIA's datasheets: T4 (2019), V100
# (2020), A10 (2021), L4 (2023), A100 (2021), H100 (2023), H200 (2024); the GeForce ones from the Ampere and Ada
# whitepapers. More exact names first.
_PEAKS = (
    ("H200", 989.0, 67.0), ("H100 PCIe", 756.0, 51.0), ("H100 NVL", 835.0, 60.0), ("H100", 989.0, 67.0),
    ("A100", 312.0, 19.5), ("V100-PCIE", 112.0, 14.0), ("V100", 125.0, 15.7), ("A10G", 70.0, 35.0),
    ("A10", 125.0, 31.2), ("L4", 121.0, 30.3), ("T4", 65.0, 8.1),
    ("RTX 3090", 71.0, 35.6), ("RTX 4090", 165.2, 82.6),
)  # fmt: skip
OPERATIONS = 6  # a weight and token


def peak_flops(name: str, precision: str) -> float | None:
    """Operations a second; None for a device or precision that the table does not know."""
    words = name.replace("-", " ").split()
    for known, half, single in _PEAKS:
        wanted = known.replace("-", " ").split()
        if any(_stands_at(words, place, wanted) for place in range(len(words))):
            found = {"fp16": half, "bf16": half, "fp32": single}.get(precision)
            return None if found is None else found * 1e12
    return None


def _stands_at(words: list[str], place: int, wanted: list[str]) -> bool:
    return [word.upper() for word in words[place : place + len(wanted)]] == [word.upper() for word in wanted]


def mfu(weights: int, real_tokens_per_s: float, peak: float) -> float:
    """weights: of matrices, without embedding tables. peak: of all devices together. Over 1 says that a number of these
    is wrong.
    """
    return OPERATIONS * weights * real_tokens_per_s / peak
