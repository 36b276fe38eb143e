# SPDX-License-Identifier: Apache-2.0
"""Random steps follow the enumerated law: joint counts by chi-square, weights by z, bounds on every draw."""

from __future__ import annotations

import json
from fractions import Fraction
from math import lgamma
from pathlib import Path

import numpy as np
import pytest

from tests.constrain.enumeration import law, paths
from tokops.constrain import awrs_step
from tokops.reference.constrain.step import Options

N = 40_000
ROWS = json.loads((Path(__file__).parents[1] / "data" / "constrain" / "enumeration.json").read_text())
CONFIGS = [
    {"estimator": "rawrs"},
    {"estimator": "rawrs", "max_rejects": 2},
    {"estimator": "desraj", "extra": 2},
    {"estimator": "desraj", "extra": 2, "eps": 0.25, "max_rejects": 3},
    {"estimator": "paper"},
    {"estimator": "none"},
    {"estimator": "gawrs", "max_rejects": 3},
    {"estimator": "gawrs", "max_accepts": 3, "max_rejects": 4},
    {"estimator": "exact"},
]


def chi_square_tail(x: float, degrees: int) -> float:
    """P(chi-square > x), by the series of the lower incomplete gamma function."""
    a, half = degrees / 2, x / 2
    term = total = 1 / a
    for n in range(1, 10_000):
        term *= half / (a + n)
        total += term
        if term < total * 1e-15:
            break
    return max(0.0, 1 - total * np.exp(a * np.log(half) - half - lgamma(a))) if half > 0 else 1.0


def sample(index: int, config: dict, seed: int = 17) -> tuple[object, list[tuple[int, ...]]]:
    row = ROWS[index]
    logits = np.array([int(bits, 16) for bits in row["logits_hex"]], np.uint32).view(np.float32)
    accept = np.array(row["accept"])
    exact = config["estimator"] == "exact"
    check = np.repeat(accept[None], N, 0) if exact else lambda rows, tokens: accept[tokens]
    result = awrs_step(np.repeat(logits[None], N, 0), check, seed=seed, **config)
    fields = (result.token, result.status, result.num, result.den, result.div, result.checks)
    return result, list(zip(*(field.tolist() for field in fields), strict=True))


def deviation(index: int, config: dict, outcomes: list[tuple[int, ...]]) -> float:
    """p value of the joint counts against the enumerated law; rare outcomes are pooled."""
    row = ROWS[index]
    logits = np.array([int(bits, 16) for bits in row["logits_hex"]], np.uint32).view(np.float32)
    expected = law(list(paths(logits, row["accept"], Options(**config))))
    counts: dict[tuple[int, ...], int] = {}
    for outcome in outcomes:
        counts[outcome] = counts.get(outcome, 0) + 1
    if not counts.keys() <= expected.keys():
        return 0.0
    pooled, x, degrees = [0.0, 0.0], 0.0, -1
    for outcome, probability in expected.items():
        mean = float(probability) * N
        if mean < 8:
            pooled = [pooled[0] + mean, pooled[1] + counts.get(outcome, 0)]
            continue
        x += (counts.get(outcome, 0) - mean) ** 2 / mean
        degrees += 1
    if pooled[0] >= 1:
        x, degrees = x + (pooled[1] - pooled[0]) ** 2 / pooled[0], degrees + 1
    return 1.0 if degrees < 1 else chi_square_tail(x, degrees)


@pytest.mark.parametrize("index", range(len(ROWS)))
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: "-".join(str(v) for v in config.values()))
def test_random_steps_follow_the_law(config: dict, index: int) -> None:
    result, outcomes = sample(index, config)
    assert deviation(index, config, outcomes) > 1e-6
    row = ROWS[index]
    total = sum(row["masses"])
    z = Fraction(row["z"])
    inside = sum(mass for mass, ok in zip(row["masses"], row["accept"], strict=True) if ok)
    assert ((result.lo <= inside) & (inside <= result.hi)).all()
    if config["estimator"] == "none":
        return
    weights = np.exp(result.logw)
    modal = np.bincount(np.unique(weights, return_inverse=True)[1]).max()
    if N - modal < 200:  # a constant weight, up to rare outcomes
        return
    for token, mass in enumerate(row["masses"]):
        sampled = weights * (result.token == token)
        if (result.token == token).sum() >= 200:
            assert abs(sampled.mean() - mass / total) < 5.2 * sampled.std() / np.sqrt(N)
    assert abs(weights.mean() - float(z)) < 5.2 * weights.std() / np.sqrt(N)


def test_a_wrong_law_is_noticed() -> None:
    _, outcomes = sample(1, {"estimator": "rawrs"})
    assert deviation(1, {"estimator": "desraj", "extra": 2}, outcomes) < 1e-6
    assert deviation(1, {"estimator": "rawrs", "max_rejects": 2}, outcomes) < 1e-6


def test_chi_square_tail_has_known_values() -> None:
    assert chi_square_tail(3.841458820694124, 1) == pytest.approx(0.05, rel=1e-9)
    assert chi_square_tail(18.307038053275146, 10) == pytest.approx(0.05, rel=1e-9)
