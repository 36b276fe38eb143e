# SPDX-License-Identifier: Apache-2.0
"""The sampler: draws without replacement, their order, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import tokops
from tokops import constrain

LOGITS = np.array([[1, 0, 2, -1, 3, 0.5]], np.float32)


@pytest.mark.parametrize("backend", ["cpp", "reference"])
def test_the_known_walk(backend: str) -> None:
    with tokops.use_backend(backend):
        sampler = constrain.Sampler(1, 6, seed=42, streams=[3])
        assert sampler.load(LOGITS, steps=7).tolist() == [constrain.OK]
        assert sampler.total.tolist() == [29086963269632]
        tokens, masses = sampler.draw(4)
        assert tokens.tolist() == [[0, 2, 4, 1]]
        assert masses.tolist() == [[2380843450368, 6471803731968, 17592186044416, 875863343104]]
        tokens, masses = sampler.draw(4)
        assert tokens.tolist() == [[5, 3, -1, -1]]
        assert masses.tolist() == [[1444054564864, 322212134912, 0, 0]]
        assert sampler.remaining.tolist() == [0]


@pytest.mark.parametrize("v", [1, 31, 257, 5000])
def test_native_draws_equal_the_reference_and_cover_the_row(v: int, isa_level: str) -> None:
    rng = np.random.default_rng(v)
    logits = (rng.normal(size=(3, v)) * 4).astype(np.float32)
    logits[1] = np.float32(0.25)
    mask = rng.random((3, v)) < 0.7
    results = []
    for backend in ("cpp", "reference"):
        with tokops.use_backend(backend):
            sampler = constrain.Sampler(3, v, seed=7, temperature=1.3)
            sampler.load(logits, steps=[1, 2, 3], mask=mask)
            results.append([*sampler.draw(min(v, 60)), *sampler.draw(2, rows=[2, 0]), sampler.remaining])
    for native, plain in zip(*results, strict=True):
        np.testing.assert_array_equal(native, plain)
    sampler = constrain.Sampler(3, v, seed=7)
    sampler.load(logits, mask=mask)
    tokens, masses = sampler.draw(v)
    for row in range(3):
        drawn = tokens[row][tokens[row] >= 0]
        assert sorted(drawn) == np.flatnonzero(mask[row] & (constrain.masses(logits[row]) > 0)).tolist()
    assert sampler.remaining.tolist() == [0, 0, 0]
    assert masses.sum(1).tolist() == np.where(mask, constrain.masses(logits), 0).sum(1).tolist()


def test_a_row_does_not_depend_on_its_batch() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(7, 900)).astype(np.float32)
    whole = constrain.Sampler(7, 900, seed=3, streams=np.arange(7) + 10)
    whole.load(logits, steps=np.arange(7))
    expected = whole.draw(20)[0]
    order = rng.permutation(7)
    shuffled = constrain.Sampler(7, 900, seed=3, streams=order + 10)
    shuffled.load(logits[order], steps=order)
    np.testing.assert_array_equal(shuffled.draw(20)[0], expected[order])
    single = constrain.Sampler(1, 900, seed=3, streams=[14])
    single.load(logits[4], steps=4)
    np.testing.assert_array_equal(single.draw(20)[0][0], expected[4])


def test_first_draws_follow_the_distribution() -> None:
    logits = np.array([0.0, -1.0, -2.5, 1.0], np.float32)
    masses = constrain.masses(logits)
    n = 40_000
    sampler = constrain.Sampler(n, 4, seed=11)
    sampler.load(np.repeat(logits[None], n, 0))
    counts = np.bincount(sampler.draw(1)[0][:, 0], minlength=4)
    expected = masses / masses.sum() * n
    assert ((counts - expected) ** 2 / expected).sum() < 27.0  # chi-square, 3 degrees, p = 6e-6


def test_temperature_0_draws_in_order_of_logits() -> None:
    logits = np.array([[1, 3, 3, -2, 0.0, -0.0]], np.float32)
    sampler = constrain.Sampler(1, 6, seed=0, temperature=0)
    sampler.load(logits)
    assert sampler.draw(6)[0].tolist() == [[1, 2, 0, 4, 5, 3]]


def test_bad_rows_draw_nothing() -> None:
    logits = np.array([[0, np.nan], [np.inf, 0], [-np.inf, -np.inf], [0, 1]], np.float32)
    sampler = constrain.Sampler(4, 2, seed=0)
    bad, empty = constrain.BAD_LOGITS, constrain.NO_VALID
    assert sampler.load(logits).tolist() == [bad, bad, empty, constrain.OK]
    assert sampler.draw(1)[0][:3].tolist() == [[-1], [-1], [-1]]
    assert sampler.total.tolist()[:3] == [0, 0, 0]


def test_rows_must_be_loaded_before_use() -> None:
    sampler = constrain.Sampler(1, 6, seed=0)
    with pytest.raises(ValueError, match="call load"):
        sampler.draw()
    sampler.load(LOGITS)
    sampler.draw()
    with pytest.raises(ValueError, match="rows are drawn"):
        sampler.step(lambda rows, tokens: tokens >= 0)
    sampler.load(LOGITS)
    with pytest.raises(ZeroDivisionError):
        sampler.step(lambda rows, tokens: 1 / 0)
    with pytest.raises(ValueError, match="rows are spent"):
        sampler.draw()
    sampler.load(LOGITS)
    assert sampler.step(lambda rows, tokens: tokens >= 0).status.tolist() == [constrain.OK]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch": -1}, "'batch'"),
        ({"vocab": 0}, "'vocab'"),
        ({"vocab": 1 << 19}, "'vocab'"),
        ({"streams": [0, 1]}, "'streams'"),
        ({"streams": [-1]}, "'streams'"),
        ({"temperature": 1e-7}, "'temperature'"),
        ({"top_p": 0}, "'top_p'"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        constrain.Sampler(**{"batch": 1, "vocab": 6, "seed": 0, **arguments})


def test_wrong_loads_are_named() -> None:
    sampler = constrain.Sampler(1, 6, seed=0)
    for logits, error in (
        (LOGITS[:, :5], ValueError),
        (LOGITS.astype(np.float64), TypeError),
        (3, TypeError),
    ):
        with pytest.raises(error, match=r"constrain.Sampler: argument 'logits'"):
            sampler.load(logits)
    with pytest.raises(ValueError, match="argument 'mask'"):
        sampler.load(LOGITS, mask=np.ones((1, 5), bool))
    sampler.load(LOGITS)
    with pytest.raises(ValueError, match="argument 'rows'"):
        sampler.draw(1, rows=[1])


def test_logits_changed_behind_the_sampler_do_no_harm() -> None:
    logits = np.random.default_rng(0).normal(size=(2, 3000)).astype(np.float32)
    for change in (-1e9, 1e9, np.nan, np.inf):
        mine = logits.copy()
        sampler = constrain.Sampler(2, 3000, seed=0)
        sampler.load(mine)
        mine[:] = change
        tokens, _ = sampler.draw(3000)
        assert ((tokens >= -1) & (tokens < 3000)).all()
        sampler.load(mine := logits.copy())

        def check(
            rows: np.ndarray, tokens: np.ndarray, mine: np.ndarray = mine, to: float = change
        ) -> np.ndarray:
            mine[:] = to
            return np.zeros(len(rows), bool)

        sampler.step(check, estimator="gawrs")


def test_memory_is_stated_and_does_not_grow() -> None:
    sampler = constrain.Sampler(4, 128_256, seed=0)
    before = sampler.memory_bytes()
    assert before < 4 * (128_256 / 256 * 9 + 128_256 / 8 + 1024)
    sampler.load(np.zeros((4, 128_256), np.float32))
    sampler.step(lambda rows, tokens: tokens >= 0, estimator="rawrs")
    assert sampler.memory_bytes() == before
