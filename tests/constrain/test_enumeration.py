# SPDX-License-Identifier: Apache-2.0
"""Every estimator is properly weighted: equalities between fractions over all orders of drawing."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tests.constrain.enumeration import law, paths, weight
from tokops.reference.constrain.masses import masses_op
from tokops.reference.constrain.step import Options

ROWS = {
    2: np.array([0.5, -0.25], np.float32),
    3: np.array([2.25, 3.5, 0.5], np.float32),
    4: np.array([0.0, 0.0, -1.0, 1.5], np.float32),
    5: np.array([-3.0, 1.0, 1.25, 0.0, 4.0], np.float32),
    6: np.array([0.25, 2.0, -1.0, 0.25, 3.0, -6.0], np.float32),
}
CONFIGS = [
    Options("rawrs"),
    Options("rawrs", max_rejects=2),
    Options("rawrs", max_rejects=3),
    Options("rawrs", mask_after=1),
    Options("rawrs", mask_after=2, max_rejects=3),
    Options("desraj", extra=2),
    Options("desraj", extra=2, eps=0.25),
    Options("desraj", extra=3, eps=1 / 16, max_rejects=2),
    Options("desraj", extra=9),
    Options("paper"),
    Options("exact"),
    Options("gawrs", max_accepts=2, max_rejects=2),
    Options("gawrs", max_accepts=3, max_rejects=3),
    Options("auto"),
    Options("auto", mask_after=1),
]


def name(options: Options) -> str:
    return "-".join(
        f"{key}={value}" for key, value in vars(options).items() if value != getattr(Options(), key)
    )


def accept_sets(v: int) -> list[list[bool]]:
    """All accept sets up to v = 4; for more tokens those that differ in kind."""
    every = [list(accept) for accept in product([False, True], repeat=v)]
    return every if v <= 4 else every[:: 7 if v == 5 else 21]


@pytest.mark.parametrize("v", ROWS)
@pytest.mark.parametrize("options", CONFIGS, ids=name)
def test_weights_are_proper_as_equalities_of_fractions(options: Options, v: int) -> None:
    if v == 6 and options.estimator in ("paper", "gawrs"):
        pytest.skip("too many orders for a test; v = 5 covers the same code")
    logits = ROWS[v]
    masses = [int(mass) for mass in masses_op(logits[None], 1.0)[0]]
    total = sum(masses)
    for accept in accept_sets(v):
        probability = Fraction(0)
        mean = [Fraction(0)] * (v + 1)
        for draw in paths(logits, accept, options, mask_cost=1):
            outcome = draw.outcome
            probability += draw.probability
            mean[outcome.token] += draw.probability * weight(outcome)
            z_den = sum(mass for mass, ok in zip(masses, accept, strict=True) if ok)
            assert outcome.lo <= z_den <= outcome.hi
            assert outcome.token == -1 or accept[outcome.token]
        assert probability == 1
        assert mean[:v] == [Fraction(mass * ok, total) for mass, ok in zip(masses, accept, strict=True)]
        assert mean[-1] == 0


def test_variance_falls_with_every_extra_check() -> None:
    logits, accept = ROWS[5], [True, False, True, False, True]

    def variance(options: Options) -> Fraction:
        return sum(d.probability * weight(d.outcome) ** 2 for d in paths(logits, accept, options))

    spread = [variance(Options("desraj", extra=extra)) for extra in (1, 2, 3, 4)]
    assert spread == sorted(spread, reverse=True)
    assert spread[0] > spread[1] > spread[2]
    assert variance(Options("rawrs")) == spread[0]


def test_the_tail_switch_turns_an_exhausted_row_into_no_valid() -> None:
    logits, accept = np.array([0.0, -100.0, -300.0, -900.0], np.float32), [False, False, False, True]
    (found,) = paths(logits, accept, Options("rawrs"))
    assert (found.outcome.token, found.outcome.num, found.outcome.den) == (3, 1 << 44, 1 << 44)
    assert found.outcome.log_scale == -900.0
    (lost,) = paths(logits, accept, Options("rawrs", tail=False))
    assert (lost.outcome.token, lost.outcome.num, lost.checks) == (-1, 0, 1)


def stored() -> list[tuple[int, dict, dict]]:
    path = Path(__file__).parents[1] / "data" / "constrain" / "enumeration.json"
    rows = json.loads(path.read_text())
    return [(i, row, entry) for i, row in enumerate(rows) for entry in row["laws"]]


@pytest.mark.parametrize(
    ("index", "row", "entry"), stored(), ids=lambda x: str(x)[:1] if isinstance(x, int) else ""
)
def test_laws_equal_the_stored_enumeration(index: int, row: dict, entry: dict) -> None:
    logits = np.array([int(bits, 16) for bits in row["logits_hex"]], np.uint32).view(np.float32)
    options = Options(**entry["config"])
    endless = options.estimator == "gawrs" and options.max_rejects is None
    if endless:
        pytest.skip("the law of gawrs without a limit is endless; its means are tested with a limit")
    draws = list(paths(logits, row["accept"], options))
    if options.estimator == "gawrs":
        found: dict = {}
        for draw in draws:
            outcome = draw.outcome
            key = (outcome.num, outcome.den if outcome.num else 0)
            found[key] = found.get(key, 0.0) + float(draw.probability)
        wanted = {(o["num"], o["den"]): o["prob_float"] for o in entry["outcomes"]}
        for key in found | wanted:
            assert found.get(key, 0.0) == pytest.approx(wanted.get(key, 0.0), abs=1e-12)
        return
    fields = ("token", "status", "num", "div", "checks")
    found = {(t, s, n, d, c): p for (t, s, n, _, d, c), p in law(draws).items()}
    wanted = {tuple(o[f] for f in fields): o for o in entry["outcomes"]}
    assert found.keys() == wanted.keys()
    for key, probability in found.items():
        assert float(probability) == pytest.approx(wanted[key]["prob_float"], rel=1e-12)
        if wanted[key]["prob"] is not None:
            assert probability == Fraction(wanted[key]["prob"])
    assert float(sum(d.probability * d.checks for d in draws)) == pytest.approx(
        entry["mean_checks"], rel=1e-12
    )
