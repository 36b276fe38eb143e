# SPDX-License-Identifier: Apache-2.0
"""One constrained step of one row: the estimators, written as generators that ask the checker.

A generator yields a token and is sent whether it is valid; or yields EVERYTHING and is sent bool[v]; or
yields MASK and is sent bool[v] or None when there is no mask now. It returns an Outcome. No token is asked
twice. Why the weights are right: for a fixed prefix of the order with accepted mass A, unseen mass U and next
token y, E[A + U f(y)] = Z. So to stop at any time decided before the next answer is seen is proper.
Source: Lipkin et al., "Fast Controlled Generation from Language Models with Adaptive Weighted Rejection
Sampling" (2025); Des Raj (1956), ordered estimators; Girshick, Mosteller, Savage (1946), curtailed sampling.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from math import floor, inf, log
from typing import Any

import numpy as np

from ._geometric import geometric
from .masses import TOP
from .walk import EXACT, PHANTOM, WALK, Walk

OK, NO_VALID, KILLED, BAD_LOGITS = 0, 1, 2, 3
EVERYTHING, MASK = (
    -1,
    -2,
)  # asked in place of a token: the answers for the whole row; the mask, if there is one
MANY = 1 << 62  # where a count of refusals saturates
CHEAP_MASK = 64  # a mask that costs at most this many checks is worth a switch


@dataclass(frozen=True)
class Options:
    """The options of awrs_step that a row needs."""

    estimator: str = "rawrs"
    extra: int = 1
    eps: float = 0.0
    max_rejects: int | None = None
    max_accepts: int = 2
    mask_after: int | None = None
    tail: bool = True


@dataclass
class Outcome:
    """The fields of one row of a StepResult; ``lo`` and ``hi`` bound Z * den."""

    token: int = -1
    status: int = NO_VALID
    num: int = 0
    den: int = 0
    div: int = 1
    log_scale: float = 0.0
    lo: int = 0
    hi: int = 0

    @property
    def logw(self) -> float:
        """The log of the weight; -inf when it is 0."""
        if self.num == 0:
            return -inf
        return log(self.num) - log(self.den) - log(self.div) + self.log_scale


Step = Generator[int, Any, Outcome]


def step(walk: Walk, options: Options, mask_cost: int | None) -> Step:
    """Draw one valid token with its weight; ``mask_cost`` is the state's, None without a mask."""
    row = Row(walk, options, mask_cost)
    if row.estimator == "exact":
        return (yield from row.exact())
    if row.estimator == "gawrs":
        return (yield from row.gawrs())
    return (yield from row.ordered())


class Row:
    """The step of one row: options after the automatic policy, and the refusals so far."""

    def __init__(self, walk: Walk, options: Options, mask_cost: int | None) -> None:
        self.walk, self.tail, self.limit = walk, options.tail, options.max_rejects
        self.estimator, self.extra, self.eps = options.estimator, options.extra, options.eps
        self.accepts, self.mask_after = options.max_accepts, options.mask_after
        if walk.greedy:
            self.estimator = "none"
        elif self.estimator == "auto":
            self.choose(mask_cost)
        if mask_cost is None or self.estimator == "gawrs":
            self.mask_after = None
        self.rejects = 0  # with phantoms
        self.refused = 0  # distinct tokens

    def choose(self, mask_cost: int | None) -> None:
        """Apply the automatic policy; it depends on the row and the state's mask cost, never on time."""
        cheap = mask_cost is not None and mask_cost <= CHEAP_MASK
        if mask_cost == 0:
            self.estimator = "exact"
        elif 2 * self.walk.total <= 3 * TOP:
            self.estimator, self.extra, self.eps = "desraj", 2, 1 / 16
        elif cheap or (mask_cost is not None and self.mask_after is not None):
            self.estimator = "rawrs"
        else:
            self.estimator, self.accepts = "gawrs", 2
        if cheap and self.estimator in ("desraj", "rawrs") and self.mask_after is None:
            self.mask_after = 3

    def stop(self, status: int) -> Outcome:
        """Return the outcome without a token."""
        hi = self.walk.remaining if status == KILLED else 0
        return Outcome(status=status, den=self.walk.total, log_scale=self.walk.log_scale, hi=hi)

    def accept(self, token: int, num: int, den: int, lo: int, hi: int, div: int = 1) -> Outcome:
        """Return the outcome with a token."""
        return Outcome(token, OK, num, den, div, self.walk.log_scale, lo, hi)

    def reach_mass(self) -> bool:
        """Go on to the next tier while nothing open has mass; False when nothing is left."""
        while self.walk.remaining == 0:
            if not (self.tail and self.walk.next_tier()):
                return False
        return True

    def refuse(self) -> Generator[int, Any, Outcome | None]:
        """Count a refusal; return an outcome when it ends the step."""
        self.rejects += 1
        self.refused += 1
        if self.limit is not None and self.rejects >= self.limit:
            return self.stop(KILLED)
        if self.refused == self.mask_after:
            allowed = yield MASK
            if allowed is not None:
                return self.drawn_exactly(allowed)
        return None

    def exact(self) -> Step:
        """Draw from everything that is allowed; the weight is Z itself."""
        allowed = yield EVERYTHING
        return self.drawn_exactly(allowed)

    def drawn_exactly(self, allowed: np.ndarray) -> Outcome:
        """Draw among the allowed tokens that are still open."""
        self.walk.open &= allowed
        if not self.reach_mass():
            return self.stop(NO_VALID)
        mass = self.walk.remaining
        return self.accept(self.walk.pick(EXACT), mass, self.walk.total, mass, mass)

    def ordered(self) -> Step:
        """rawrs, desraj, paper and none: one walk without replacement."""
        walk = self.walk
        while True:
            if not self.reach_mass():
                return self.stop(NO_VALID)
            token, mass = walk.draw()
            if (yield token):
                break
            ended = yield from self.refuse()
            if ended is not None:
                return ended
        if walk.greedy:
            walk.log_scale = 0.0
        if self.estimator == "none":
            return self.accept(token, 1, 1, mass, mass + walk.remaining)
        if self.estimator == "paper" and walk.tier == 0:
            return (yield from self.second_pass(token, mass))
        return (yield from self.seen_more(token, mass))

    def seen_more(self, token: int, mass: int) -> Step:
        """Ask ``extra`` more tokens and let the last answer stand for all that was not seen."""
        walk, accepted = self.walk, mass
        last_attempt = self.limit is not None and self.rejects == self.limit - 1
        if last_attempt:
            num = accepted + walk.remaining
            return self.accept(token, num, walk.total, accepted, num)
        extra, eps = (self.extra, self.eps) if self.estimator == "desraj" and walk.tier == 0 else (1, 0.0)
        threshold = floor(Fraction(eps) * walk.total)
        asked, num = 0, accepted
        while walk.remaining > 0:
            before = walk.remaining
            other, mass = walk.draw()
            asked += 1
            final = asked == extra or before <= threshold or walk.remaining == 0  # before the answer is seen
            valid = yield other
            num = accepted + (before if valid else 0)
            accepted += mass if valid else 0
            if final:
                break
        return self.accept(token, num, walk.total, accepted, accepted + walk.remaining)

    def second_pass(self, token: int, mass: int) -> Step:
        """paper: put the token back, go on until something is accepted, count the refusals of both passes."""
        walk = self.walk
        before = walk.remaining + mass
        walk.open[token] = True
        accepted, refused_mass, refused = mass, 0, 0
        while True:
            other, other_mass = walk.draw()
            if other == token:
                break
            if (yield other):
                accepted += other_mass
                break
            refused += 1
            refused_mass += other_mass
        return self.accept(
            token, before, walk.total, accepted, before - refused_mass, self.rejects + refused + 1
        )

    def gawrs(self) -> Step:
        """Replay sampling with replacement: refused tokens come back as phantom refusals.

        No switch to a mask here: given that the first trials were refused, (K - 1)/(n - 1) is not unbiased
        for Z, so putting Z in its place would bias the weight.
        """
        walk = self.walk
        valid: dict[int, int] = {}  # accepted tokens, first one first, with their masses
        accepts = 0
        while walk.remaining > 0 and accepts < self.accepts and not self.spent():
            if walk.remaining < walk.total:
                phantoms = geometric(walk.remaining, walk.total, lambda: walk.word(PHANTOM))
                self.rejects = min(self.rejects + phantoms, MANY)
                if self.spent():
                    break
            token = walk.pick(WALK)
            if token in valid or (yield token):
                valid[token] = walk.mass(token)
                accepts += 1
                continue
            walk.open[token] = False
            if accepts > 0:
                self.rejects += 1
                continue
            ended = yield from self.refuse()
            if ended is not None:
                return ended
        if accepts == 0:
            return self.stop(KILLED) if self.spent() else (yield from self.ordered())
        rejects = self.rejects if self.limit is None else min(self.rejects, self.limit)
        num, den = min(self.accepts - 1, accepts), accepts + rejects - 1
        return self.accept(next(iter(valid)), num, den, sum(valid.values()), walk.remaining)

    def spent(self) -> bool:
        """Tell whether the limit of refusals is reached."""
        return self.limit is not None and self.rejects >= self.limit
