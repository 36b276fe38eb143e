# SPDX-License-Identifier: Apache-2.0
"""The fixed-order arithmetic of the reference against scalar loops and float64."""

import math

import numpy as np
import pytest

from tokops.reference.kv import _numeric as numeric

F32 = np.float32


def scalar_dot(q, k):
    """One operation at a time: odd element, then even element, into lane i; then the halving tree."""
    lanes = [F32(0)] * 16
    for first in range(0, len(q), 32):
        for lane in range(16):
            for element in (first + 2 * lane + 1, first + 2 * lane):
                if element < len(q):
                    lanes[lane] = F32(lanes[lane] + F32(q[element] * k[element]))
    for width in (8, 4, 2, 1):
        lanes = [F32(lanes[i] + lanes[i + width]) for i in range(width)]
    return lanes[0]


@pytest.mark.parametrize("width", [1, 2, 8, 31, 32, 33, 40, 64, 80, 128])
def test_dot_follows_the_stated_order_bit_for_bit(width):
    rng = np.random.default_rng(width)
    q = rng.standard_normal((2, width)).astype(F32)
    keys = rng.standard_normal((5, width)).astype(F32)
    expected = [[scalar_dot(row, key) for key in keys] for row in q]
    assert np.array_equal(numeric.dot(q, keys), np.array(expected, F32))


def test_dot_in_another_order_differs_so_the_order_is_tested():
    rng = np.random.default_rng(0)
    q, keys = rng.standard_normal((1, 128)).astype(F32), rng.standard_normal((500, 128)).astype(F32)
    swapped = np.arange(128).reshape(-1, 2)[:, ::-1].ravel()
    assert (numeric.dot(q, keys) != numeric.dot(q[:, swapped], keys[:, swapped])).mean() > 0.1


def test_exp_is_within_one_ulp_and_zero_below_its_range():
    rng = np.random.default_rng(1)
    x = np.concatenate([-rng.random(300_000) * 87.3, -np.exp(rng.uniform(-20, 4.46, 300_000))]).astype(F32)
    exact = np.exp(x.astype(np.float64))
    error = np.abs(numeric.exp(x) - exact) / np.spacing(exact.astype(F32)).astype(np.float64)
    assert error[x >= F32(-87.3)].max() <= 1.0
    assert np.all(numeric.exp(x)[x < F32(-87.3)] == 0)


def test_exp_of_special_values():
    x = np.array([0.0, -0.0, -np.inf, np.nan, np.nextafter(F32(-87.3), F32(-100))], F32)
    assert numeric.exp(x).tolist() == [1.0, 1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 511, 512])
def test_lane_sum_puts_element_i_in_lane_i_mod_16(count):
    x = np.random.default_rng(count).random(count).astype(F32)
    lanes = [F32(0)] * 16
    for i, value in enumerate(x):
        lanes[i % 16] = F32(lanes[i % 16] + value)
    for width in (8, 4, 2, 1):
        lanes = [F32(lanes[i] + lanes[i + width]) for i in range(width)]
    assert numeric.lane_sum(x) == lanes[0]


def test_softmax_stats_agree_with_float64_over_several_blocks():
    x = (np.random.default_rng(3).standard_normal((3, 1300)) * 8).astype(F32)
    member = np.ones(1300, bool)
    member[:40] = False
    top, total = numeric.softmax_stats(x, member)
    inside = x[:, 40:].astype(np.float64)
    assert np.array_equal(top, inside.max(axis=1))
    assert np.allclose(total, np.exp(inside - inside.max(axis=1, keepdims=True)).sum(axis=1), rtol=1e-6)


def test_softmax_stats_without_members_are_empty():
    top, total = numeric.softmax_stats(np.ones((2, 5), F32), np.zeros(5, bool))
    assert top.tolist() == [-math.inf] * 2
    assert total.tolist() == [0.0, 0.0]
