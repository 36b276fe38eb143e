# SPDX-License-Identifier: Apache-2.0
"""What holds for any row: hostile patterns against the reference, bounds, and use from several threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokops
from tokops import constrain

ESTIMATORS = ["auto", "rawrs", "desraj", "paper", "gawrs", "none", "exact"]
VALUES = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, -31.0, -60.0, -690.0, 80.0, -1e30, -np.inf, 3e38, 1e-42])


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, dict]:
    v = draw(st.sampled_from([1, 2, 3, 8, 17, 33, 255, 256, 257]))
    few = draw(st.lists(VALUES, min_size=1, max_size=12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    logits = rng.choice(np.array(few, np.float32), size=(3, v))
    if draw(st.booleans()):
        logits[1, rng.integers(v)] = draw(st.sampled_from([np.nan, np.inf]))
    allowed = rng.random((3, v)) < draw(st.sampled_from([0.0, 0.02, 0.5, 1.0]))
    options = {
        "seed": draw(st.integers(0, 2**64 - 1)),
        "estimator": draw(st.sampled_from(ESTIMATORS)),
        "temperature": draw(st.sampled_from([1.0, 0.3, 20.0])),
        "top_k": draw(st.sampled_from([0, 1, 5])),
        "top_p": draw(st.sampled_from([1.0, 0.5, 1e-300])),
        "min_p": draw(st.sampled_from([0.0, 1e-300, 0.4, 1.0])),
        "tail": draw(st.booleans()),
    }
    if options["estimator"] not in ("paper", "auto"):
        options["max_rejects"] = draw(st.sampled_from([None, 2, 5]))
    return logits, allowed, options


@settings(max_examples=150, deadline=None, derandomize=True)
@given(problems())
def test_native_equals_reference_on_hostile_rows(problem: tuple[np.ndarray, np.ndarray, dict]) -> None:
    logits, allowed, options = problem

    def check(rows: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        return allowed[rows, tokens]

    native = constrain.awrs_step(logits, check, **options)
    with tokops.use_backend("reference"):
        plain = constrain.awrs_step(logits, check, **options)
    for name, a, b in zip(native._fields, native, plain, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)
    ok = native.status == constrain.OK
    assert ((native.token >= 0) == ok).all()
    assert allowed[np.flatnonzero(ok), native.token[ok]].all()
    assert not np.isnan(native.logw).any()
    assert (np.isneginf(native.logw) == (native.num == 0)).all()
    assert (native.lo <= native.hi).all()


@pytest.mark.parametrize("estimator", ["rawrs", "gawrs", "exact"])
def test_threads_may_step_at_once(estimator: str) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(40, 3000)).astype(np.float32)
    allowed = rng.random(logits.shape) < 0.3

    def one(seed: int) -> list[list[int]]:
        result = constrain.awrs_step(logits, allowed, seed=seed, estimator=estimator)
        return [field.tolist() for field in result]

    expected = [one(seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(8))) == expected


def test_one_sampler_used_from_several_threads_stays_in_bounds() -> None:
    logits = np.random.default_rng(1).normal(size=(8, 2000)).astype(np.float32)
    sampler = constrain.Sampler(8, 2000, seed=0)
    sampler.load(logits)

    def draw(_: int) -> np.ndarray:
        return sampler.draw(50)[0]

    with ThreadPoolExecutor(4) as pool:
        drawn = np.concatenate(list(pool.map(draw, range(8))), axis=1)
    for row in drawn:
        assert len(set(row.tolist())) == 400
