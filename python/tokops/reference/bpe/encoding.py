# SPDX-License-Identifier: Apache-2.0
"""The core of an Encoding in plain Python: same methods as the native ``BpeCore``.

A text is handled as ``str`` in which a byte that is no UTF-8 stands as U+DC80..DCFF (``surrogateescape``), so that
one rule serves text and bytes. Surrogates of a ``str`` input are joined or become U+FFFD before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from operator import index
from typing import Any

import numpy as np

from ._merge import Pair, by_concatenation, by_list, merge
from .pretokenize import spans

Text = str | bytes | bytearray | memoryview


def read_text(operation: str, text: Any) -> str:
    """The text with surrogates repaired; bytes that are no UTF-8 are escaped, one character each."""
    if isinstance(text, str):
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(text, (bytes, bytearray, memoryview)):
        return bytes(text).decode("utf-8", "surrogateescape")
    raise TypeError(f"{operation}: argument 'text' must be str or bytes, got {type(text).__name__}")


def to_bytes(text: str) -> bytes:
    """Give the bytes of a text made by ``read_text``."""
    return text.encode("utf-8", "surrogateescape")


class BpeCore:
    """Vocabulary, merge rule and named pattern ("" when the caller cuts); immutable."""

    def __init__(
        self,
        ranks: Mapping[bytes, int],
        specials: Mapping[str, int],
        pattern: str,
        merges: Sequence[Pair] | None,
        ignore_merges: bool,
    ) -> None:
        self.ranks = dict(ranks)
        self.pattern = pattern
        self.ignore_merges = ignore_merges
        self.rank = by_concatenation(self.ranks) if merges is None else by_list(list(merges))
        self.special_bytes = {i: text.encode() for text, i in specials.items()}
        self.tokens = self.special_bytes | {i: token for token, i in self.ranks.items()}

    def specials(self, chosen: Mapping[str, int]) -> dict[str, int]:
        """Make what ``find``, ``parts`` and ``encode`` take as a set of special texts."""
        return {text: i for text, i in chosen.items() if text}

    def find(self, operation: str, text: Text, specials: dict[str, int]) -> str | None:
        """The leftmost special text, the longest when several start there."""
        found = _next_special(read_text(operation, text), 0, specials)
        return None if found is None else found[1]

    def parts(self, operation: str, text: Text, specials: dict[str, int] | None) -> list[bytes | int]:
        """The text cut at special texts: bytes between them and their ids."""
        return [
            part if isinstance(part, int) else to_bytes(part)
            for part in _cut(read_text(operation, text), specials)
        ]

    def encode(self, operation: str, text: Text, specials: dict[str, int] | None = None) -> list[int]:
        """Ids of the text; special texts of the set become their ids, all others are ordinary text."""
        ids: list[int] = []
        offset = 0
        for part in _cut(read_text(operation, text), specials):
            if isinstance(part, int):
                ids.append(part)
                offset += len(self.special_bytes[part])
                continue
            byte_at = list(accumulate((len(to_bytes(c)) for c in part), initial=offset))
            for start, end in spans(part, self.pattern):
                ids += self._piece(operation, to_bytes(part[start:end]), byte_at[start])
            offset = byte_at[-1]
        return ids

    def encode_pieces(self, operation: str, pieces: Iterable[bytes]) -> list[int]:
        """Ids of pieces cut by the caller."""
        ids: list[int] = []
        offset = 0
        for piece in pieces:
            ids += self._piece(operation, piece, offset)
            offset += len(piece)
        return ids

    def encode_array(self, operation: str, text: Text, specials: dict[str, int] | None = None) -> Any:
        """``encode`` as something with a uint32 buffer."""
        return np.array(self.encode(operation, text, specials), np.uint32)

    def count(self, operation: str, text: Text, specials: dict[str, int] | None = None) -> int:
        """Number of ids of ``encode``."""
        return len(self.encode(operation, text, specials))

    def encode_batch(
        self, operation: str, texts: Sequence[Text], specials: dict[str, int] | None, blocks: int
    ) -> tuple[Any, Any]:
        """Ids of all texts, one after the other, and where each begins."""
        ids: list[int] = []
        offsets = [0]
        for text in texts:
            ids += self.encode(operation, text, specials)
            offsets.append(len(ids))
        return np.array(ids, np.uint32), np.array(offsets, np.int64)

    def count_batch(self, operation: str, texts: Sequence[Text], blocks: int) -> Any:
        """Number of ids of each text."""
        return np.array([self.count(operation, text) for text in texts], np.int64)

    def decode(self, operation: str, tokens: Any, skip_special_tokens: bool = False) -> bytes:
        """Bytes of the tokens, joined."""
        out = []
        for place, value in enumerate(_token_values(operation, tokens)):
            if value not in self.tokens:
                raise KeyError(f"{operation}: no token has id {value} (position {place})")
            if not (skip_special_tokens and value in self.special_bytes):
                out.append(self.tokens[value])
        return b"".join(out)

    def _piece(self, operation: str, piece: bytes, offset: int) -> list[int]:
        if self.ignore_merges and piece in self.ranks:
            return [self.ranks[piece]]
        single = [piece[i : i + 1] for i in range(len(piece))]
        for i, byte in enumerate(single):
            if byte not in self.ranks:
                raise ValueError(
                    f"{operation}: no token for byte 0x{byte[0]:02X} at byte offset {offset + i}"
                )
        return [self.ranks[part] for part in merge(single, self.rank)]


def _token_values(operation: str, tokens: Any) -> list[int]:
    if isinstance(tokens, np.ndarray):
        return [int(token) for token in tokens]
    values = []
    for place, token in enumerate(tokens):
        try:
            values.append(index(token))
        except TypeError:
            raise TypeError(f"{operation}: tokens[{place}] must be int, got {type(token).__name__}") from None
        if not 0 <= values[-1] < 1 << 32:
            raise OverflowError(f"{operation}: tokens[{place}] must be in [0, 2**32)")
    return values


def _next_special(text: str, start: int, specials: dict[str, int]) -> tuple[int, str] | None:
    found = [(p, -len(s), s) for s in specials if (p := text.find(s, start)) >= 0]
    return (min(found)[0], min(found)[2]) if found else None


def _cut(text: str, specials: dict[str, int] | None) -> list[str | int]:
    parts: list[str | int] = []
    start = 0
    while specials and (found := _next_special(text, start, specials)) is not None:
        place, special = found
        parts += [text[start:place], specials[special]]
        start = place + len(special)
    return [*parts, text[start:]]
