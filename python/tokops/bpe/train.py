# SPDX-License-Identifier: Apache-2.0
"""Exact BPE training: ``train`` is ``train_from_counts(count_pretokens(texts))``.

The result depends only on the multiset of pieces, not on document order, shards or threads. Rule of a merge: the
pair with the largest count, ties to the lowest (left id, right id). Checked against tokenizers' BpeTrainer and
rustbpe, which follow the same rule with different alphabets.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._ops import Entry
from .._scalars import choice, integer
from ._arguments import Text, text_list
from ._core import bpe_counter, bpe_trainer
from ._files import write_tiktoken
from ._normalize import NORMALIZERS, normalize
from ._words import Alphabet
from .encoding import Encoding
from .pretokenize import resolve

Entry("bpe.train", doc="bpe")

Progress = Callable[[int, int], object]
_BATCH_TEXTS, _BATCH_MERGES, _SECONDS = 256, 64, 0.05


@dataclass(frozen=True)
class Counts:
    """How often each piece occurs, with the level and the pattern that made them.

    ``merge`` is associative and commutative: counts of shards give the same merges as one machine.
    """

    pieces: Mapping[bytes, int] = field(repr=False)
    level: str
    pattern: str

    def merge(self, other: Counts) -> Counts:
        """Add the counts of both, as a new object."""
        if (self.level, self.pattern) != (other.level, other.pattern):
            raise ValueError("Counts.merge: both must have the same level and pattern")
        total = dict(self.pieces)
        for piece, count in other.pieces.items():
            total[piece] = total.get(piece, 0) + count
        return Counts(total, self.level, self.pattern)

    def items(self) -> Iterable[tuple[bytes, int]]:
        """Each piece with its count."""
        return self.pieces.items()

    def __len__(self) -> int:
        return len(self.pieces)


@dataclass(frozen=True)
class TrainResult:
    """What training learned.

    Attributes
    ----------
    vocab : list of bytes
        Tokens in id order, special tokens first.
    merges : list of (bytes, bytes)
        In the order they were made.
    counts : uint64 [n_merges]
        Count of each merge's pair when it was made.
    ranks : dict of bytes to int
        Ids without the special tokens.
    special_tokens : dict of str to int
    pattern, level : str
    """

    vocab: list[bytes] = field(repr=False)
    merges: list[tuple[bytes, bytes]] = field(repr=False)
    counts: np.ndarray[Any, Any] = field(repr=False)
    ranks: dict[bytes, int] = field(repr=False)
    special_tokens: dict[str, int]
    pattern: str
    level: str

    def to_encoding(self, name: str, *, special_tokens: Mapping[str, int] | None = None) -> Encoding:
        """Make an Encoding of the ranks with the trained special tokens and those given here."""
        if self.level != "byte":
            raise ValueError("to_encoding: a vocabulary of level 'char' has no byte tokens to fall back on")
        specials = self.special_tokens | dict(special_tokens or {})
        return Encoding(name, pat_str=self.pattern, mergeable_ranks=self.ranks, special_tokens=specials)

    def to_tiktoken_file(self, path: str | os.PathLike[str]) -> None:
        """Write the ranks as a ``.tiktoken`` file."""
        write_tiktoken(path, self.ranks)


def train(
    texts: Iterable[Text],
    vocab_size: int,
    *,
    pattern: str = "cl100k",
    level: str = "byte",
    compat: str | None = None,
    special_tokens: Sequence[str] = (),
    min_frequency: int = 0,
    max_token_length: int | None = None,
    initial_alphabet: Collection[str] | None = None,
    limit_alphabet: int | None = None,
    normalizer: str | None = None,
    num_threads: int | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Learn a BPE vocabulary.

    Ids: the special tokens, then the alphabet, then one id per merge. Repeat while there are fewer than
    ``vocab_size`` tokens: count all adjacent pairs inside the pieces (overlapping ones included), take the largest
    count, ties to the lowest (left id, right id), join it everywhere from left to right.

    Parameters
    ----------
    texts : iterable of str or bytes
        Documents; read once, not kept.
    vocab_size : int
        Wanted number of tokens, special ones and alphabet included.
    pattern : str
        How documents are cut: a name of ``pattern_names()`` or a regex.
    level : "byte" | "char"
        The alphabet: the 256 bytes, or the characters seen.
    compat : None | "hf"
        "hf" orders the byte alphabet as tokenizers does (the GPT-2 byte characters by code point).
    special_tokens : sequence of str
        They get the first ids, in this order.
    min_frequency : int
        Stop below this count.
    max_token_length : int, optional
        Longest token, inclusive, in bytes or characters.
    initial_alphabet, limit_alphabet : optional
        Level "char": characters to include in any case; how many characters to keep, most frequent first.
    normalizer : "nfc" | "nfkc" | "nfd" | "nfkd", optional
    num_threads : int, optional
        At least 1.
    progress : callable, optional
        ``progress(done, total)`` in this thread, at most 20 times a second; what it raises ends training.

    Returns
    -------
    TrainResult

    Raises
    ------
    TypeError, ValueError
        A single text as ``texts``; what is no text; ``vocab_size`` below special tokens and alphabet; duplicates.

    Notes
    -----
    O(text) to cut, then O((pieces + merges) log) to learn; memory O(distinct pieces). Exact on every backend.

    References
    ----------
    Sennrich, Haddow, Birch: Neural machine translation of rare words with subword units (2016).
    """
    counts = count_pretokens(
        texts, pattern=pattern, level=level, normalizer=normalizer, num_threads=num_threads
    )
    return train_from_counts(
        counts,
        vocab_size,
        compat=compat,
        special_tokens=special_tokens,
        min_frequency=min_frequency,
        max_token_length=max_token_length,
        initial_alphabet=initial_alphabet,
        limit_alphabet=limit_alphabet,
        progress=progress,
    )


def count_pretokens(
    texts: Iterable[Text],
    *,
    pattern: str = "cl100k",
    level: str = "byte",
    normalizer: str | None = None,
    num_threads: int | None = None,
) -> Counts:
    """Count the pieces of all texts: what training needs to know of them."""
    choice("count_pretokens", "level", level, ("byte", "char"))
    if normalizer is not None:
        choice("count_pretokens", "normalizer", normalizer, NORMALIZERS)
    if num_threads is not None:
        integer("count_pretokens", "num_threads", num_threads, 1)
    name, splitter = resolve("count_pretokens", pattern)
    if splitter is None:
        counter = bpe_counter()(name)
        for batch in _batches(texts, normalizer):
            counter.add("count_pretokens", batch)
        return Counts(dict(counter.items()), level, pattern)
    pieces: dict[bytes, int] = {}
    for batch in _batches(texts, normalizer):
        for text in batch:
            whole, visible = _texts(text)
            for start, end in splitter.spans(visible):
                piece = whole[start:end].encode("utf-8", "surrogateescape")
                pieces[piece] = pieces.get(piece, 0) + 1
    return Counts(pieces, level, pattern)


def merge_counts(parts: Iterable[Counts]) -> Counts:
    """Add the counts of all parts; at least one."""
    total: Counts | None = None
    for part in parts:
        total = part if total is None else total.merge(part)
    if total is None:
        raise ValueError("merge_counts: argument 'parts' is empty")
    return total


def train_from_counts(
    counts: Counts,
    vocab_size: int,
    *,
    compat: str | None = None,
    special_tokens: Sequence[str] = (),
    min_frequency: int = 0,
    max_token_length: int | None = None,
    initial_alphabet: Collection[str] | None = None,
    limit_alphabet: int | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """``train`` from counted pieces; the options are those of ``train``."""
    operation = "train"
    vocab_size = integer(operation, "vocab_size", vocab_size, 0, 1 << 24)
    min_frequency = integer(operation, "min_frequency", min_frequency, 0)
    longest = (
        1 << 30
        if max_token_length is None
        else integer(operation, "max_token_length", max_token_length, 1, 1 << 30)
    )
    specials = _special_list(operation, special_tokens)
    alphabet = Alphabet.make(operation, counts, specials, compat, initial_alphabet, limit_alphabet)
    if vocab_size < len(alphabet.vocab):
        raise ValueError(
            f"{operation}: argument 'vocab_size' must be at least {len(alphabet.vocab)} "
            f"({len(specials)} special tokens and the alphabet), got {vocab_size}"
        )
    ids, offsets, word_counts = alphabet.words(counts)
    trainer = bpe_trainer()(
        ids,
        offsets,
        word_counts,
        alphabet.vocab,
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        max_token_length=longest,
        characters=counts.level == "char",
    )
    total = vocab_size - len(alphabet.vocab)
    _run(trainer, total, progress)
    pairs, pair_counts, vocab = trainer.result()
    return TrainResult(
        vocab=vocab,
        merges=[(vocab[left], vocab[right]) for left, right in pairs],
        counts=np.array(pair_counts, np.uint64),
        ranks={token: i for i, token in enumerate(vocab) if i >= len(specials)},
        special_tokens={text: i for i, text in enumerate(specials)},
        pattern=counts.pattern,
        level=counts.level,
    )


def _run(trainer: Any, total: int, progress: Progress | None) -> None:
    done, last = 0, time.monotonic()
    while trainer.advance(_BATCH_MERGES):
        done = min(done + _BATCH_MERGES, total)
        if progress is not None and (now := time.monotonic()) - last >= _SECONDS:
            progress(done, total)
            last = now
    if progress is not None:
        progress(total, total)


def _special_list(operation: str, special_tokens: Sequence[str]) -> list[str]:
    if isinstance(special_tokens, (str, bytes)):
        raise TypeError(
            f"{operation}: argument 'special_tokens' must be a sequence of str, got a single text"
        )
    specials = list(special_tokens)
    for text in specials:
        if not isinstance(text, str):
            raise TypeError(
                f"{operation}: argument 'special_tokens' must hold str, got {type(text).__name__}"
            )
    if len(set(specials)) != len(specials):
        raise ValueError(f"{operation}: argument 'special_tokens' holds a text twice")
    return specials


def _batches(texts: Iterable[Text], normalizer: str | None) -> Iterator[list[Text]]:
    """The documents, normalised, a few at a time; TypeError names the position of what is no text."""
    if isinstance(texts, (str, bytes, bytearray, memoryview)) or not isinstance(texts, Iterable):
        text_list("train", texts)
    batch: list[Text] = []
    for place, text in enumerate(texts):
        if not isinstance(text, (str, bytes, bytearray, memoryview)):
            raise TypeError(f"train: texts[{place}] must be str or bytes, got {type(text).__name__}")
        batch.append(text if normalizer is None else _normalized(text, normalizer))
        if len(batch) == _BATCH_TEXTS:
            yield batch
            batch = []
    yield batch


def _texts(text: Text) -> tuple[str, str]:
    """The text with bytes that are no UTF-8 escaped, and as a pattern sees it."""
    if isinstance(text, str):
        repaired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return repaired, repaired
    whole = bytes(text).decode("utf-8", "surrogateescape")
    return whole, whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _normalized(text: Text, normalizer: str) -> bytes:
    return normalize(normalizer, _texts(text)[0]).encode("utf-8", "surrogateescape")
