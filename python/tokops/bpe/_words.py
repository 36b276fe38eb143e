# SPDX-License-Identifier: Apache-2.0
"""The alphabet of a training run, and the counted pieces as words of its ids."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .._scalars import choice, integer

Array = np.ndarray[Any, Any]


class Pieces(Protocol):
    """What is needed of ``Counts``."""

    @property
    def level(self) -> str:
        """Give "byte" or "char"."""

    def items(self) -> Iterable[tuple[bytes, int]]:
        """Each piece with its count."""


@dataclass(frozen=True)
class Alphabet:
    """Special tokens and letters in id order; ``letters`` maps a byte or a code point to its id."""

    vocab: list[bytes]
    letters: dict[int, int]

    @classmethod
    def make(
        cls,
        operation: str,
        counts: Pieces,
        specials: list[str],
        compat: str | None,
        initial: Collection[str] | None,
        limit: int | None,
    ) -> Alphabet:
        """Order the letters: bytes, or the characters seen."""
        if compat is not None:
            choice(operation, "compat", compat, ("hf",))
        head = [text.encode() for text in specials]
        if counts.level == "byte":
            if initial is not None or limit is not None:
                raise ValueError(f"{operation}: 'initial_alphabet' and 'limit_alphabet' are for level 'char'")
            order = _gpt2_byte_order() if compat == "hf" else list(range(256))
            letters = [bytes([b]) for b in order]
        else:
            order = _characters(operation, counts, initial, limit)
            letters = [chr(c).encode() for c in order]
        return cls(head + letters, {letter: len(head) + i for i, letter in enumerate(order)})

    def words(self, counts: Pieces) -> tuple[Array, Array, Array]:
        """Ids of all pieces one after the other, where each begins, how often it occurs; unknown letters vanish."""
        items = sorted(counts.items())
        number = np.array([count for _, count in items], np.uint64)
        if counts.level == "byte":
            codes = np.frombuffer(b"".join(piece for piece, _ in items), np.uint8).astype(np.int64)
            lengths = [len(piece) for piece, _ in items]
        else:
            texts = [_text(piece) for piece, _ in items]
            codes = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32).astype(np.int64)
            lengths = [len(text) for text in texts]
        table = np.full(max(self.letters, default=0) + 1, -1, np.int32)
        table[list(self.letters)] = list(self.letters.values())
        ids = np.where(codes < len(table), table[np.minimum(codes, len(table) - 1)], -1).astype(np.int32)
        known = np.concatenate([[0], np.cumsum(ids >= 0)]).astype(np.int64)
        offsets = known[np.cumsum([0, *lengths])]
        return ids[ids >= 0], offsets, number


def _text(piece: bytes) -> str:
    return piece.decode("utf-8", "replace")


def _gpt2_byte_order() -> list[int]:
    """Bytes by the code points that GPT-2 spells them with: printable ones as themselves, the others from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return printable + sorted(set(range(256)) - set(printable))


def _characters(
    operation: str, counts: Pieces, initial: Collection[str] | None, limit: int | None
) -> list[int]:
    given = set()
    for text in initial or ():
        if not isinstance(text, str) or len(text) != 1:
            raise ValueError(
                f"{operation}: argument 'initial_alphabet' must hold single characters, got {text!r}"
            )
        given.add(ord(text))
    seen: dict[int, int] = {}
    for piece, count in counts.items():
        for c in _text(piece):
            seen[ord(c)] = seen.get(ord(c), 0) + count
    order = sorted(set(seen) | given, key=lambda c: (c not in given, -seen.get(c, 0), c))
    if limit is not None:
        order = order[: integer(operation, "limit_alphabet", limit, 0)]
    return sorted(order)
