# SPDX-License-Identifier: Apache-2.0
"""The engine that walks the rows, in plain Python, behind the interface of the sampler."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arrays import is_array, to_numpy
from .._dispatch import backend_name
from .options import Shape, StepOptions

Array = np.ndarray[Any, Any]


def new_rows(op: str, vocab: int, seed: int, streams: Array, shape: Shape) -> ReferenceRows:
    """Return the rows of the backend in force."""
    backend = backend_name()
    if backend == "cuda":
        raise RuntimeError(f"{op}: there is no CUDA kernel for this operator; use logits on the CPU")
    return ReferenceRows(vocab, seed, streams, shape)


class ReferenceRows:
    """The plain Python walks of a batch, behind the same interface."""

    def __init__(self, vocab: int, seed: int, streams: Array, shape: Shape) -> None:
        from ..reference.constrain.sampler import Rows

        self.rows = Rows(
            vocab, seed, streams, shape.inverse, shape.greedy, shape.top_k, shape.top_p, shape.min_p
        )

    def load(self, logits: Any, steps: Array, mask: Any) -> Array:
        """Start fresh walks; return the status of each row."""
        return self.rows.load(to_numpy(logits), steps, to_numpy(mask) if is_array(mask) else None)

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
        """Answer everything from a mask until all rows are finished."""
        self.rows.step_mask(to_numpy(mask))

    def result(self, fields: tuple[Any, ...]) -> None:
        """Write the fields of a StepResult."""
        for field, value in zip(fields, self.rows.result(), strict=True):
            to_numpy(field)[...] = value
