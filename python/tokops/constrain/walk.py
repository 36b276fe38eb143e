# SPDX-License-Identifier: Apache-2.0
"""Which engine walks the rows: the native class, or its plain Python twin when the reference backend is in force.

Both have the same methods; this file only makes the arrays that the native one writes into. The logits are read
again by every native call, so nothing is kept alive but the caller's own array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _cpu
from .._arrays import to_numpy
from .._dispatch import backend_name
from .options import Shape, StepOptions

Array = np.ndarray[Any, Any]


def new_rows(op: str, vocab: int, seed: int, streams: Array, shape: Shape) -> NativeRows | ReferenceRows:
    """Return the rows of the backend in force."""
    backend = backend_name()
    if backend == "cuda":
        raise RuntimeError(f"{op}: there is no CUDA kernel for this operator; use logits on the CPU")
    made = ReferenceRows if backend == "reference" else NativeRows
    return made(op, vocab, seed, streams, shape)


class NativeRows:
    """The native walks of a batch."""

    def __init__(self, op: str, vocab: int, seed: int, streams: Array, shape: Shape) -> None:
        self.batch = len(streams)
        self.native = _cpu.ConstrainRows(
            op, vocab, seed, streams, shape.inverse, shape.greedy, shape.top_k, shape.top_p, shape.min_p
        )
        self.logits: Any = None

    def load(self, logits: Any, steps: Array, mask: Any, mask_name: str) -> Array:
        """Start fresh walks; return the status of each row."""
        status = np.empty(self.batch, np.int8)
        self.native.load(logits, steps, mask, mask_name, status)
        self.logits = logits
        return status

    def totals(self) -> tuple[Array, Array]:
        """Return total and remaining mass of each row."""
        total, remaining = np.empty(self.batch, np.int64), np.empty(self.batch, np.int64)
        self.native.totals(total, remaining)
        return total, remaining

    def draw(self, n: int, rows: Array) -> tuple[Array, Array]:
        """Draw n tokens of each named row."""
        tokens, masses = np.empty((len(rows), n), np.int64), np.empty((len(rows), n), np.int64)
        self.native.draw(self.logits, rows, tokens, masses)
        return tokens, masses

    def begin(self, options: StepOptions, mask_cost: Array) -> None:
        """Start one step of every row; a mask cost of -1 stands for None."""
        o = options
        self.native.begin(
            self.logits,
            o.estimator,
            o.extra,
            o.eps,
            o.max_rejects,
            o.max_accepts,
            o.mask_after,
            o.tail,
            mask_cost,
        )

    def asking(self) -> tuple[Array, Array]:
        """Return the unfinished rows and the token each asks about; -1 = everything that is open."""
        rows, tokens = np.empty(self.batch, np.int64), np.empty(self.batch, np.int64)
        count = self.native.asking(rows, tokens)
        return rows[:count], tokens[:count]

    def answer(self, rows: Array, valid: Array) -> None:
        """Answer the tokens that these rows asked about."""
        self.native.answer(self.logits, rows, valid)

    def open_tokens(self, row: int) -> Array:
        """Return the tokens of a row that are still open."""
        tokens = np.empty(self.native.vocab, np.int64)
        return tokens[: self.native.open_tokens(self.logits, row, tokens)]

    def answer_everything(self, row: int, mask: Any, checks: int) -> None:
        """Answer with a mask of the whole row, None when there is none now."""
        self.native.answer_everything(self.logits, row, mask, checks)

    def step_mask(self, mask: Any) -> None:
        """Answer everything from a mask; None: all that is open is allowed."""
        self.native.step_mask(self.logits, mask)

    def result(self, fields: list[Array]) -> None:
        """Write the fields of a StepResult."""
        self.native.result(*fields)

    def memory_bytes(self) -> int:
        """Return the bytes held."""
        return int(self.native.memory_bytes())


def mask_rows(mask: Any) -> Array:
    """Return a mask as numpy, with an axis of rows."""
    return np.atleast_2d(to_numpy(mask))


class ReferenceRows:
    """The plain Python walks of a batch, behind the same interface."""

    def __init__(self, op: str, vocab: int, seed: int, streams: Array, shape: Shape) -> None:
        from ..reference.constrain.sampler import Rows

        # Made as well, so that the native reader judges the arguments of both backends.
        self.native = NativeRows(op, vocab, seed, streams, shape)
        self.rows = Rows(
            vocab, seed, streams, shape.inverse, shape.greedy, shape.top_k, shape.top_p, shape.min_p
        )

    def load(self, logits: Any, steps: Array, mask: Any, mask_name: str) -> Array:
        """Start fresh walks; return the status of each row."""
        self.native.load(logits, steps, mask, mask_name)
        return self.rows.load(to_numpy(logits), steps, None if mask is None else mask_rows(mask))

    def totals(self) -> tuple[Array, Array]:
        """Return total and remaining mass of each row."""
        return self.rows.total(), self.rows.remaining()

    def draw(self, n: int, rows: Array) -> tuple[Array, Array]:
        """Draw n tokens of each named row."""
        return self.rows.draw(n, rows)

    def begin(self, options: StepOptions, mask_cost: Array) -> None:
        """Start one step of every row; a mask cost of -1 stands for None."""
        o = options
        self.rows.begin(
            o.estimator,
            o.extra,
            o.eps,
            None if o.max_rejects < 0 else o.max_rejects,
            o.max_accepts,
            None if o.mask_after < 0 else o.mask_after,
            o.tail,
            [None if cost < 0 else int(cost) for cost in mask_cost],
        )

    def asking(self) -> tuple[Array, Array]:
        """Return the unfinished rows and what each asks about."""
        return self.rows.asking()

    def answer(self, rows: Array, valid: Array) -> None:
        """Answer the tokens that these rows asked about."""
        for row, answer in zip(rows, valid, strict=True):
            self.rows.answer(int(row), bool(answer))

    def open_tokens(self, row: int) -> Array:
        """Return the tokens of a row that are still open."""
        return self.rows.open_tokens(row)

    def answer_everything(self, row: int, mask: Any, checks: int) -> None:
        """Answer with a mask of the whole row, None when there is none now."""
        self.rows.answer_everything(row, None if mask is None else to_numpy(mask), checks)

    def step_mask(self, mask: Any) -> None:
        """Answer everything from a mask; None: all that is open is allowed."""
        self.native.native.check_mask(mask)
        self.rows.step_mask(None if mask is None else mask_rows(mask))

    def result(self, fields: list[Array]) -> None:
        """Write the fields of a StepResult."""
        for field, value in zip(fields, self.rows.result(), strict=True):
            field[...] = value

    def memory_bytes(self) -> int:
        """Return the bytes held."""
        return self.native.memory_bytes()
