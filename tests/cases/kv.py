# SPDX-License-Identifier: Apache-2.0
"""Parity inputs of the kv family: what decides ids is compared bit for bit, other floats within 1e-6."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.cases import Case, bf16


def cases() -> Iterator[Case]:
    yield from topk_cases()
    yield from select_cases()
    yield from attention_cases()


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
    yield Case("kv.topk", "windows-values", (x, 20), {**window, "return_values": True})
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


def cache(seed: int, shape: tuple[int, int, int, int, int], dtype: str = "float32") -> tuple[np.ndarray, ...]:
    """q [B, Hq, D], keys and values [B, Hkv, n, D] for shape (B, Hq, Hkv, n, D)."""
    batch, heads, kv_heads, n, width = shape
    rng = np.random.default_rng(seed)
    arrays = [
        rng.standard_normal(axes).astype(np.float32)
        for axes in ((batch, heads, width), (batch, kv_heads, n, width), (batch, kv_heads, n, width))
    ]
    if dtype == "uint16":
        return tuple(bf16(x).view(np.uint16) for x in arrays)
    return tuple(bf16(x) if dtype == "bfloat16" else x.astype(dtype) for x in arrays)


def select_cases() -> Iterator[Case]:
    small = {"n_sink": 4, "n_local": 16}
    shapes = {
        "gqa": (2, 8, 2, 700, 64),
        "one-head": (1, 1, 1, 1100, 32),
        "three-heads": (1, 6, 2, 90, 40),
        "seven-heads": (1, 7, 1, 515, 8),
        "wide": (1, 4, 2, 60, 576),
        "odd-width": (1, 4, 4, 33, 33),
    }
    for name, shape in shapes.items():
        for dtype in ("float32", "float16", "bfloat16", "uint16"):
            q, keys, _ = cache(1, shape, dtype)
            for per in ("all", "kv_group", "head"):
                options = {"per": per, **small}
                yield Case("kv.select", f"{name}-{dtype}-{per}", (q, keys, 20), options, tolerance=1e-6)
    q, keys, _ = cache(2, (3, 8, 4, 600, 32))
    window = {"starts": np.array([0, 37, 600], np.int32), "lens": np.array([600, 550, 0], np.int32)}
    yield Case("kv.select", "windows", (q, keys, 50), {**small, **window}, tolerance=1e-6)
    yield Case("kv.select", "defaults", (q, keys, 50), tolerance=1e-6)
    yield Case("kv.select", "k-zero", (q, keys, 0), small, tolerance=1e-6)
    yield Case("kv.select", "everything", (q, keys, 600), small, tolerance=1e-6)
    yield Case("kv.select", "no-tokens", (q, keys[:, :, :0], 5), small, tolerance=1e-6)
    yield Case("kv.select", "wider-query", (q, bf16(keys), 30), {**small, "scale": 0.7}, tolerance=1e-6)
    heads_last = np.ascontiguousarray(keys.swapaxes(1, 2))
    yield Case("kv.select", "nhd", (q, heads_last, 30), {**small, "layout": "NHD"}, tolerance=1e-6)
    yield Case("kv.select", "equal-keys", (q, np.ones_like(keys), 30), small, tolerance=1e-6)
    masked = keys.copy()
    masked[0, 1, 100:110, 0] = np.nan
    masked[1, 2, 5, :] = np.inf
    yield Case("kv.select", "unusable", (q, masked, 30), {**small, "nan": "last"}, tolerance=1e-6)
    yield Case("kv.select", "mostly-unusable", (q * np.nan, keys, 30), {"nan": "last"}, tolerance=1e-6)
    yield Case("kv.select", "unusable-refused", (q, masked, 30), small, error=ValueError)
    yield Case(
        "kv.select",
        "window-outside",
        (q, keys, 5),
        {"lens": np.array([1, 601, 0], np.int32)},
        error=ValueError,
    )
    yield Case("kv.select", "head-mismatch", (q[:, :7], keys, 5), error=ValueError)


def attention_cases() -> Iterator[Case]:
    rng = np.random.default_rng(30)
    for dtype in ("float32", "float16", "bfloat16", "uint16"):
        for shape in ((2, 8, 2, 1300, 64), (1, 3, 1, 200, 40), (1, 4, 4, 70, 7)):
            q, keys, values = cache(3, shape, dtype)
            name = f"{dtype}-{shape[4]}"
            yield Case("kv.decode_attention", name, (q, keys, values), {"return_lse": True}, tolerance=1e-6)
            for lists in {1, shape[2], shape[1]}:
                ids = np.stack([rng.permutation(shape[3])[:60] for _ in range(shape[0] * lists)])
                indices = ids.reshape(shape[0], lists, 60).astype(np.int32)
                indices[:, :, 7] = -1
                args = (q, keys, values, indices)
                yield Case(
                    "kv.sparse_attention", f"{name}-{lists}", args, {"return_lse": True}, tolerance=1e-6
                )
    q, keys, values = cache(4, (2, 4, 2, 90, 16))
    values = rng.standard_normal((2, 2, 90, 24)).astype(np.float32)
    ids = np.tile(np.arange(0, 90, 3, dtype=np.int32), (2, 2, 1))
    sinks = np.array([0.5, -np.inf, 3.0, 0.0], np.float32)
    options = {"softcap": 2.5, "sink_logits": sinks, "return_lse": True, "scale": 0.9}
    counts = np.array([[30, 0], [1, 30]], np.int32)
    yield Case("kv.sparse_attention", "options", (q, keys, values, ids, counts), options, tolerance=1e-6)
    window = {"starts": np.array([3, 90], np.int32), "lens": np.array([40, 0], np.int32)}
    yield Case(
        "kv.decode_attention", "windows", (q, keys, values), {**window, "return_lse": True}, tolerance=1e-6
    )
    yield Case(
        "kv.decode_attention", "windows-sinks", (q, keys, values), {**window, **options}, tolerance=1e-6
    )
    nhd = [np.ascontiguousarray(x.swapaxes(1, 2)) for x in (keys, values)]
    yield Case("kv.decode_attention", "nhd", (q, *nhd), {"layout": "NHD"}, tolerance=1e-6)
    yield Case("kv.decode_attention", "no-tokens", (q, keys[:, :, :0], values[:, :, :0]), tolerance=1e-6)
    broken = keys.copy()
    broken[0, 1, 4, 2] = np.nan
    yield Case(
        "kv.decode_attention",
        "nan",
        (q, broken, values),
        {"softcap": 3.0, "return_lse": True},
        tolerance=1e-6,
    )
    for name, bad in {"duplicate": [1, 2, 1], "past-the-end": [0, 1, 90], "below": [0, -2, 3]}.items():
        indices = np.tile(np.array(bad, np.int32), (2, 1, 1))
        yield Case("kv.sparse_attention", name, (q, keys, values, indices), error=ValueError)
    wrong = np.array([[31, 0], [1, 30]], np.int32)
    yield Case("kv.sparse_attention", "count", (q, keys, values, ids, wrong), error=ValueError)
    yield Case("kv.sparse_attention", "lists", (q, keys, values, ids[:, [0, 1, 0]]), error=ValueError)
