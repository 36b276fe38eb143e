# SPDX-License-Identifier: Apache-2.0
"""Max-min selection against a plain torch transcription of its definition, and compaction against indexing.

Rows are made up: a grid of patches that change slowly along both axes, as features of a photograph do, or noise.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ... import prune
from ..case import Row, Subject, absent, installed

_SIZES = {"576x4096/k58": (24, 24, 4096, 58), "2880x4096/k288": (48, 60, 4096, 288)}


def rows() -> list[Row]:
    """List the rows."""
    found = []
    for name, size in _SIZES.items():
        large = size[0] > 24
        for dtype in ("float32", "bfloat16"):
            made = partial(select, *size, dtype)
            found.append(
                Row(f"prune.maxmin_select/{name}/{dtype}", op="prune.maxmin_select", make=made, large=large)
            )
    found.append(Row("prune.maxmin_select/2880x4096/noise", op="prune.maxmin_select", make=noise, large=True))
    found.append(Row("prune.maxmin_select/8x576x1024/k58", op="prune.maxmin_select", make=batch))
    found.append(Row("prune.compact_tokens/8x1024x1472/float32", op="prune.compact_tokens", make=compact))
    return found


def grid(height: int, width: int, d: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """Patches [height * width, d] that are mixtures of 48 directions with smooth weights, and a little noise."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((height, width, 48))
    for axis in (0, 1):
        for _ in range(3):
            weights = weights + np.roll(weights, 1, axis)
    x = np.maximum(weights, 0).reshape(-1, 48).astype(np.float32) @ rng.standard_normal((48, d), np.float32)
    return np.asarray(x + 0.3 * rng.standard_normal(x.shape, np.float32), np.float32)


def transcription(x: Any, k: int) -> Any:
    """Normalise, all distances, then one gather and minimum per pick: the definition in torch."""
    import torch

    unit = x / x.norm(dim=1, keepdim=True)
    distances = 1 - unit @ unit.T
    picks = torch.empty(k, dtype=torch.long)
    for step in range(k):
        if step == 0:
            nearest = torch.topk(distances, 2, dim=0, largest=False).values[1]
        else:
            nearest = distances[picks[:step]].amin(dim=0)
        picks[step] = torch.argmax(nearest)
    return picks


def select(height: int, width: int, d: int, k: int, dtype: str) -> Subject:
    """Keep a tenth of a grid of patches, in order of choice; bfloat16 with precision="input"."""
    if not installed("torch"):
        return Subject(lambda: None, missing=absent("torch"))
    import torch

    x = torch.from_numpy(grid(height, width, d)).to(getattr(torch, dtype))
    return Subject(
        lambda: prune.maxmin_select(x, k, order="pick", precision="input").indices,
        {"torch, n x n": lambda: transcription(x, k)},
        unit="rows",
        amount=height * width,
    )


def noise() -> Subject:
    """Rows without structure: nothing is given up early."""
    if not installed("torch"):
        return Subject(lambda: None, missing=absent("torch"))
    import torch

    x = torch.from_numpy(np.random.default_rng(0).standard_normal((2880, 4096), np.float32))
    return Subject(
        lambda: prune.maxmin_select(x, 288, order="pick").indices,
        {"torch, n x n": lambda: transcription(x, 288)},
        unit="rows",
        amount=2880,
    )


def batch() -> Subject:
    """Eight images in one call; the peer runs them one by one."""
    if not installed("torch"):
        return Subject(lambda: None, missing=absent("torch"))
    import torch

    x = torch.from_numpy(np.stack([grid(24, 24, 1024, seed) for seed in range(8)]))
    return Subject(
        lambda: prune.maxmin_select(x, 58, order="pick").indices,
        {"torch, n x n": lambda: torch.stack([transcription(item, 58) for item in x])},
        unit="rows",
        amount=8 * 576,
    )


def compact() -> Subject:
    """Keep 40 % of the positions of eight rows."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 1024, 1472), np.float32)
    keep = rng.random((8, 1024)) < 0.4
    peers: dict[str, Callable[[], object]] = {}
    if installed("torch"):
        import torch

        tensor, mask = torch.from_numpy(x), torch.from_numpy(keep)

        def pad() -> Any:
            parts = [row[kept] for row, kept in zip(tensor, mask, strict=True)]
            return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)

        peers["torch index + pad_sequence"] = pad
    return Subject(
        lambda: prune.compact_tokens(x, keep).out, peers, unit="rows", amount=8, missing=absent("torch")
    )
