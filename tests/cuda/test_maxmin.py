# SPDX-License-Identifier: Apache-2.0
"""The max-min kernels on the simulated grid: stored picks of others, sizes around the tiles, segments that are bad."""

from __future__ import annotations

import numpy as np
import pytest

import tokops
from tests.cases import bf16, dyadic
from tokops import _cpu
from tokops.prune import maxmin_select

COUNT = 256  # rows between two barriers; 1024 rows are packed at a time


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_picks_equal_the_official_function(golden, dtype, simulated):
    real = np.load(golden("prune") / "divprune_real.npz")
    x = real["patch_astronaut/x"]
    x = bf16(x) if dtype == "bfloat16" else x.astype(dtype)
    got = maxmin_select(x, 288, order="pick", precision="float32" if dtype == "float32" else "input")
    np.testing.assert_array_equal(got.indices, real[f"patch_astronaut/picks_{dtype}"])


def brute(x, k, first):
    """Cosine farthest-first written from the definition; all dot products are exact for small integers."""
    x = x.astype(np.float64)
    square = (x * x).sum(1)
    distance = 1 - np.clip((x @ x.T) / np.sqrt(np.outer(square, square)), -1, 1)
    picks = [first]
    while len(picks) < k:
        nearest = distance[picks].min(0)
        nearest[picks] = -1
        picks.append(int(np.argmax(nearest)))
    return picks


@pytest.mark.parametrize("n", [COUNT - 1, COUNT, COUNT + 1, 1023, 1024, 1025, 2100])
def test_sizes_around_the_tiles(n, simulated):
    x = np.random.default_rng(n).integers(1, 4, (n, 3)).astype(np.float32)
    picks = brute(x, 9, n // 2)
    assert maxmin_select(x, 9, init=n // 2, order="pick").indices.tolist() == picks
    assert maxmin_select(x, 9, init=n // 2).indices.tolist() == sorted(picks)


def test_all_equal_rows_give_the_lowest_ids(simulated):
    got = maxmin_select(np.ones((1500, 5), np.float32), 1400, order="pick")
    assert got.indices.tolist() == list(range(1400))
    assert not got.gaps.any()


def test_ragged_segments_that_stop_early_are_packed_without_holes(simulated):
    rng = np.random.default_rng(8)
    x = dyadic(rng, 300, 6, steps=3)
    options = {"min_distance": 0.3, "cu_seqlens": [0, 0, 40, 41, 200, 300], "order": "pick"}
    with tokops.use_backend("reference"):
        want = maxmin_select(x, **options)
    got = maxmin_select(x, **options)
    assert 1 < got.counts[1] < 40
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a, b)


def rows_with(bad):
    x = np.random.default_rng(2).standard_normal((30, 4)).astype(np.float32)
    x[17, 2] = bad
    return x


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_segment_with_a_bad_value_is_marked_and_the_others_are_not(bad, simulated):
    cu_seqlens = [0, 10, 20, 30]
    got = maxmin_select(rows_with(bad), 3, cu_seqlens=cu_seqlens, check=False)
    good = maxmin_select(rows_with(1.0), 3, cu_seqlens=cu_seqlens)
    assert got.counts.tolist() == [3, -1, 3]
    assert got.indices[3:6].tolist() == [30] * 3
    assert np.isnan(got.gaps[3:6]).all()
    for part in (slice(0, 3), slice(6, 9)):
        np.testing.assert_array_equal(got.indices[part], good.indices[part])
        np.testing.assert_array_equal(got.gaps[part], good.gaps[part])


def test_check_raises_for_a_bad_segment(simulated):
    x = rows_with(np.nan)
    message = "must be finite, weights at least 0, got another value in segment 1"
    with pytest.raises(ValueError, match=message):
        maxmin_select(x, 3, cu_seqlens=[0, 10, 20, 30])
    with pytest.raises(ValueError, match=message):
        maxmin_select(x.reshape(3, 10, 4), 3)
    with pytest.raises(ValueError, match=message):  # reads the counts anyway
        maxmin_select(x, min_distance=0.5, cu_seqlens=[0, 10, 20, 30], check=False)
    weights = np.ones((3, 10), np.float32)
    weights[1, 4] = -1
    with pytest.raises(ValueError, match=message):
        maxmin_select(rows_with(1.0).reshape(3, 10, 4), 3, weights=weights)
    outside = np.ones((3, 2, 4), np.float32)
    outside[1, 1, 0] = np.inf
    with pytest.raises(ValueError, match=message):
        maxmin_select(rows_with(1.0).reshape(3, 10, 4), 3, anchor_features=outside)


def native(x, offsets, budgets=None, anchors=None, first=None, k=2, width=6):
    """The operator below the public function, which never passes such numbers."""
    segments = len(offsets) - 1
    arguments = [x, offsets, budgets, anchors, None, None, None, first]
    scalars = [k, width, segments, "cosine", "isolated", -np.inf, "float32", "pick"]
    size = _cpu._test_cuda_prune_maxmin_workspace_bytes(*arguments, *scalars)
    space = np.full(size + 32, 0xA5, np.uint8)
    start = -space.ctypes.data % 16
    out = np.empty(width, np.int64), np.empty(width, np.float32), np.empty(segments, np.int64)
    _cpu._test_cuda_prune_maxmin(*arguments, *scalars, *out, space[start : start + size])
    assert (space[start + size :] == 0xA5).all()
    return out


def ids(*values):
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("offsets", "options", "counts"),
    [
        (ids(0, 5, 3, 10), {}, [2, -1, 2]),
        (ids(0, 5, 11, 10), {}, [2, -1, -1]),
        (ids(-4, 5, 8, 10), {}, [-1, 2, 2]),
        (ids(0, 3, 6, 10), {"budgets": ids(1, 4, -1)}, [1, -1, -1]),
        (ids(0, 3, 6, 10), {"anchors": ids(4, 4, 9)}, [2, -1, 2]),
        (ids(0, 3, 6, 10), {"anchors": ids(0, 1, 9)}, [-1, 2, 2]),
        (ids(0, 3, 6, 10), {"first": ids(0, 3, -1)}, [2, -1, -1]),
        (ids(0, 3, 6, 10), {"width": 3}, [2, 2, 2]),
    ],
)
def test_numbers_that_do_not_fit_mark_their_segment_and_write_nothing_outside(offsets, options, counts):
    indices, _, got = native(dyadic(np.random.default_rng(1), 10, 4), offsets, **options)
    assert got.tolist() == counts
    assert ((indices >= 0) & (indices <= 10)).all()


def test_workspace_is_linear_in_the_rows():
    def size(x, init="isolated", precision="float32", outside=None):
        offsets = None if outside is None else ids(0, len(outside))
        tensors = (x, None, None, None, outside, offsets, None, None)
        return _cpu._test_cuda_prune_maxmin_workspace_bytes(
            *tensors, 2, 2, 1, "cosine", init, 0.0, precision, "pick"
        )

    x = np.zeros((64, 32), np.float16)
    assert size(x) == 64 * (8 + 8 + 4 + 4)
    assert size(x, outside=x[:16]) == size(x) + 16 * 8
    assert size(x, "medoid") == size(x) + 32 * 8
    assert size(x, precision="input", outside=x[:16]) == size(x) + 16 * 8 + (64 + 16) * 32 * 2
    assert size(x.astype(np.float32), precision="input") == size(x)
