# SPDX-License-Identifier: Apache-2.0
"""Exact laws of a constrained step: every path of choices with its probability as a fraction.

The reference step runs against a walk whose picks are scripted: a pick of token t has probability mass / R
and a number of phantom refusals g has probability (R/T)(1 - R/T)^g, with all g >= M lumped. The paths are
visited depth first by replaying the script, so the oracle shares no random number with the code under test.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from tokops.reference.constrain import step as step_module
from tokops.reference.constrain.step import Options, Outcome
from tokops.reference.constrain.walk import Walk


class Script:
    """Replays a path of choices, then takes the first option of every further choice."""

    def __init__(self) -> None:
        self.path: list[int] = []
        self.widths: list[int] = []
        self.probability = Fraction(1)
        self.place = 0

    def rewind(self) -> bool:
        """Move to the next path; False when all were visited."""
        while self.path and self.path[-1] + 1 == self.widths[-1]:
            self.path.pop()
            self.widths.pop()
        if not self.path:
            return False
        self.path[-1] += 1
        self.place, self.probability = 0, Fraction(1)
        return True

    def choose(self, options: list[tuple[int, Fraction]]) -> int:
        """Return the value of the option that this path takes."""
        options = [option for option in options if option[1] > 0]
        if self.place == len(self.path):
            self.path.append(0)
            self.widths.append(len(options))
        value, probability = options[self.path[self.place]]
        self.place += 1
        self.probability *= probability
        return value


class ScriptedWalk(Walk):
    """A walk whose picks come from a script."""

    def __init__(self, logits: np.ndarray, script: Script) -> None:
        everything = np.ones(len(logits), bool)
        super().__init__(logits, everything, everything, (0, 0, 0), False)
        self.script = script

    def pick(self, purpose: int) -> int:
        """Take the script's token."""
        remaining = self.remaining
        return self.script.choose(
            [(int(i), Fraction(self.mass(i), remaining)) for i in np.flatnonzero(self.open)]
        )


@dataclass
class Draw:
    """One path: its probability, outcome, and number of tokens asked."""

    probability: Fraction
    outcome: Outcome
    checks: int


def paths(
    logits: np.ndarray,
    accept: list[bool],
    options: Options,
    mask_cost: int | None = None,
    phantoms: int | None = None,
) -> Iterator[Draw]:
    """Yield every path of a step; ``phantoms`` caps what a geometric draw may give (the rest lumped)."""
    script = Script()
    cap = options.max_rejects if phantoms is None else phantoms

    def scripted_geometric(remaining: int, total: int, word: Callable[[], int]) -> int:
        assert cap is not None
        success = Fraction(remaining, total)
        values = [(g, success * (1 - success) ** g) for g in range(cap)]
        return script.choose([*values, (cap, (1 - success) ** cap)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step_module, "geometric", scripted_geometric)
        while True:
            yield run(ScriptedWalk(logits, script), accept, options, mask_cost)
            if not script.rewind():
                return


def run(walk: ScriptedWalk, accept: list[bool], options: Options, mask_cost: int | None) -> Draw:
    """Run one step with answers from ``accept``; no token may be asked twice."""
    asked: list[int] = []
    answer: object = None
    generator = step_module.step(walk, options, mask_cost)
    try:
        while True:
            token = generator.send(answer)
            if token < 0:
                answer = np.array(accept)
            else:
                assert token not in asked, "a token was asked twice"
                asked.append(token)
                answer = accept[token]
    except StopIteration as end:
        return Draw(walk.script.probability, end.value, len(asked))


def weight(outcome: Outcome) -> Fraction:
    """Return the weight of a tier-0 outcome as a fraction."""
    return Fraction(outcome.num, outcome.den * outcome.div) if outcome.num else Fraction(0)


def law(draws: list[Draw]) -> dict[tuple[int, int, int, int, int, int], Fraction]:
    """Return the probability of each (token, status, num, den, div, checks)."""
    result: dict[tuple[int, int, int, int, int, int], Fraction] = defaultdict(Fraction)
    for draw in draws:
        o = draw.outcome
        result[o.token, o.status, o.num, o.den, o.div, draw.checks] += draw.probability
    return dict(result)
