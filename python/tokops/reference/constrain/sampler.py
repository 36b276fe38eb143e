# SPDX-License-Identifier: Apache-2.0
"""A batch of rows and one step over them: the plain Python twin of the native class of the same name.

Rows are independent: each has its own walk and its own generator; a round collects what they ask.
"""

from __future__ import annotations

import numpy as np

from ..numeric import widen
from ._truncate import truncate
from .masses import relative_masses, scaled_row
from .step import BAD_LOGITS, NO_VALID, OK, Options, Outcome, Step, step
from .walk import Walk


def unpack(mask: np.ndarray, vocab: int) -> np.ndarray:
    """Return bool[v] of one packed or bool mask row; bit i & 31 of word i >> 5."""
    if mask.dtype == bool:
        return mask
    words = np.ascontiguousarray(mask).astype("<u4")
    return np.unpackbits(words.view(np.uint8), bitorder="little", count=vocab).astype(bool)


class Rows:
    """The walks of a batch and the steps under way."""

    def __init__(
        self,
        vocab: int,
        seed: int,
        streams: np.ndarray,
        inverse: float,
        greedy: bool,
        top_k: int,
        top_p: float,
        min_p: float,
    ) -> None:
        self.vocab, self.seed, self.greedy = vocab, seed, greedy
        self.streams = [int(stream) for stream in streams]
        self.inverse = np.float32(inverse)
        self.truncation = (top_k, top_p, min_p)
        batch = len(self.streams)
        self.walks: list[Walk | None] = [None] * batch
        self.status = np.full(batch, NO_VALID, np.int8)
        self.steps: dict[int, Step] = {}
        self.outcomes = [Outcome() for _ in range(batch)]
        self.asked: dict[int, int] = {}
        self.checks = np.zeros(batch, np.int32)

    def load(self, logits: np.ndarray, steps: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """Start fresh walks; return the status of each row."""
        logits = logits.reshape(len(self.streams), self.vocab)
        for row in range(len(self.streams)):
            allowed = np.ones(self.vocab, bool) if mask is None else unpack(mask[row], self.vocab)
            self.walks[row], self.status[row] = self.load_row(logits[row], row, int(steps[row]), allowed)
        return self.status.copy()

    def load_row(
        self, logits: np.ndarray, row: int, position: int, allowed: np.ndarray
    ) -> tuple[Walk | None, int]:
        """Return the walk of one row, or None and why there is none."""
        scaled = scaled_row(logits, self.inverse)
        if scaled is None:
            return None, BAD_LOGITS
        kept = scaled > -np.inf
        if not kept.any():
            return None, NO_VALID
        if self.truncation != (0, 1.0, 0.0):
            kept = truncate(widen(logits), kept, relative_masses(scaled, scaled.max()), *self.truncation)
        return Walk(scaled, kept, allowed, (self.seed, self.streams[row], position), self.greedy), OK

    def total(self) -> np.ndarray:
        """Return T of each row."""
        return np.array([0 if walk is None else walk.total for walk in self.walks], np.int64)

    def remaining(self) -> np.ndarray:
        """Return R of each row."""
        return np.array([0 if walk is None else walk.remaining for walk in self.walks], np.int64)

    def draw(self, n: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Draw n tokens of each named row; -1 and 0 when nothing with mass is left."""
        tokens = np.full((len(rows), n), -1, np.int64)
        masses = np.zeros((len(rows), n), np.int64)
        for place, row in enumerate(rows):
            walk = self.walks[row]
            for j in range(n):
                if walk is not None and walk.remaining > 0:
                    tokens[place, j], masses[place, j] = walk.draw()
        return tokens, masses

    def begin(
        self,
        estimator: str,
        extra: int,
        eps: float,
        max_rejects: int | None,
        max_accepts: int,
        mask_after: int | None,
        tail: bool,
        mask_cost: list[int | None],
    ) -> None:
        """Start one step of every row."""
        options = Options(estimator, extra, eps, max_rejects, max_accepts, mask_after, tail)
        self.checks[:] = 0
        self.steps, self.asked = {}, {}
        for row, walk in enumerate(self.walks):
            self.outcomes[row] = Outcome(status=int(self.status[row]))
            if walk is not None:
                self.steps[row] = step(walk, options, mask_cost[row])
                self.send(row, None)

    def send(self, row: int, answer: object) -> None:
        """Hand an answer to a row and note what it asks next, or its outcome."""
        try:
            self.asked[row] = self.steps[row].send(answer)
        except StopIteration as end:
            del self.steps[row]
            self.asked.pop(row, None)
            self.outcomes[row] = end.value

    def asking(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the unfinished rows, ascending, and the token each asks about, EVERYTHING or MASK."""
        rows = sorted(self.asked)
        return np.array(rows, np.int64), np.array([self.asked[row] for row in rows], np.int64)

    def answer(self, row: int, valid: bool) -> None:
        """Answer the token that a row asked about."""
        self.checks[row] += 1
        self.send(row, valid)

    def open_tokens(self, row: int) -> np.ndarray:
        """Return the tokens of a row that are kept, allowed by the mask and not drawn."""
        walk = self.walks[row]
        return np.zeros(0, np.int64) if walk is None else np.flatnonzero(walk.open)

    def answer_everything(self, row: int, mask: np.ndarray | None, checks: int) -> None:
        """Answer with the whole row as a mask, for which ``checks`` tokens were asked; None = no mask now."""
        self.checks[row] += checks
        self.send(row, None if mask is None else unpack(mask, self.vocab))

    def step_mask(self, mask: np.ndarray | None) -> None:
        """Answer everything from a mask until all rows are finished; None: what is open is allowed."""
        everything = np.ones((len(self.streams), self.vocab), bool)
        allowed = everything if mask is None else [unpack(row, self.vocab) for row in mask]
        while self.asked:
            for row, token in list(self.asked.items()):
                if token < 0:
                    self.answer_everything(row, allowed[row], 0)
                else:
                    self.answer(row, bool(allowed[row][token]))

    def result(self) -> tuple[np.ndarray, ...]:
        """Return token, logw, status, checks, num, den, div, log_scale, lo, hi as arrays."""

        def column(name: str, dtype: type) -> np.ndarray:
            return np.array([getattr(outcome, name) for outcome in self.outcomes], dtype)

        token, status = column("token", np.int64), column("status", np.int8)
        logw, log_scale = column("logw", np.float64), column("log_scale", np.float64)
        num, den, div, lo, hi = (column(name, np.int64) for name in ("num", "den", "div", "lo", "hi"))
        return token, logw, status, self.checks.copy(), num, den, div, log_scale, lo, hi
