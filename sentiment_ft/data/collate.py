"""Rows to one padded micro-batch on the device: the only copy of input data in the loop.

B rows, T positions of the longest row.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from sentiment_ft.data.prepare import Part


def collate(part: Part, indices: NDArray[np.int64], pad_id: int, device: torch.device) -> dict[str, torch.Tensor]:
    """{input_ids (B, T), attention_mask (B, T), labels (B,)}, padded to the longest of these rows.

    One buffer, pinned and copied without blocking when the device is a GPU.
    """
    rows = [part.input_ids(int(index)) for index in indices]
    longest = max(map(len, rows))
    packed = np.zeros((2 * len(rows), longest + 1), np.int64)  # ids with labels in the last column; then the mask
    ids, mask = packed[: len(rows)], packed[len(rows) :]
    ids[:, :longest] = pad_id
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = 1
    ids[:, longest] = part.labels[indices]
    tensor = torch.from_numpy(packed)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    tensor = tensor.to(device, non_blocking=True)
    return {
        "input_ids": tensor[: len(rows), :longest],
        "attention_mask": tensor[len(rows) :, :longest],
        "labels": tensor[: len(rows), longest],
    }
