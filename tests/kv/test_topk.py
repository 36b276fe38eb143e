# SPDX-License-Identifier: Apache-2.0
"""topk: digests of an independent exact sort, brute force, and the stated edge rules, on every backend."""

import hashlib
import json
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokops import kv, threads, use_backend

BACKENDS = ["reference", "cpp"]


def brute(values, k, largest=True):
    """The k best positions by comparing pairs: NaN never, equal values by position."""
    usable = [i for i, v in enumerate(values) if v == v]
    return sorted(usable, key=lambda i: (-float(values[i]) if largest else float(values[i]), i))[:k]


def test_golden_digests_in_both_orders(backend, golden):
    folder = golden("kv")
    sys.path.insert(0, str(folder))
    try:
        from topk_inputs import build
    finally:
        sys.path.pop(0)
    for case in json.loads((folder / "topk_cases.json").read_text()):
        x = build(case["family"], case["seed"], case["n"], case["dtype"])
        for order in ("index", "value"):
            ids = kv.topk(x, case["k"], largest=case["largest"], order=order)
            digest = hashlib.sha256(ids.astype("<i4").tobytes()).hexdigest()
            assert digest == case["sha256_" + order], (case, order)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.5, np.inf, -np.inf, np.nan, 1e-42, -1e-42]), max_size=40
    ),
    st.booleans(),
    st.sampled_from(["float32", "float16", "float64"]),
    st.data(),
)
def test_any_row_equals_brute_force(values, largest, dtype, data):
    x = np.array(values, dtype)
    k = data.draw(st.integers(0, len(x)))
    expected = brute(x, k, largest)
    for backend in BACKENDS:
        with use_backend(backend):
            by_value = kv.topk(x, k, largest=largest, order="value")
            by_index = kv.topk(x, k, largest=largest)
        padding = [-1] * (k - len(expected))
        assert by_value.tolist() == expected + padding
        assert by_index.tolist() == sorted(expected) + padding


def test_sizes_around_the_vector_width(backend):
    rng = np.random.default_rng(0)
    for n in range(131):
        x = (rng.integers(-8, 8, n) / 4).astype(np.float32)
        for k in {0, min(1, n), n // 2, n}:
            assert kv.topk(x, k).tolist() == sorted(brute(x, k))


@pytest.mark.parametrize("dtype", ["int32", "float64"])
def test_wide_types_keep_their_precision(backend, dtype):
    base = np.array([2**24, 2**24 + 1, -(2**31), 2**31 - 1, 2**24 + 1, -1], dtype)
    assert kv.topk(base, 3, order="value").tolist() == [3, 1, 4]
    assert kv.topk(base, 3, largest=False, order="value").tolist() == [2, 5, 0]


def test_float64_values_beyond_float32_are_told_apart(backend):
    x = 1.0 + np.arange(100) * 2.0**-50
    assert kv.topk(x, 3).tolist() == [97, 98, 99]


def test_equal_scores_keep_the_lowest_index(backend):
    assert kv.topk(np.zeros(1000, np.float32), 5).tolist() == [0, 1, 2, 3, 4]
    assert kv.topk(np.array([0.0, -0.0, 0.0, -0.0], np.float32), 2).tolist() == [0, 1]
    assert kv.topk(np.array([-0.0, 0.0], np.float32), 1).tolist() == [0]
    assert kv.topk(np.full(50, -np.inf, np.float32), 3).tolist() == [0, 1, 2]


def test_nan_is_never_chosen_and_leaves_padding(backend):
    x = np.array([np.nan, 1, np.nan, 2], np.float32)
    assert kv.topk(x, 4).tolist() == [1, 3, -1, -1]
    with pytest.raises(ValueError, match="row 0, column 0"):
        kv.topk(x, 2, nan="raise")


def test_rows_have_their_own_window(backend):
    x = np.tile(np.arange(10, dtype=np.float32), (3, 1))
    starts, lens = np.array([0, 2, 9], np.int32), np.array([3, 0, 1], np.int32)
    assert kv.topk(x, 2, starts=starts, lens=lens).tolist() == [[1, 2], [-1, -1], [9, -1]]
    assert kv.topk(x, 2, starts=starts).tolist() == [[8, 9], [8, 9], [9, -1]]


def test_values_are_returned_in_the_type_of_x(backend):
    x = np.array([[3, 1, 2], [np.nan, np.nan, 5]], np.float16)
    ids, values = kv.topk(x, 2, order="value", return_values=True)
    assert ids.tolist() == [[0, 2], [2, -1]]
    assert values.dtype == np.float16
    assert values.tolist() == [[3, 2], [5, 0]]


def test_uint16_is_bfloat16_bits(backend):
    x = (np.array([1.5, -2, 3, 0.5], np.float32).view(np.uint32) >> 16).astype(np.uint16)
    assert kv.topk(x, 2, order="value").tolist() == [2, 0]


def test_strided_and_unaligned_rows(backend):
    x = np.random.default_rng(5).standard_normal((4, 300)).astype(np.float32)
    assert np.array_equal(kv.topk(x[::2, 1:], 7), kv.topk(x[::2, 1:].copy(), 7))


def test_many_threads_and_long_rows_give_the_same_ids():
    x = np.floor(np.random.default_rng(6).standard_normal(600_000) * 50).astype(np.float32)
    expected = np.sort(np.argsort(-x, kind="stable")[:5000])
    for count in (1, 2, 3, 5):
        with threads(count):
            assert np.array_equal(kv.topk(x, 5000), expected)


def test_a_threshold_that_a_sample_misjudges_is_still_exact():
    for stride in (2, 3, 7, 64, 1000):  # the large values hide at regular places, or nearly everywhere
        x = np.zeros(200_000, np.float32)
        x[::stride] = np.arange(len(x[::stride]), 0, -1)
        expected = np.sort(np.argsort(-x, kind="stable")[:3000])
        assert np.array_equal(kv.topk(x, 3000), expected)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: kv.topk(x, 11), ValueError, "argument 'k'"),
        (lambda x: kv.topk(x, -1), ValueError, "argument 'k'"),
        (lambda x: kv.topk(x, 2.0), TypeError, "argument 'k'"),
        (lambda x: kv.topk(x, True), TypeError, "argument 'k'"),
        (lambda x: kv.topk(x, 2, order="random"), ValueError, "argument 'order'"),
        (lambda x: kv.topk(x, 2, nan="first"), ValueError, "argument 'nan'"),
        (lambda x: kv.topk(x.astype(np.int64), 2), TypeError, "argument 'x'"),
        (lambda x: kv.topk(x.astype(bool), 2), TypeError, "argument 'x'"),
        (lambda x: kv.topk(list(x), 2), TypeError, "argument 'x'"),
        (lambda x: kv.topk(x[None, None], 2), ValueError, "argument 'x'"),
        (lambda x: kv.topk(x[::2], 2), ValueError, "contiguous"),
        (lambda x: kv.topk(x[None], 2, lens=np.array([11], np.int32)), ValueError, "row 0"),
        (lambda x: kv.topk(x[None], 2, starts=np.array([-1], np.int32)), ValueError, "row 0"),
        (lambda x: kv.topk(x, 2, out=x[:2].view(np.int32)), ValueError, "overlap"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(np.arange(10, dtype=np.float32))
