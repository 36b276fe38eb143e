# SPDX-License-Identifier: Apache-2.0
"""What a max-min selection promises whatever the rows are: replay, structure, layouts, degenerate inputs."""

import numpy as np
import pytest

from tests.cases import bf16, dyadic
from tokops.prune import maxmin_select
from tokops.reference.prune.canonical import Space


def rows(seed, n, d):
    """Random rows of which some are near copies of others."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d)).astype(np.float32)
    copies = rng.integers(0, n, n // 3)
    x[: n // 3] = x[copies] + 0.05 * rng.standard_normal((n // 3, d)).astype(np.float32)
    return x


def same(a, b):
    for left, right in zip(a, b, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(("n", "d"), [(40, 3), (57, 17), (130, 64), (200, 515)])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_replay_every_pick_has_the_largest_score(isa_level, thread_count, n, d, metric):
    x = rows(n, n, d)
    got = maxmin_select(x, n // 2, order="pick", metric=metric)
    space = Space(x, metric)
    distances = np.stack([space.to(i) for i in range(n)])
    isolation = (distances + np.diag(np.full(n, np.inf))).min(axis=1)
    assert isolation[got.indices[0]] >= isolation.max() - 1e-12
    nearest, free = np.full(n, np.inf), np.ones(n, bool)
    for step, pick in enumerate(got.indices):
        assert free[pick]
        if step:
            best = nearest[free].max()
            assert nearest[pick] >= best - 1e-12
            assert not (free & (nearest == nearest[pick]))[:pick].any(), "an equal score at a lower row"
            assert got.gaps[step] == np.float32(nearest[pick])
        free[pick] = False
        nearest = np.minimum(nearest, distances[pick])


@pytest.mark.parametrize("precision", ["float32", "input"])
def test_selection_follows_a_permutation_of_the_rows(precision):
    x = rows(3, 90, 33)
    order = np.random.default_rng(4).permutation(90)
    got = maxmin_select(x[order], 40, order="pick", precision=precision)
    np.testing.assert_array_equal(order[got.indices], maxmin_select(x, 40, order="pick").indices)


def test_scaling_rows_by_powers_of_two_changes_nothing():
    x = rows(5, 80, 20)
    scale = np.ldexp(np.float32(1), np.random.default_rng(6).integers(-90, 90, 80)).astype(np.float32)
    same(maxmin_select(x * scale[:, None], 30, order="pick"), maxmin_select(x, 30, order="pick"))


@pytest.mark.parametrize("length", [1e-30, 1e-44, 1e30])
def test_very_short_and_long_rows_are_scaled_copies(length):
    x = np.sign(rows(7, 30, 12))
    want = maxmin_select(x, 20, order="pick").indices
    if length == 1e-44:
        length = 2.0**-149
    scale = np.ldexp(np.float32(1), int(np.log2(length)))
    np.testing.assert_array_equal(maxmin_select(x * scale, 20, order="pick").indices, want)


def test_smaller_k_gives_a_prefix():
    x = rows(8, 70, 24)
    full = maxmin_select(x, 70, order="pick")
    for k in (0, 1, 2, 33):
        np.testing.assert_array_equal(maxmin_select(x, k, order="pick").indices, full.indices[:k])
    assert (np.diff(full.gaps[1:]) <= 0).all()
    stop = float(np.nextafter(full.gaps[25], np.float32(0)))  # a gap is rounded, the stop is not
    part = maxmin_select(x, min_distance=stop, order="pick")
    np.testing.assert_array_equal(part.indices, full.indices[:26])


def test_anchors_continue_the_run_that_picked_them():
    x = rows(9, 60, 16)
    full = maxmin_select(x, 30, order="pick", init=11)
    rest = maxmin_select(x, 20, order="pick", anchors=full.indices[:10][::-1].copy())
    np.testing.assert_array_equal(rest.indices, full.indices[10:])
    np.testing.assert_array_equal(rest.gaps, full.gaps[10:])


def test_outside_rows_act_like_anchors():
    x = rows(10, 60, 16)
    full = maxmin_select(x, 25, order="pick", anchors=np.array([3, 50, 7]))
    free = np.delete(np.arange(60), [3, 50, 7])
    got = maxmin_select(x[free], 25, order="pick", anchor_features=x[[50, 3, 7]])
    np.testing.assert_array_equal(free[got.indices], full.indices)


def test_equal_weights_are_no_weights_and_zero_weights_come_last():
    x = rows(11, 40, 16)
    same(
        maxmin_select(x, 20, order="pick", weights=np.ones(40, np.float32)),
        maxmin_select(x, 20, order="pick"),
    )
    weights = np.ones(40, np.float32)
    weights[::2] = 0
    got = maxmin_select(x, 25, order="pick", weights=weights)
    assert set(got.indices[:20].tolist()) == set(range(1, 40, 2))
    assert got.indices[20:].tolist() == [0, 2, 4, 6, 8]


def test_bfloat16_rows_are_their_float32_values(backend):
    x = bf16(rows(12, 50, 40))
    same(maxmin_select(x, 25), maxmin_select(x.astype(np.float32), 25))


@pytest.mark.parametrize("precision", ["float32", "input"])
def test_ragged_batch_and_single_calls_agree(backend, thread_count, precision):
    x = np.stack([rows(20 + i, 30, 18) for i in range(4)]).astype(np.float16)
    weights = np.random.default_rng(0).random((4, 30), np.float32)
    anchors = np.array([[1, 9], [0, 29], [4, 3], [7, 8]])
    outside = rows(30, 12, 18).astype(np.float16).reshape(4, 3, 18)
    k = [5, 0, 28, 11]
    options = {"precision": precision, "order": "pick"}
    batch = maxmin_select(x, k, weights=weights, anchors=anchors, anchor_features=outside, **options)
    ragged = maxmin_select(
        x.reshape(-1, 18), k, weights=weights.ravel(), anchors=(anchors + 30 * np.arange(4)[:, None]).ravel(),
        anchor_features=outside.reshape(-1, 18), anchor_cu_seqlens=[0, 3, 6, 9, 12],
        cu_seqlens=[0, 30, 60, 90, 120], **options,
    )  # fmt: skip
    assert batch.counts.tolist() == ragged.counts.tolist() == k
    assert batch.indices.shape == (4, 28)
    place = 0
    for i in range(4):
        single = maxmin_select(
            x[i], k[i], weights=weights[i], anchors=anchors[i], anchor_features=outside[i], **options
        )
        np.testing.assert_array_equal(batch.indices[i, : k[i]], single.indices)
        assert (batch.indices[i, k[i] :] == 30).all()
        assert np.isnan(batch.gaps[i, k[i] :]).all()
        np.testing.assert_array_equal(ragged.indices[place : place + k[i]], single.indices + 30 * i)
        np.testing.assert_array_equal(ragged.gaps[place : place + k[i]], single.gaps)
        place += k[i]


def test_a_segment_without_anchors_starts_with_the_isolated_row(backend):
    x = rows(13, 40, 8)
    got = maxmin_select(x, 3, order="pick", cu_seqlens=[0, 20, 40], anchors=np.array([25]))
    np.testing.assert_array_equal(got.indices[:3], maxmin_select(x[:20], 3, order="pick").indices)


def test_ascending_order_sorts_rows_and_moves_gaps_along():
    x = rows(14, 40, 8)
    by_pick, by_row = maxmin_select(x, 15, order="pick"), maxmin_select(x, 15)
    rank = np.argsort(by_pick.indices)
    np.testing.assert_array_equal(by_row.indices, by_pick.indices[rank])
    np.testing.assert_array_equal(by_row.gaps, by_pick.gaps[rank])


def test_a_cosine_beside_a_rounding_boundary_is_rounded_once(backend, isa_level):
    # g = 0.5 + 2^-9 + 2^-30 rounds up to 0.5 + 2^-8 in bfloat16; in float32 it is a tie and would round down.
    x = bf16([[1, 2**-5, 2**-15, 0], [0.5, 2**-4, 2**-15, 0.86328125]])
    assert maxmin_select(x, 2, precision="input").gaps.tolist() == [0.49609375] * 2


@pytest.mark.parametrize("d", [1, 15, 16, 17, 100])
def test_duplicates_are_taken_once_and_in_order(backend, d):
    x = np.tile(dyadic(np.random.default_rng(d), 5, d) + np.float32(2), (4, 1))
    got = maxmin_select(x, 20, order="pick")
    assert sorted(got.indices.tolist()) == list(range(20))
    assert got.indices[5:].tolist() == sorted(got.indices[5:].tolist())
    assert (got.gaps[5:] == 0).all()


def test_equal_newline_rows_among_tokens():
    x = rows(15, 600, 32)
    x[576:] = x[576]
    got = maxmin_select(x, 590)
    assert len(set(got.indices.tolist())) == 590


@pytest.mark.parametrize("init", ["isolated", "farthest_pair", "medoid", 0])
def test_one_row_and_no_rows(backend, init):
    got = maxmin_select(np.ones((1, 3), np.float32), 1, init=init)
    assert got.indices.tolist() == [0]
    assert got.gaps.tolist() == [np.inf]
    for options in ({"k": 0}, {"ratio": 0.5}, {"min_distance": 0.1}):
        empty = maxmin_select(np.ones((0, 3), np.float32), init=init, **options)
        assert [a.tolist() for a in empty] == [[], [], [0]]


def test_medoid_is_the_row_with_the_largest_mean_cosine(backend):
    x = rows(16, 50, 9)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True).astype(np.float64)
    assert maxmin_select(x, 1, init="medoid").indices[0] == np.argmax((unit @ unit.T).mean(axis=1))
    squared = ((x[:, None].astype(np.float64) - x) ** 2).sum(axis=(1, 2))
    assert maxmin_select(x, 1, init="medoid", metric="euclidean").indices[0] == np.argmin(squared)


def test_rows_with_a_stride_are_read_in_place(backend):
    x = rows(17, 40, 30)
    same(maxmin_select(x[::2, 3:20], 10), maxmin_select(x[::2, 3:20].copy(), 10))
    wide = np.stack([x, x[::-1]])
    same(maxmin_select(wide[:, 5:, :7], 10), maxmin_select(wide[:, 5:, :7].copy(), 10))
