# SPDX-License-Identifier: Apache-2.0
"""BPE training as a recount: before every merge all pairs of all words are counted anew.

O(merges * total length) time. The rule: largest count, ties by lowest (left id, right id); replaced left to right,
non-overlapping. Counts include overlapping positions: ``aaa`` holds (a, a) twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .encoding import Text, read_text, to_bytes
from .pretokenize import spans

Array = np.ndarray[Any, Any]


class BpeCounter:
    """Counts the pieces of texts under a named pattern; same methods as the native class."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.counts: dict[bytes, int] = {}

    def pieces(self, operation: str, text: Text) -> list[bytes]:
        """The pieces of one text, in order."""
        whole = read_text(operation, text)
        return [to_bytes(whole[start:end]) for start, end in spans(whole, self.pattern)]

    def add(self, operation: str, texts: Sequence[Text]) -> None:
        """Count the pieces of all texts."""
        for text in texts:
            for piece in self.pieces(operation, text):
                self.counts[piece] = self.counts.get(piece, 0) + 1

    def items(self) -> list[tuple[bytes, int]]:
        """Each piece with its count, in any order."""
        return list(self.counts.items())


class BpeTrainer:
    """Merges learned so far; same methods as the native class.

    Parameters
    ----------
    ids, offsets : int32 [n], int64 [words + 1]
        Words as ids of ``vocab``, one after the other.
    counts : uint64 [words]
        How often each word occurs.
    vocab : sequence of bytes
        Bytes of each id.
    vocab_size, min_frequency, max_token_length : int
        When to stop; longest token, in bytes or ``characters``.
    """

    def __init__(
        self,
        ids: Array,
        offsets: Array,
        counts: Array,
        vocab: Sequence[bytes],
        *,
        vocab_size: int,
        min_frequency: int,
        max_token_length: int,
        characters: bool,
    ) -> None:
        self.words = [[int(i) for i in ids[a:b]] for a, b in itertools.pairwise(offsets)]
        self.word_counts = [int(c) for c in counts]
        self.vocab = list(vocab)
        self.places = {token: i for i, token in reversed(list(enumerate(self.vocab)))}
        self.vocab_size = vocab_size
        self.min_frequency = min_frequency
        self.max_token_length = max_token_length
        self.characters = characters
        self.lengths = [self._length(token) for token in self.vocab]
        self.merges: list[tuple[int, int]] = []
        self.counts: list[int] = []

    def advance(self, merges: int) -> bool:
        """Make up to ``merges`` more merges; False when training has ended."""
        for _ in range(merges):
            if len(self.vocab) >= self.vocab_size:
                return False
            pairs = self._count_pairs()
            if not pairs:
                return False
            pair, count = min(pairs.items(), key=lambda item: (-item[1], item[0]))
            if count == 0 or count < self.min_frequency:
                return False
            self.merges.append(pair)
            self.counts.append(count)
            self._replace(pair)
        return True

    def result(self) -> tuple[list[tuple[int, int]], list[int], list[bytes]]:
        """Merges as pairs of ids, their counts, and the vocabulary."""
        return self.merges, self.counts, self.vocab

    def _count_pairs(self) -> dict[tuple[int, int], int]:
        pairs: dict[tuple[int, int], int] = {}
        for word, count in zip(self.words, self.word_counts, strict=True):
            for pair in itertools.pairwise(word):
                if self.lengths[pair[0]] + self.lengths[pair[1]] <= self.max_token_length:
                    pairs[pair] = pairs.get(pair, 0) + count
        return pairs

    def _length(self, token: bytes) -> int:
        return len(token.decode()) if self.characters else len(token)

    def _replace(self, pair: tuple[int, int]) -> None:
        token = self.vocab[pair[0]] + self.vocab[pair[1]]
        if token not in self.places:
            self.places[token] = len(self.vocab)
            self.vocab.append(token)
            self.lengths.append(self._length(token))
        new = self.places[token]
        for word in self.words:
            i = 0
            while i + 1 < len(word):
                if (word[i], word[i + 1]) == pair:
                    word[i : i + 2] = [new]
                i += 1
