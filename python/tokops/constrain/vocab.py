# SPDX-License-Identifier: Apache-2.0
"""The bytes of each token of a vocabulary, and which tokens end a text.

One flat uint8 buffer and int64 offsets: memory is the sum of the lengths plus 9 bytes per token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np

from .._scalars import integer


class Vocab:
    """Hold the bytes of each token of a vocabulary.

    Parameters
    ----------
    tokens : sequence of bytes or None
        ``tokens[i]`` are the bytes of token ``i``. None is a special token: never valid, except as EOS.
        Empty byte strings are never valid either.
    eos_ids : iterable of int
        Tokens that end a text; several are separate tokens.

    Attributes
    ----------
    size : int
    eos_ids : frozenset of int
    tokens : sequence of bytes or None

    Raises
    ------
    TypeError, ValueError
        A token that is neither bytes nor None; an EOS id outside [0, size).
    """

    def __init__(self, tokens: Sequence[bytes | None], eos_ids: Iterable[int] = ()) -> None:
        for token, text in enumerate(tokens):
            if text is not None and not isinstance(text, bytes):
                kind = type(text).__name__
                raise TypeError(
                    f"constrain.Vocab: argument 'tokens' must hold bytes or None, got {kind} at {token}"
                )
        self.size = len(tokens)
        self.eos_ids = frozenset(integer("constrain.Vocab", "eos_ids", i, 0, self.size - 1) for i in eos_ids)
        self._special = np.array([text is None for text in tokens], bool)
        self._bytes = b"".join(text or b"" for text in tokens)
        self._offsets = np.zeros(self.size + 1, np.int64)
        np.cumsum([len(text or b"") for text in tokens], out=self._offsets[1:])

    @property
    def tokens(self) -> Sequence[bytes | None]:
        """The bytes of each token, None for special ones."""
        return _Tokens(self)

    def token(self, token: int) -> bytes | None:
        """Return the bytes of one token, None when it is special or past the end."""
        if not 0 <= token < self.size or self._special[token]:
            return None
        return self._bytes[self._offsets[token] : self._offsets[token + 1]]

    def memory_bytes(self) -> int:
        """Return the bytes held by the buffers."""
        return len(self._bytes) + self._offsets.nbytes + self._special.nbytes

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        return f"Vocab(size={self.size}, eos_ids={sorted(self.eos_ids)})"


class _Tokens(Sequence[Any]):
    """Read-only view of the tokens of a vocabulary."""

    def __init__(self, vocab: Vocab) -> None:
        self._vocab = vocab

    def __len__(self) -> int:
        return self._vocab.size

    @overload
    def __getitem__(self, index: int) -> bytes | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes | None]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self._vocab.token(i) for i in range(*index.indices(len(self)))]
        return self._vocab.token(range(len(self))[index])

    def __iter__(self) -> Iterator[bytes | None]:
        return (self._vocab.token(i) for i in range(len(self)))
