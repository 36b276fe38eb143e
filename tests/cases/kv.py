# SPDX-License-Identifier: Apache-2.0
"""Parity inputs of the kv family: what decides ids is compared bit for bit, other floats within 1e-6."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from tests.cases import Case, bf16


def cases() -> Iterator[Case]:
    yield from topk_cases()


def topk_cases() -> Iterator[Case]:
    rng = np.random.default_rng(20)
    specials = np.array(
        [0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1e-45, -1e-45, 1.0, -1.0, 3e38], np.float32
    )
    rows = {
        "empty": np.zeros(0, np.float32),
        "one": np.ones(1, np.float32),
        "specials": np.tile(specials, 7),
        "ties": rng.integers(0, 3, 5000).astype(np.float32),
        "bits": rng.integers(0, 2**32, 3001, dtype=np.uint32).view(np.float32),
        "normal": rng.standard_normal((3, 9000)).astype(np.float32),
        "half": rng.standard_normal((2, 2500)).astype(np.float16),
        "half-bits": rng.integers(0, 2**16, 3000, dtype=np.uint16).view(np.float16),
        "bfloat16": bf16(rng.standard_normal((2, 2500))),
        "bfloat16-bits": rng.integers(0, 2**16, 5000, dtype=np.uint16),
        "int32": rng.integers(-(2**31), 2**31, 4000, dtype=np.int64).astype(np.int32),
        "float64": rng.integers(-50, 50, 4000) + rng.integers(0, 3, 4000) * 2.0**-45,
        "strided": rng.standard_normal((6, 700)).astype(np.float32)[::2, 3:],
    }
    for name, x in rows.items():
        n = x.shape[-1]
        for k in sorted({0, min(7, n), n // 8, n}):
            for largest in (True, False):
                yield Case("kv.topk", f"{name}-{k}-{largest}", (x, k), {"largest": largest, "order": "value"})
        yield Case("kv.topk", f"{name}-values", (x, min(9, n)), {"return_values": True})
    x = rng.standard_normal((4, 300)).astype(np.float32)
    window = {"starts": np.array([0, 5, 299, 300], np.int32), "lens": np.array([300, 17, 1, 0], np.int32)}
    yield Case("kv.topk", "windows", (x, 20), window)
    yield Case("kv.topk", "windows-longer-than-n", (x, 400), window)
    yield Case(
        "kv.topk",
        "nan-refused",
        (np.array([[0, 1], [np.nan, 1]], np.float32), 1),
        {"nan": "raise"},
        error=ValueError,
    )
    yield Case(
        "kv.topk", "window-outside", (x, 2), {"lens": np.array([1, 2, 3, 301], np.int32)}, error=ValueError
    )
