# SPDX-License-Identifier: Apache-2.0
"""Stateful rows: load logits, draw without replacement, or take one constrained step.

The sampler owns the scratch of its rows; after the first load nothing more is allocated.
Order of a draw: the first open token in id order whose running mass sum exceeds a uniform integer below the
remaining mass. A draw depends on the row's logits, the seed, its stream and step, and nothing else.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .._arrays import is_array, is_torch, like
from .._ops import Entry
from .._scalars import integer
from .checker import drive, make_checker
from .options import (
    MAX_VOCAB,
    MIN_P,
    TEMPERATURE,
    TOP_K,
    TOP_P,
    Shape,
    StepOptions,
    checked_int64,
    checked_options,
    checked_seed,
    checked_shape,
)
from .result import FIELD_DTYPES, StepResult
from .walk import new_rows

NAME = "constrain.Sampler"
MAX_STEP = (1 << 32) - 1
MAX_STREAM = (1 << 63) - 1
Entry(NAME, doc="constrain")


class Sampler:
    """Sample from a batch of logit rows, with or without a constraint.

    Parameters
    ----------
    batch, vocab : int
        Shape of the logits; 1 <= vocab <= 524287.
    seed : int
        In [0, 2^64).
    streams : int64[batch] or sequence of int, optional
        Sequence ids in [0, 2^63); default 0 .. batch - 1.
    temperature : float
        0 (order of decreasing logit, lowest id first) or in [1e-6, 1e6].
    top_k, top_p, min_p : int, float, float
        Truncation in this order; 0, 1.0 and 0.0 are off. Exactly ``top_k`` stay, ties to the lowest id.

    Attributes
    ----------
    total, remaining : int64[batch]
        Mass of the distribution, and of what has not been drawn.

    Raises
    ------
    TypeError, ValueError
        Wrong type or range, naming the argument.

    Notes
    -----
    Memory: ``batch * (vocab/256 * 9 + vocab/8 + 64)`` bytes, and 16 vocab more while a row is truncated.
    """

    def __init__(
        self,
        batch: int,
        vocab: int,
        *,
        seed: int,
        streams: Any = None,
        temperature: float = TEMPERATURE,
        top_k: int = TOP_K,
        top_p: float = TOP_P,
        min_p: float = MIN_P,
    ) -> None:
        batch = integer(NAME, "batch", batch, 0, (1 << 31) - 1)
        vocab = integer(NAME, "vocab", vocab, 1, MAX_VOCAB)
        shape = checked_shape(NAME, temperature, top_k, top_p, min_p)
        self._set(NAME, batch, vocab, seed, streams, shape)

    def _set(self, op: str, batch: int, vocab: int, seed: Any, streams: Any, shape: Shape) -> None:
        self._op, self._batch, self._vocab, self._shape = op, batch, vocab, shape
        seed = checked_seed(op, seed)
        ids = (
            np.arange(batch, dtype=np.int64)
            if streams is None
            else checked_int64(op, "streams", streams, batch, MAX_STREAM)
        )
        self._rows = new_rows(op, vocab, seed, ids, shape)
        self._logits: Any = None
        self._state = "empty"

    def load(self, logits: Any, *, steps: Any = 0, mask: Any = None) -> Any:
        """Take the logits of the next step.

        Parameters
        ----------
        logits : float32 | float16 | bfloat16 [batch, vocab] (or [vocab] when batch is 1)
            Unit last stride. The array is read again by later calls: leave it unchanged until the next load.
        steps : int, sequence or int64[batch]
            Position of each row in its sequence, in [0, 2^32).
        mask : bool[batch, vocab] or int32 | uint32 [batch, ceil(vocab/32)], optional
            Tokens known to be allowed; the others are never drawn and count as refused.

        Returns
        -------
        int8[batch]
            OK, NO_VALID (no finite logit) or BAD_LOGITS for each row, in the library of ``logits``.
        """
        return like(logits, self._load(logits, steps, mask, "mask"))

    def _load(self, logits: Any, steps: Any, mask: Any, mask_name: str) -> Any:
        positions = checked_int64(self._op, "steps", steps, self._batch, MAX_STEP)
        self._state = "empty"
        status = self._rows.load(logits, positions, mask, mask_name)
        self._logits, self._state = logits, "loaded"
        return status

    def draw(self, n: int = 1, rows: Any = None) -> tuple[Any, Any]:
        """Draw the next n tokens of some rows without replacement.

        Parameters
        ----------
        n : int
        rows : int64[r] or sequence of int, optional
            Default: all rows.

        Returns
        -------
        tokens, masses : int64[r, n]
            -1 and 0 when nothing with mass is left, or for a bad row.
        """
        self._need("loaded", "drawn")
        n = integer(f"{self._op}.draw", "n", n, 0, MAX_VOCAB)
        if rows is None:
            chosen = np.arange(self._batch, dtype=np.int64)
        else:
            count = len(rows) if hasattr(rows, "__len__") else 1
            chosen = checked_int64(f"{self._op}.draw", "rows", rows, count, self._batch - 1)
        self._state = "drawn"
        tokens, masses = self._rows.draw(n, chosen)
        return like(self._logits, tokens), like(self._logits, masses)

    @property
    def total(self) -> Any:
        """Mass of each row's distribution; 0 for a bad row."""
        self._need("loaded", "drawn")
        return like(self._logits, self._rows.totals()[0])

    @property
    def remaining(self) -> Any:
        """Mass of what is allowed and not yet drawn."""
        self._need("loaded", "drawn")
        return like(self._logits, self._rows.totals()[1])

    def step(
        self,
        check: Any,
        *,
        estimator: str = "auto",
        max_rejects: int | None = None,
        max_accepts: int = 2,
        extra: int = 1,
        eps: float = 0.0,
        mask_after: int | None = None,
        tail: bool = True,
    ) -> StepResult:
        """Draw one valid token per row with its weight; the rows must be freshly loaded.

        The parameters are those of :func:`awrs_step`. When ``check`` raises, the rows must be loaded again.
        """
        self._need("loaded")
        options = checked_options(
            f"{self._op}.step",
            self._shape.greedy,
            estimator,
            max_rejects,
            max_accepts,
            extra,
            eps,
            mask_after,
            tail,
        )
        return self._step(f"{self._op}.step", check, options)

    def _step(self, op: str, check: Any, options: StepOptions, *, loaded: bool = False) -> StepResult:
        """Run one step; ``loaded``: the mask ``check`` went into the load, what is open is allowed."""
        self._state = "spent"
        if is_array(check):
            self._rows.begin(options, np.zeros(self._batch, np.int64))
            self._rows.step_mask(None if loaded else check)
        else:
            checker = make_checker(op, check, self._batch, self._vocab)
            self._rows.begin(options, checker.mask_cost)
            drive(self._rows, checker, self._vocab)
        fields = [np.empty(self._batch, dtype) for dtype in FIELD_DTYPES]
        self._rows.result(fields)
        if is_torch(self._logits):
            return StepResult._make(map(sys.modules["torch"].from_numpy, fields))
        return StepResult._make(fields)

    def memory_bytes(self) -> int:
        """Return the bytes that the sampler holds."""
        return self._rows.memory_bytes()

    def _need(self, *states: str) -> None:
        if self._state not in states:
            raise ValueError(f"{self._op}: the rows are {self._state}; call load() first")
