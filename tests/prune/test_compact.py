# SPDX-License-Identifier: Apache-2.0
"""Compaction against boolean indexing of each row, in every dtype; the gradient against torch's own."""

import numpy as np
import pytest

from tests.cases import bf16
from tokops.prune import compact_tokens, compact_tokens_ragged

DTYPES = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32",
          "float64", "bfloat16"]  # fmt: skip


def values(rng, shape, dtype):
    x = rng.integers(0, 2 if dtype == "bool" else 100, shape)
    return bf16(x) if dtype == "bfloat16" else x.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("trailing", [(), (5,), (2, 3)])
def test_rows_equal_boolean_indexing(backend, dtype, trailing):
    rng = np.random.default_rng(len(trailing))
    x = values(rng, (4, 11, *trailing), dtype)
    keep = rng.random((4, 11)) < 0.5
    keep[2] = False
    got = compact_tokens(x, keep, pad_value=1)
    assert got.out.shape == (4, keep.sum(1).max(), *trailing)
    assert got.out.dtype == x.dtype
    for row in range(4):
        n = int(got.lengths[row])
        assert n == keep[row].sum()
        np.testing.assert_array_equal(got.out[row, :n], x[row][keep[row]])
        assert (got.out[row, n:].astype(np.float32) == 1).all()
        assert got.mask[row].tolist() == [True] * n + [False] * (got.mask.shape[1] - n)
        assert got.index[row].tolist() == np.flatnonzero(keep[row]).tolist() + [-1] * (got.mask.shape[1] - n)


def test_positions_are_taken_in_the_given_order(backend, thread_count):
    x = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    got = compact_tokens(x, np.array([[3, 0, 0, -1], [-1, -1, -1, -1]]), capacity=5)
    assert got.index.tolist() == [[3, 0, 0, -1, -1], [-1] * 5]
    np.testing.assert_array_equal(got.out[0, :3], x[0, [3, 0, 0]])
    assert got.lengths.tolist() == [3, 0]


def test_min_keep_keeps_the_first_position(backend):
    x = np.arange(6).reshape(2, 3)
    got = compact_tokens(x, np.array([[False] * 3, [False, True, True]]), min_keep=1)
    assert got.index.tolist() == [[0, -1], [1, 2]]
    assert got.out.tolist() == [[0, 0], [4, 5]]
    assert compact_tokens(x[:, :0], np.zeros((2, 0), bool), min_keep=1).lengths.tolist() == [0, 0]


def test_strided_rows_and_a_given_out(backend):
    x = np.arange(240).reshape(4, 10, 6)
    keep = np.random.default_rng(0).random((2, 5)) < 0.6
    want = compact_tokens(x[::2, ::2, 1:4].copy(), keep, capacity=5)
    out = np.empty((2, 5, 3), x.dtype)
    got = compact_tokens(x[::2, ::2, 1:4], keep, capacity=5, out=out)
    assert got.out is out
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(0, 5, 2), (3, 0, 2), (3, 5, 0)])
def test_empty_axes(backend, shape):
    x = np.ones(shape, np.float32)
    got = compact_tokens(x, np.ones(shape[:2], bool))
    assert got.out.shape == (shape[0], shape[1] if shape[0] else 0, shape[2])


def test_ragged_equals_rows_of_each_sequence(backend, thread_count):
    rng = np.random.default_rng(1)
    x, keep = rng.standard_normal((20, 3)), rng.random(20) < 0.5
    for dtype in (np.int32, np.int64):
        offsets = np.array([0, 0, 7, 7, 16, 20, 20], dtype)
        out, ends, index = compact_tokens_ragged(x, offsets, keep)
        np.testing.assert_array_equal(out, x[keep])
        np.testing.assert_array_equal(index, np.flatnonzero(keep))
        assert ends.dtype == dtype
        assert ends.tolist() == [0, *(keep[: offsets[s]].sum() for s in range(1, 7))]
    ids = np.array([5, 1, 1, 19, 16])
    out, ends, index = compact_tokens_ragged(x, offsets, ids)
    np.testing.assert_array_equal(out, x[ids])
    assert ends.tolist() == [0, 0, 3, 3, 3, 5, 5]


X = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
KEEP = np.ones((2, 4), bool)
ERRORS = [
    ((X, KEEP[:, :3].copy()), {}, ValueError, r"'keep' must be bool\[b, s\]"),
    ((X, KEEP[0]), {}, ValueError, r"'keep' must be .*got bool\[4\]"),
    ((X, KEEP[:1]), {}, ValueError, "'keep' must be"),
    ((X, KEEP.astype(np.int32)), {}, TypeError, "'keep' must be"),
    ((X.tolist(), KEEP), {}, TypeError, "'x' must be"),
    ((X, None), {}, TypeError, "'keep' must be"),
    ((X.astype(np.complex64), KEEP), {}, TypeError, "'x' must be"),
    ((X.transpose(1, 0, 2)[..., ::2], KEEP.T), {}, ValueError, "contiguous"),
    ((X, KEEP), {"capacity": 3}, ValueError, "'capacity' must be at least 4 for row 0, got 3"),
    ((X, KEEP), {"capacity": -1}, ValueError, "'capacity' must be at least 0"),
    ((X, KEEP), {"min_keep": 2}, ValueError, "'min_keep' must be in"),
    ((X, np.array([[0, 4], [0, 1]])), {}, ValueError, r"must be in \[0, 4\) .* got 4 at row 0, column 1"),
    ((X, np.array([[0, 1], [-1, 1]])), {}, ValueError, "got 1 at row 1, column 1"),
    ((X, KEEP), {"out": np.empty((2, 4, 2), np.float32)}, ValueError, "'out' must be"),
    ((X.astype(np.uint8), KEEP), {"pad_value": 256}, ValueError, "'pad_value' must be a value of uint8"),
    ((X.astype(np.int8), KEEP), {"pad_value": 0.5}, ValueError, "'pad_value' must be a value of int8"),
    ((X, KEEP), {"pad_value": "no"}, TypeError, "'pad_value' must be a number"),
]


@pytest.mark.parametrize(("args", "options", "error", "words"), ERRORS)
def test_wrong_arguments_are_refused(backend, args, options, error, words):
    with pytest.raises(error, match=rf"prune\.compact_tokens: .*{words}"):
        compact_tokens(*args, **options)


def test_out_overlapping_the_input_is_refused():
    x = np.ones((2, 4, 3), np.float32)
    with pytest.raises(ValueError, match="overlap"):
        compact_tokens(x, KEEP, out=x)


@pytest.mark.parametrize(
    ("offsets", "keep", "words"),
    [
        ([0, 2, 4], np.array([0, 4]), r"must be in \[0, 4\), got 4 at position 1"),
        ([0, 2, 4], np.array([2, 1]), "grouped by sequence, got 1 at position 1"),
        ([0, 3], np.ones(4, bool), "must rise from 0 to 4"),
        ([0, 4], np.ones(3, bool), r"'keep' must be bool\[n\]"),
        ([0, 4], np.ones((4, 1), bool), r"'keep' must be .*got bool\[4, 1\]"),
    ],
)
def test_wrong_ragged_arguments_are_refused(backend, offsets, keep, words):
    with pytest.raises(ValueError, match=rf"prune\.compact_tokens_ragged: .*{words}"):
        compact_tokens_ragged(X[0], offsets, keep)


def test_gradients_equal_finite_differences():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    x = torch.from_numpy(rng.standard_normal((2, 5, 3))).requires_grad_()
    mask = torch.from_numpy(rng.random((2, 5)) < 0.5)
    ids = torch.tensor([[4, 4, 0], [2, -1, -1]])
    for keep in (mask, ids):
        assert torch.autograd.gradcheck(lambda x, keep=keep: compact_tokens(x, keep, min_keep=1).out, (x,))
    flat = x.detach()[0].requires_grad_()
    for keep in (mask[0], torch.tensor([3, 3, 1])):
        assert torch.autograd.gradcheck(
            lambda x, keep=keep: compact_tokens_ragged(x, [0, 5], keep)[0], (flat,)
        )
    with pytest.raises(ValueError, match="requires grad"):
        compact_tokens(x, mask, capacity=5, out=torch.empty(2, 5, 3, dtype=torch.float64))
