# SPDX-License-Identifier: Apache-2.0
"""What maxmin_select refuses, with which error and words."""

import numpy as np
import pytest

from tokops.prune import maxmin_select

X = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
BATCH = np.stack([X, X])


def bad(row, column, value):
    x = X.copy()
    x[row, column] = value
    return x


VALUE_ERRORS = [
    ("no-limit", X, {}, "one of 'k', 'ratio' and 'min_distance'"),
    ("k-and-ratio", X, {"k": 2, "ratio": 0.5}, "exclude each other"),
    ("k-above-n", X, {"k": 7}, r"'k' must be in \[0, 6\] in segment 0, got 7"),
    ("k-below-0", X, {"k": -1}, r"got -1"),
    ("k-below-0-clamped", X, {"k": -1, "clamp": True}, r"got -1"),
    ("k-per-segment", X, {"k": [1, 2]}, "must have 1 entries, got 2"),
    ("ratio-above-1", X, {"ratio": 1.5}, "'ratio' must be in"),
    ("ratio-nan", X, {"ratio": float("nan")}, "'ratio' must be in"),
    ("distance-nan", X, {"min_distance": float("nan")}, "'min_distance' must be"),
    ("distance-negative", X, {"min_distance": -0.5}, "'min_distance' must be"),
    ("distance-weights", X, {"min_distance": 0.5, "weights": np.ones(6, np.float32)}, "exclude each other"),
    ("nan", bad(4, 2, np.nan), {"k": 2}, "must be finite, got a NaN or infinity at row 4, column 2"),
    ("inf", bad(1, 3, -np.inf), {"k": 2}, "must be finite, got a NaN or infinity at row 1, column 3"),
    (
        "outside-nan",
        X,
        {"k": 2, "anchor_features": bad(3, 0, np.nan)},
        "'anchor_features' must be finite.* row 3",
    ),
    ("one-axis", X[0], {"k": 1}, r"'x' must be .*\[b\?, n, d\]"),
    ("four-axes", X[None, None], {"k": 1}, "'x' must be"),
    ("no-columns", np.zeros((3, 0), np.float32), {"k": 1}, "at least one column"),
    ("column-stride", np.asfortranarray(X), {"k": 1}, "contiguous"),
    ("offsets-start", X, {"k": 1, "cu_seqlens": [1, 6]}, "must rise from 0 to 6"),
    ("offsets-end", X, {"k": 1, "cu_seqlens": [0, 5]}, "must rise from 0 to 6"),
    ("offsets-fall", X, {"k": 1, "cu_seqlens": [0, 4, 3, 6]}, "must rise from 0 to 6"),
    ("offsets-empty", X, {"k": 1, "cu_seqlens": []}, "must be"),
    ("offsets-batch", BATCH, {"k": 1, "cu_seqlens": [0, 6]}, "goes with x"),
    ("empty-segment", X, {"k": 1, "cu_seqlens": [0, 3, 3, 6]}, r"in segment 1, got 1"),
    ("anchor-range", X, {"k": 1, "anchors": np.array([2, 6])}, r"'anchors' must be in \[0, 6\), got 6"),
    ("anchor-twice", X, {"k": 1, "anchors": np.array([2, 0, 2])}, "must not repeat a row, got 2"),
    ("anchor-axes", BATCH, {"k": 1, "anchors": np.array([2])}, r"must be int64\[2, a\]"),
    ("anchors-leave", X, {"k": 5, "anchors": np.array([2, 3])}, r"must be in \[0, 4\]"),
    ("outside-width", X, {"k": 1, "anchor_features": X[:, :3]}, "'anchor_features'"),
    ("outside-offsets", X, {"k": 1, "anchor_features": X, "cu_seqlens": [0, 6]}, "goes with 'cu_seqlens'"),
    ("weights-length", X, {"k": 1, "weights": np.ones(5, np.float32)}, "'weights'"),
    ("weights-negative", X, {"k": 1, "weights": np.array([1, 1, -1, 1, 1, 1], np.float32)}, "at row 2"),
    ("weights-nan", X, {"k": 1, "weights": np.array([1, 1, 1, np.nan, 1, 1], np.float32)}, "at row 3"),
    ("init-range", X, {"k": 1, "init": 6}, r"'init' must be in \[0, 6\) in segment 0, got 6"),
    ("init-word", X, {"k": 1, "init": "first"}, "'init' must be one of"),
    ("init-anchors", X, {"k": 1, "init": 1, "anchors": np.array([0])}, "excludes"),
    (
        "init-pair-weights",
        X,
        {"k": 1, "init": "farthest_pair", "weights": np.ones(6, np.float32)},
        "with 'weights'",
    ),
    ("metric", X, {"k": 1, "metric": "dot"}, "'metric' must be one of"),
    ("order", X, {"k": 1, "order": "none"}, "'order' must be one of"),
    ("precision", X, {"k": 1, "precision": "float64"}, "'precision' must be one of"),
    (
        "precision-metric",
        X,
        {"k": 1, "precision": "input", "metric": "euclidean"},
        "'precision' must be float32",
    ),
]
TYPE_ERRORS = [
    ("float64", X.astype(np.float64), {"k": 1}, r"'x' must be .*got float64\[6, 4\]"),
    ("int32", X.astype(np.int32), {"k": 1}, "'x' must be"),
    ("bool", X > 0, {"k": 1}, "'x' must be"),
    ("complex", X.astype(np.complex64), {"k": 1}, "'x' must be"),
    ("list", X.tolist(), {"k": 1}, "'x' must be"),
    ("none", None, {"k": 1}, "'x' must be"),
    ("k-float", X, {"k": 1.0}, "'k' must be int"),
    ("k-bool", X, {"k": True}, "'k' must be int"),
    ("ratio-text", X, {"ratio": "half"}, "'ratio' must be float"),
    ("offsets-dtype", X, {"k": 1, "cu_seqlens": np.array([0, 6], np.uint8)}, "must be int32 or int64"),
    ("anchors-dtype", X, {"k": 1, "anchors": np.array([0], np.int32)}, "'anchors' must be int64"),
    ("anchors-list", X, {"k": 1, "anchors": [0]}, "'anchors' must be int64"),
    ("outside-dtype", X, {"k": 1, "anchor_features": X.astype(np.float16)}, "'anchor_features' must be"),
    ("weights-dtype", X, {"k": 1, "weights": np.ones(6)}, "'weights' must be"),
    ("init-float", X, {"k": 1, "init": 1.5}, "'init' must be int"),
    ("clamp", X, {"k": 1, "clamp": 1}, "'clamp' must be bool"),
]


@pytest.mark.parametrize(("name", "x", "options", "words"), VALUE_ERRORS, ids=[e[0] for e in VALUE_ERRORS])
def test_wrong_values_are_refused(backend, name, x, options, words):
    with pytest.raises(ValueError, match=rf"prune\.maxmin_select: .*{words}"):
        maxmin_select(x, **options)


@pytest.mark.parametrize(("name", "x", "options", "words"), TYPE_ERRORS, ids=[e[0] for e in TYPE_ERRORS])
def test_wrong_kinds_are_refused(backend, name, x, options, words):
    with pytest.raises(TypeError, match=rf"prune\.maxmin_select: .*{words}"):
        maxmin_select(x, **options)


def test_clamp_keeps_all_rows():
    assert maxmin_select(X, 9, clamp=True).indices.tolist() == list(range(6))
    assert maxmin_select(X, 9, clamp=True, anchors=np.array([4])).indices.tolist() == [0, 1, 2, 3, 5]


def test_rows_that_require_grad_are_accepted():
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(X.copy()).requires_grad_()
    got = maxmin_select(x, 3, weights=torch.ones(6, requires_grad=True))
    assert not got.gaps.requires_grad
    assert got.indices.tolist() == maxmin_select(X, 3).indices.tolist()
