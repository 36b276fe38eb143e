# SPDX-License-Identifier: Apache-2.0
"""The inputs of these tests tell right from wrong: each wrong greedy fails on at least one of them."""

import numpy as np
import pytest

from tests.cases import bf16
from tokops.prune import maxmin_select
from tokops.reference.prune.canonical import Space

BASE = np.array([[4, 0, 0], [0, 4, 0], [0, 0, 4], [4, 4, 0], [4, 0, 4]], np.float32)
# Rows, k and the picks in order; worked out by hand from the definition.
TABLE = [
    (np.tile(BASE, (4, 1)), 10, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    (np.concatenate([BASE, np.zeros((1, 3), np.float32)]), 4, [5, 0, 1, 2]),
    (np.array([[1, 2, 2], [2, 4, 4], [4, 8, 8], [2, -1, 0]], np.float32), 3, [3, 0, 1]),
    (np.array([[2, 0], [-2, 0], [0, 2], [0, -2]], np.float32), 3, [0, 1, 2]),
    (np.array([[1, 1], [1, 1 + 2**-10], [1, 1 - 2**-9]], np.float32), 3, [2, 1, 0]),
]


def greedy(x, k, mutant=""):
    if mutant == "bfloat16":
        x = bf16(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    space = Space(x)
    distances = np.stack([space.to(i) for i in range(len(x))])
    own = 0.0 if mutant == "diagonal" else np.inf
    nearest = (distances + np.diag(np.full(len(x), own))).min(axis=1)
    picks = []
    for _ in range(k):
        score = nearest.copy()
        if mutant != "repeat":
            score[picks] = -np.inf
        best = np.flatnonzero(score == score.max())
        picks.append(int(best[-1 if mutant == "highest" else 0]))
        nearest = distances[picks].min(axis=0)
    return sorted(picks) if mutant == "sorted" else picks


def passes(select):
    return all(list(select(x, k)) == picks for x, k, picks in TABLE)


def test_the_plain_greedy_passes_on_the_table():
    assert passes(greedy)


def test_the_operator_passes_on_the_table(backend, isa_level):
    assert passes(lambda x, k: maxmin_select(x, k, order="pick").indices.tolist())


@pytest.mark.parametrize("mutant", ["highest", "repeat", "diagonal", "bfloat16", "sorted"])
def test_a_wrong_greedy_fails_on_the_table(mutant):
    assert not passes(lambda x, k: greedy(x, k, mutant))
