# SPDX-License-Identifier: Apache-2.0
"""The exact optimum against plain enumeration, and the greedy's promise against the optimum."""

from itertools import combinations

import numpy as np
import pytest

from tokops.reference.prune.canonical import Space
from tokops.reference.prune.exact import maxmin_exact
from tokops.reference.prune.maxmin import select
from tokops.reference.prune.starts import isolated


def matrix(x):
    space = Space(x.astype(np.float32))
    return np.stack([space.to(i) for i in range(len(x))])


def smallest(distances, subset):
    return min((distances[i, j] for i, j in combinations(subset, 2)), default=np.inf)


@pytest.mark.parametrize("seed", range(6))
def test_optimum_equals_enumeration(seed):
    rng = np.random.default_rng(seed)
    n = 5 + seed
    distances = matrix(rng.integers(-2, 3, (n, 4)))
    for k in range(n + 1):
        best = max(combinations(range(n), k), key=lambda subset: smallest(distances, subset))
        assert maxmin_exact(distances, k) == (list(best), smallest(distances, best))


def test_optimum_equals_golden(golden):
    data = np.load(golden("prune") / "mmdp_optimum.npz")
    for name in sorted({key.split("/")[0] for key in data.files}):
        distances = matrix(data[f"{name}/x"])
        subset, value = maxmin_exact(distances, int(data[f"{name}/k"]))
        np.testing.assert_array_equal(subset, data[f"{name}/subset"])
        assert value == pytest.approx(float(data[f"{name}/optimum"]), abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_greedy_angle_is_at_least_half_the_optimum(seed):
    x = np.random.default_rng(seed).standard_normal((12, 3)).astype(np.float32)
    k = 2 + seed % 6
    angles = np.arccos(np.clip(1 - matrix(x), -1, 1))
    picks, _ = select(Space(x), 12, k, isolated, (), None, -np.inf)
    assert 2 * smallest(angles, sorted(picks)) >= maxmin_exact(angles, k)[1] - 1e-12


def test_more_than_24_rows_are_refused():
    with pytest.raises(ValueError, match="n <= 24"):
        maxmin_exact(np.zeros((25, 25)), 2)
