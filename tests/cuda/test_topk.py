# SPDX-License-Identifier: Apache-2.0
"""The top-k kernel on the simulated grid, against a stable sort written here."""

from __future__ import annotations

import numpy as np
import pytest

import tokops
from tokops import _cpu, kv

TILE = 8192  # columns that a block places between two scans


def expected(x, k, largest=True, order="index"):
    columns = [j for j in range(len(x)) if x[j] == x[j]]
    best = sorted(columns, key=lambda j: -x[j] if largest else x[j])[:k]
    ids = sorted(best) if order == "index" else best
    return ids + [-1] * (k - len(ids))


@pytest.mark.parametrize("n", [1, 1023, 1025, TILE - 1, TILE, TILE + 1, 2 * TILE + 77])
@pytest.mark.parametrize("levels", [1, 3, 10**6])
def test_rows_around_the_tile_size(n, levels, simulated):
    x = np.random.default_rng(n).integers(0, levels, n).astype(np.float64)
    for k in {1, n // 3, n}:
        for order in ("index", "value"):
            for narrow in (x.astype(np.float32), x):
                assert kv.topk(narrow, k, order=order).tolist() == expected(narrow.tolist(), k, order=order)


def test_keys_that_differ_only_in_their_lowest_bits(simulated):
    rng = np.random.default_rng(3)
    low = rng.integers(0, 4, 3000)
    single = (np.int32(0x3F800000) + low.astype(np.int32)).view(np.float32)
    double = (np.int64(0x3FF0000000000000) + low).view(np.float64)
    for x in (single, double, -single, -double):
        for largest in (True, False):
            want = expected(x.tolist(), 1234, largest, "value")
            assert kv.topk(x, 1234, largest=largest, order="value").tolist() == want


def test_rows_of_nothing_but_nan_are_padding(simulated):
    x = np.full((2, 50), np.nan, np.float32)
    assert kv.topk(x, 3).tolist() == [[-1] * 3] * 2
    x[1, 20] = -np.inf
    assert kv.topk(x, 3, order="value").tolist() == [[-1, -1, -1], [20, -1, -1]]


def test_a_range_outside_of_the_row_gives_only_padding(simulated):
    x = np.arange(40, dtype=np.float32).reshape(4, 10)
    lens = np.array([10, 11, -1, 3], np.int32)
    starts = np.array([0, 0, 2, -2], np.int32)
    ids, values = kv.topk(x, 2, starts=starts, lens=lens, return_values=True)
    assert ids.tolist() == [[8, 9], [-1, -1], [-1, -1], [-1, -1]]
    assert values.tolist() == [[8, 9], [0, 0], [0, 0], [0, 0]]


def test_nan_raise_names_the_first_bad_range_then_the_first_nan(simulated):
    x = np.zeros((3, 5000), np.float32)
    x[2, [4100, 17]] = np.nan
    with pytest.raises(ValueError, match=r"kv.topk: argument 'x' has NaN at row 2, column 17$"):
        kv.topk(x, 2, nan="raise")
    lens = np.array([5000, 5001, 5000], np.int32)
    with pytest.raises(ValueError, match=r"kv.topk: row 1 has columns outside of \[0, 5000\)"):
        kv.topk(x, 2, lens=lens, nan="raise")
    x[2] = 1
    assert kv.topk(x, 1, nan="raise").tolist() == [[0]] * 3


def test_workspace_is_pairs_for_value_order_and_reports_for_raise():
    x = np.zeros((3, 100), np.float32)

    def size(x, k, order, nan):
        return _cpu._test_cuda_kv_topk_workspace_bytes(x, None, None, k, True, order, nan)

    assert size(x, 10, "index", "last") == 0
    assert size(x, 10, "value", "last") == 3 * 2 * 10 * (4 + 4)
    assert size(x.astype(np.float64), 10, "value", "last") == 3 * 2 * 10 * (8 + 4)
    assert size(x, 10, "index", "raise") == 32  # three int64, rounded up to 16
    assert size(x, 10, "value", "raise") == 32 + 480


def test_a_small_or_unaligned_workspace_is_refused():
    x = np.zeros(100, np.float32)
    ids = np.empty(10, np.int32)
    arguments = (x, None, None, 10, True, "value", "last", ids)
    space = np.empty(400, np.uint8)
    start = -space.ctypes.data % 16
    _cpu._test_cuda_kv_topk(*arguments, space[start : start + 160])
    with pytest.raises(ValueError, match="'workspace' must have at least 160 bytes, got 159"):
        _cpu._test_cuda_kv_topk(*arguments, space[start : start + 159])
    with pytest.raises(ValueError, match="'workspace' must be aligned to 16 bytes"):
        _cpu._test_cuda_kv_topk(*arguments, space[start + 1 : start + 161])
    inside = space[start : start + 40].view(np.int32)
    with pytest.raises(ValueError, match="must not overlap"):
        _cpu._test_cuda_kv_topk(*arguments[:-1], inside, space[start : start + 160])


def test_wrong_arguments_are_named_as_on_the_cpu(simulated):
    x = np.zeros((2, 8), np.float32)
    for arguments, keywords in [
        (([1.0], 1), {}),
        ((x.astype(np.int64), 1), {}),
        ((x, 9), {}),
        ((x[:, ::2], 1), {}),
        ((x, 1), {"lens": np.zeros(3, np.int32)}),
        ((x, 1), {"lens": np.zeros(2, np.int64)}),
        ((x, 1), {"out": np.empty((2, 2), np.int32)}),
        ((x, 1), {"out": np.empty((2, 1), np.int64)}),
    ]:
        with pytest.raises((TypeError, ValueError)) as got:
            kv.topk(*arguments, **keywords)
        with tokops.use_backend("cpp"), pytest.raises(got.type) as want:
            kv.topk(*arguments, **keywords)
        assert str(got.value) == str(want.value)
