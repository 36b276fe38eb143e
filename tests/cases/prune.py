# SPDX-License-Identifier: Apache-2.0
"""Parity cases of the prune family: rows on dyadic grids, ties, degenerate shapes, every option."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.cases import Case, bf16, dyadic

SELECT = "prune.maxmin_select"


def cases() -> Iterator[Case]:
    """Yield all cases."""
    yield from _sizes()
    yield from _larger()
    yield from _dtypes()
    yield from _options()
    yield from _degenerate()
    yield from _errors()
    yield from _compact()


def _case(name: str, x: np.ndarray, k: object = None, **options: object) -> Case:
    return Case(SELECT, name, (x, k), {"order": "pick", **options})


def _sizes() -> Iterator[Case]:
    rng = np.random.default_rng(1)
    for d in (1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 130, 600):
        yield _case(f"grid-{d}", dyadic(rng, 23, d), 11)
        yield _case(f"float-{d}", rng.standard_normal((37, d)).astype(np.float32), 15)
    for n in (1, 2, 3, 4, 5, 9, 65, 129):
        yield _case(f"rows-{n}", dyadic(rng, n, 24, steps=2), n)


def _larger() -> Iterator[Case]:
    """Enough rows for every stage of the screened search, with and without structure."""
    rng = np.random.default_rng(6)
    noise = rng.standard_normal((300, 9)).astype(np.float32)
    grid = np.cumsum(rng.standard_normal((260, 30)) * (rng.random((260, 1)) < 0.2), axis=0).astype(np.float32)
    for name, x in (("noise", noise), ("runs", grid), ("ties", dyadic(rng, 240, 6, steps=2))):
        yield _case(f"{name}-isolated", x, 150)
        yield _case(f"{name}-weights", x, 60, weights=rng.integers(0, 4, len(x)).astype(np.float32))
        yield _case(f"{name}-f16", x.astype(np.float16), 100, precision="input")
        yield _case(f"{name}-bf16", bf16(x), 100, precision="input")
        yield _case(f"{name}-anchors", x, 60, anchors=np.arange(0, 200, 9))


def _dtypes() -> Iterator[Case]:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((60, 50)).astype(np.float32)
    for name, rows in (("f16", x.astype(np.float16)), ("bf16", bf16(x))):
        for precision in ("float32", "input"):
            yield _case(f"{name}-{precision}", rows, 30, precision=precision)
            yield _case(f"{name}-{precision}-batch", rows.reshape(3, 20, 50), 7, precision=precision)
    tiny = (x * np.float32(2.0**-18)).astype(np.float16)
    yield _case("f16-subnormal", tiny, 30, precision="input")


def _options() -> Iterator[Case]:
    rng = np.random.default_rng(3)
    x = dyadic(rng, 48, 20)
    weights = rng.integers(0, 5, 48).astype(np.float32)
    offsets = np.array([0, 13, 13, 30, 48])
    yield _case("ratio", x, ratio=0.3)
    yield Case(SELECT, "ascending", (x, 12), {})
    yield _case("ragged", x, [4, 0, 17, 1], cu_seqlens=offsets)
    yield _case("ragged-int32", x, ratio=0.4, cu_seqlens=offsets.astype(np.int32))
    yield _case("ragged-distance", x, min_distance=0.8, cu_seqlens=offsets)
    yield _case("batch-distance", x.reshape(4, 12, 20), min_distance=0.9)
    yield _case("batch-per-item", x.reshape(4, 12, 20), [0, 12, 3, 5])
    yield _case("batch-inits", x.reshape(4, 12, 20), 4, init=[3, 0, 11, 5])
    for init in ("isolated", "farthest_pair", "medoid", 17):
        for metric in ("cosine", "euclidean"):
            yield _case(f"{init}-{metric}", x, 20, init=init, metric=metric)
    yield _case("weights", x, 20, weights=weights)
    yield _case("weights-euclidean", x, 20, weights=weights, metric="euclidean")
    yield _case("weights-medoid", x, 20, weights=weights, init="medoid")
    yield _case("anchors", x, 20, anchors=np.array([40, 3, 11]))
    yield _case("anchors-ragged", x, 3, anchors=np.array([40, 3, 11]), cu_seqlens=offsets, clamp=True)
    yield _case("outside", x, 20, anchor_features=dyadic(rng, 5, 20))
    yield _case("outside-none", x, 20, anchor_features=dyadic(rng, 0, 20))
    yield _case("rows-in-place", dyadic(rng, 40, 33)[::2, 1:30], 9)


def _degenerate() -> Iterator[Case]:
    rng = np.random.default_rng(4)
    few = dyadic(rng, 5, 6)
    yield _case("copies", np.tile(few, (5, 1)), 25)
    yield _case("equal", np.ones((12, 9), np.float32), 12)
    yield _case("zeros", np.zeros((7, 4), np.float32), 7)
    with_zeros = dyadic(rng, 20, 6)
    with_zeros[[3, 9, 17]] = 0
    yield _case("some-zeros", with_zeros, 20)
    yield _case("some-zeros-input", bf16(with_zeros), 20, precision="input")
    yield _case("opposite", np.concatenate([few, -few]), 10)
    yield _case("scaled", few.repeat(3, 0) * np.ldexp(np.float32(1), np.arange(15) * 15 - 110)[:, None], 15)
    yield _case("subnormal", few * np.float32(2.0**-143), 5)
    yield _case("largest", np.sign(dyadic(rng, 9, 8)) * np.float32(3e38), 9)
    noise = np.ones((40, 70), np.float32) + np.ldexp(dyadic(rng, 40, 70), -18).astype(np.float32)
    yield _case("near-ties", noise, 40)
    yield _case("sparse", (dyadic(rng, 60, 90) * (rng.random((60, 90)) < 0.02)).astype(np.float32), 50)
    yield _case("no-rows", np.ones((0, 3), np.float32), 0)
    yield _case("no-items", np.ones((0, 5, 3), np.float32), 2)
    yield _case("no-columns", np.ones((0, 0), np.float32), ratio=0.5)


def _errors() -> Iterator[Case]:
    x = np.ones((4, 3), np.float32)
    x[2, 1] = np.nan
    yield Case(SELECT, "nan", (x, 2), error=ValueError)
    yield Case(SELECT, "k-above-n", (np.ones((4, 3), np.float32), 5), error=ValueError)
    yield Case(SELECT, "float64", (np.ones((4, 3)), 2), error=TypeError)
    weights = np.array([1, 1, -1, 1], np.float32)
    yield Case(SELECT, "weight", (np.ones((4, 3), np.float32), 2), {"weights": weights}, error=ValueError)


def _compact() -> Iterator[Case]:
    rng = np.random.default_rng(5)
    for name, x in (
        ("f32", dyadic(rng, 3, 9, 4)),
        ("bf16", bf16(dyadic(rng, 3, 9))),
        ("i64", rng.integers(0, 99, (3, 9, 2, 2))),
        ("u16", rng.integers(0, 65536, (3, 9, 2)).astype(np.uint16)),
        ("bool", rng.random((3, 9)) < 0.5),
    ):
        keep = rng.random((3, 9)) < 0.4
        keep[1] = False
        ids = np.array([[8, 0, 3], [2, -1, -1], [-1, -1, -1]])
        offsets = np.array([0, 4, 4, 9], np.int32)
        yield Case("prune.compact_tokens", f"mask-{name}", (x, keep))
        yield Case(
            "prune.compact_tokens", f"ids-{name}", (x, ids), {"capacity": 6, "pad_value": 1, "min_keep": 1}
        )
        yield Case("prune.compact_tokens_ragged", f"mask-{name}", (x[0], offsets, keep[0]))
        yield Case("prune.compact_tokens_ragged", f"ids-{name}", (x[0], offsets, np.array([3, 1, 8, 8])))
    bad = np.array([[9], [0], [0]])
    yield Case("prune.compact_tokens", "range", (dyadic(rng, 3, 9), bad), error=ValueError)
    yield Case("prune.compact_tokens", "narrow", (dyadic(rng, 3, 9), keep), {"capacity": 1}, error=ValueError)
