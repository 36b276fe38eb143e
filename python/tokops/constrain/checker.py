# SPDX-License-Identifier: Apache-2.0
"""The forms of ``check``: a callable, one state per row, or a mask; and the loop that puts questions to them.

A round asks about one token of every unfinished row, rows ascending; a row that needs everything asks about
all its open tokens in the same round. Callables run in the calling thread, never in a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._arrays import is_array, to_numpy
from .protocol import State
from .walk import NativeRows, ReferenceRows

Array = np.ndarray[Any, Any]
EVERYTHING = -1  # asked in place of a token: the answers for the whole row; -2: its mask, if there is one now


class CallableChecker:
    """``fn(rows: int64[n], tokens: int64[n]) -> bool[n]``, numpy arrays."""

    def __init__(self, op: str, function: Callable[[Any, Any], Any], batch: int) -> None:
        self.op, self.function = op, function
        self.mask_cost = np.full(batch, -1, np.int64)

    def ask(self, rows: Array, tokens: Array) -> Array:
        """Return the answers."""
        return as_answers(self.op, self.function(rows, tokens), len(tokens))

    def mask(self, row: int) -> Array | None:
        """Return None: a callable has no mask."""
        return None


class StateChecker:
    """One state per row; None for a row without constraint."""

    def __init__(self, op: str, states: Sequence[State | None], batch: int, vocab: int) -> None:
        if len(states) != batch:
            raise ValueError(f"{op}: argument 'check' must have {batch} states, got {len(states)}")
        self.op, self.states, self.vocab = op, states, vocab
        self.sizes = [self._size(row, state) for row, state in enumerate(states)]
        costs = [
            0 if state is None else -1 if state.mask_cost is None else state.mask_cost for state in states
        ]
        self.mask_cost = np.array(costs, np.int64)

    def _size(self, row: int, state: State | None) -> int:
        if state is None:
            return self.vocab
        if not isinstance(state, State):
            raise TypeError(
                f"{self.op}: argument 'check' must hold states, got {type(state).__name__} at {row}"
            )
        known = getattr(state, "vocab", None)
        if known is not None and known.size > self.vocab:
            raise ValueError(
                f"{self.op}: argument 'check' has a state of a vocabulary of {known.size} tokens at {row}, "
                f"but the logits have {self.vocab}"
            )
        return self.vocab if known is None else int(known.size)

    def ask(self, rows: Array, tokens: Array) -> Array:
        """Return the answers; states of one constraint that can be asked together are."""
        answers = np.ones(len(rows), bool)
        together: dict[int, list[tuple[State, Array, Array]]] = {}
        for row in np.unique(rows):
            state = self.states[row]
            if state is None:
                continue
            places = np.flatnonzero(rows == row)
            inside = tokens[places] < self.sizes[row]  # ids past the vocabulary are never valid
            answers[places[~inside]] = False
            places = places[inside]
            if len(places) == 0:
                continue
            constraint = getattr(state, "constraint", None)
            if hasattr(constraint, "check_many"):
                together.setdefault(id(constraint), []).append((state, places, tokens[places]))
            else:
                answers[places] = as_answers(self.op, state.check(tokens[places]), len(places))
        for group in together.values():
            states = [state for state, _, _ in group]
            found = states[0].constraint.check_many(states, [asked for _, _, asked in group])  # type: ignore[attr-defined]
            for (_, places, _), result in zip(group, found, strict=True):
                answers[places] = as_answers(self.op, result, len(places))
        return answers

    def mask(self, row: int) -> Array | None:
        """Return the state's packed mask, None when it has none now."""
        state = self.states[row]
        words = np.zeros(-(-self.vocab // 32), np.uint32)
        if state is None:
            words[:] = 0xFFFFFFFF
            return words
        filled = np.zeros(-(-self.sizes[row] // 32), np.uint32)
        if state.mask_cost is None or not state.fill_mask(filled):
            return None
        words[: len(filled)] = filled
        return clear_past(words, self.sizes[row])


def clear_past(words: Array, size: int) -> Array:
    """Clear the bits at and past ``size``."""
    words[size // 32 + 1 :] = 0
    if size // 32 < len(words):
        words[size // 32] &= np.uint32((1 << size % 32) - 1)
    return words


def as_answers(op: str, answers: Any, n: int) -> Array:
    """Return bool[n] of what a checker gave back, or TypeError."""
    try:
        array = to_numpy(answers) if is_array(answers) else np.asarray(answers)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{op}: argument 'check' must return bool[{n}], got {type(answers).__name__}"
        ) from error
    if array.shape != (n,) or (array.dtype != bool and n > 0):
        raise TypeError(f"{op}: argument 'check' must return bool[{n}], got {array.dtype}{list(array.shape)}")
    return array.astype(bool, copy=False)


def make_checker(op: str, check: Any, batch: int, vocab: int) -> CallableChecker | StateChecker:
    """Return the checker for a callable or a sequence of states."""
    if callable(check):
        return CallableChecker(op, check, batch)
    if isinstance(check, Sequence) and not isinstance(check, str | bytes):
        return StateChecker(op, check, batch, vocab)
    raise TypeError(
        f"{op}: argument 'check' must be a callable, a sequence of states (constraint.start() for each row) "
        f"or a mask, got {type(check).__name__}"
    )


def drive(rows: NativeRows | ReferenceRows, checker: CallableChecker | StateChecker, vocab: int) -> None:
    """Put the questions of all rows to the checker until none is left."""
    while True:
        asking, tokens = rows.asking()
        if len(asking) == 0:
            return
        if tokens.min() >= 0:
            rows.answer(asking, checker.ask(asking, tokens))
            continue
        whole: dict[int, Array] = {}  # rows without a mask that need every open token answered
        for row, token in zip(asking[tokens < 0].tolist(), tokens[tokens < 0].tolist(), strict=True):
            mask = checker.mask(row)
            if mask is None and token == EVERYTHING:
                whole[row] = rows.open_tokens(row)
            else:
                rows.answer_everything(row, mask, 0)
        single = tokens >= 0
        asked_rows = [asking[single], *(np.full(len(some), row, np.int64) for row, some in whole.items())]
        asked = [tokens[single], *whole.values()]
        answers = ask_in_row_order(checker, np.concatenate(asked_rows), np.concatenate(asked))
        place = int(single.sum())
        if place > 0:
            rows.answer(asking[single], answers[:place])
        for row, some in whole.items():
            rows.answer_everything(row, packed(some[answers[place : place + len(some)]], vocab), len(some))
            place += len(some)


def ask_in_row_order(checker: CallableChecker | StateChecker, rows: Array, tokens: Array) -> Array:
    """Ask with rows ascending; return the answers in the given order."""
    if len(rows) == 0:
        return np.zeros(0, bool)
    if (np.diff(rows) >= 0).all():
        return checker.ask(rows, tokens)
    order = np.argsort(rows, kind="stable")
    answers = np.empty(len(rows), bool)
    answers[order] = checker.ask(rows[order], tokens[order])
    return answers


def packed(tokens: Array, vocab: int) -> Array:
    """Return the packed mask of some tokens."""
    bits = np.zeros(-(-vocab // 32) * 32, bool)
    bits[tokens] = True
    return np.packbits(bits, bitorder="little").view(np.uint32)
