# SPDX-License-Identifier: Apache-2.0
"""What a constraint and its per-sequence state look like to the sampler.

Anything with these methods works; nothing has to inherit. Invariant for every backend: where ``fill_mask``
returns True, bit i equals ``check(i)`` for all i, EOS included.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from .vocab import Vocab


@runtime_checkable
class State(Protocol):
    """The constraint after some tokens of one sequence.

    ``mask_cost`` is the cost of ``fill_mask`` in checks: 0 = at hand, None = there is no mask. EOS ids are
    answered by ``is_accepting``; special tokens and empty byte strings are never valid.
    """

    mask_cost: int | None

    def check(self, tokens: Any) -> Any:
        """Tell for each of int64[n] tokens whether it may come next: bool[n], without visible side effect."""

    def advance(self, token: int) -> None:
        """Append a token; ValueError naming it when it is refused. EOS changes nothing."""

    def rollback(self, n: int) -> None:
        """Take back the last n tokens; ValueError past the start."""

    def clone(self) -> State:
        """Return an independent copy."""

    def is_accepting(self) -> bool:
        """Tell whether the text may end here."""

    def fill_mask(self, out: Any) -> bool:
        """Write the packed mask, int32 or uint32 [ceil(v/32)]; False when there is none in this state."""

    def forced(self) -> list[int]:
        """Return tokens that the constraint leaves no choice about; [] if unknown."""


@runtime_checkable
class Constraint(Protocol):
    """Makes the state of a new sequence."""

    vocab: Vocab | None

    def start(self) -> State:
        """Return the state before the first token."""
