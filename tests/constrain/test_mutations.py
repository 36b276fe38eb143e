# SPDX-License-Identifier: Apache-2.0
"""Deliberately broken definitions must fail the checks that the other tests rest on."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tokops
from tests.constrain.enumeration import paths, weight
from tokops import constrain
from tokops.reference.constrain import masses, sampler, step, walk
from tokops.reference.constrain.step import Options

LOGITS = np.array([0.0, 0.0, -1.0, 1.5], np.float32)
ACCEPT = [True, False, True, False]


def proper(options: Options, phantoms: int | None = None) -> None:
    whole = masses.masses_op(LOGITS[None], 1.0)[0]
    mean = [Fraction(0)] * 5
    for draw in paths(LOGITS, ACCEPT, options, phantoms=phantoms):
        mean[draw.outcome.token] += draw.probability * weight(draw.outcome)
    wanted = [Fraction(int(mass) * ok, int(whole.sum())) for mass, ok in zip(whole, ACCEPT, strict=True)]
    assert mean[:4] == wanted


def known_walk() -> None:
    with tokops.use_backend("reference"):
        drawn = constrain.Sampler(1, 6, seed=42, streams=[3])
        drawn.load(np.array([[1, 0, 2, -1, 3, 0.5]], np.float32), steps=7)
        assert drawn.draw(6)[0].tolist() == [[0, 2, 4, 1, 5, 3]]


def stored_masses() -> None:
    path = Path(__file__).parents[1] / "data" / "constrain" / "exp32.json"
    for entry in json.loads(path.read_text()):
        x = np.array([int(entry["x"], 16)], np.uint32).view(np.float32)
        if x[0] <= 0:
            assert masses.relative_masses(x, np.float32(0)).tolist() == [entry["mass"]]


def status_of(row: list[float], **options: Any) -> int:
    with tokops.use_backend("reference"):
        result = constrain.awrs_step(np.array([row], np.float32), lambda r, t: t == 3, seed=0, **options)
    return int(result.status[0])


def bad_logits() -> None:
    assert status_of([0, np.nan, 0, 0]) == constrain.BAD_LOGITS


def tail_tiers() -> None:
    assert status_of([0, -100, -300, -900], estimator="rawrs") == constrain.OK


def lowest_tie() -> None:
    with tokops.use_backend("reference"):
        drawn = constrain.Sampler(1, 4, seed=0, top_k=1)
        drawn.load(np.array([[1, 2, 2, 2]], np.float32))
        assert drawn.draw(1)[0].tolist() == [[1]]


def rawrs_limit() -> None:
    proper(Options("rawrs", max_rejects=2))


def desraj() -> None:
    proper(Options("desraj", extra=2))


def gawrs() -> None:
    proper(Options("gawrs", max_rejects=3))


def without_phantoms() -> None:
    proper(Options("gawrs", max_rejects=3), phantoms=0)


GUARDS = [
    known_walk,
    stored_masses,
    bad_logits,
    tail_tiers,
    lowest_tie,
    rawrs_limit,
    desraj,
    gawrs,
]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.__name__)
def test_guards_pass_on_the_right_definitions(guard: Callable[[], None]) -> None:
    guard()


def modulo(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(walk, "mul_high", lambda a, b: a % b)


def row_numbers_for_streams(patch: pytest.MonkeyPatch) -> None:
    load = sampler.Rows.load

    def wrong(self: sampler.Rows, *arguments: Any) -> Any:
        self.streams = list(range(len(self.streams)))
        return load(self, *arguments)

    patch.setattr(sampler.Rows, "load", wrong)


def exp_in_float64(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(masses, "exp32", lambda x: np.where(x <= -31, 0.0, np.exp(x.astype(np.float64))))


def nan_as_minus_infinity(patch: pytest.MonkeyPatch) -> None:
    right = sampler.scaled_row
    patch.setattr(sampler, "scaled_row", lambda row, inverse: right(np.nan_to_num(row, nan=-np.inf), inverse))


def no_tail(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(walk.Walk, "next_tier", lambda self: False)


def ties_to_the_highest_id(patch: pytest.MonkeyPatch) -> None:
    right = sampler.truncate

    def wrong(raw: np.ndarray, support: np.ndarray, weights: np.ndarray, *rules: Any) -> np.ndarray:
        return right(raw[::-1], support[::-1], weights[::-1], *rules)[::-1]

    patch.setattr(sampler, "truncate", wrong)


def no_last_attempt(patch: pytest.MonkeyPatch) -> None:
    right = step.Row.seen_more

    def wrong(self: step.Row, token: int, mass: int) -> step.Step:
        self.limit = None
        return right(self, token, mass)

    patch.setattr(step.Row, "seen_more", wrong)


def stop_after_seeing(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: step.Row, token: int, mass: int) -> step.Step:
        accepted = mass
        while self.walk.remaining > 0:
            before = self.walk.remaining
            other, other_mass = self.walk.draw()
            if (yield other):  # stops on an accept: a time that the answer decides
                return self.accept(token, accepted + before, self.walk.total, accepted + other_mass, before)
        return self.accept(token, accepted, self.walk.total, accepted, accepted)

    patch.setattr(step.Row, "seen_more", wrong)


def ask_twice(patch: pytest.MonkeyPatch) -> None:
    right = step.Row.gawrs

    def wrong(self: step.Row) -> step.Step:
        inner = right(self)
        answer = None
        try:
            while True:
                token = inner.send(answer)
                yield token
                answer = yield token
        except StopIteration as end:
            return end.value

    patch.setattr(step.Row, "gawrs", wrong)


@pytest.mark.parametrize(
    ("mutate", "guard"),
    [
        (modulo, known_walk),
        (row_numbers_for_streams, known_walk),
        (exp_in_float64, stored_masses),
        (nan_as_minus_infinity, bad_logits),
        (no_tail, tail_tiers),
        (ties_to_the_highest_id, lowest_tie),
        (no_last_attempt, rawrs_limit),
        (stop_after_seeing, desraj),
        (ask_twice, gawrs),
    ],
    ids=lambda f: f.__name__,
)
def test_a_wrong_definition_fails(
    mutate: Callable[[pytest.MonkeyPatch], None], guard: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate(monkeypatch)
    with pytest.raises(AssertionError):
        guard()


def test_leaving_out_the_phantoms_fails() -> None:
    with pytest.raises(AssertionError):
        without_phantoms()
