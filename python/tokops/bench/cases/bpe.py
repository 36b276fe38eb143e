# SPDX-License-Identifier: Apache-2.0
"""Encoding, counting, decoding and training on text made here, with a vocabulary trained on it.

No data beside the package is needed: the text is words of a Zipf law over made-up syllables with numbers, code and
other scripts mixed in. tiktoken and tokenizers get the same ranks and the same pattern.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from ... import bpe, use_backend
from ..case import Row, Subject, absent, installed

VOCABULARY = 8192
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SCRIPTS = {
    "latin": "ka ro mi ta lu sen tor an is the pro con de",
    "other": "ка ро ми те лу 你 好 世 界 是 का री मे ñá",  # noqa: RUF001 - other scripts are meant
}


def rows() -> list[Row]:
    """List the rows."""
    found = []
    for script in SCRIPTS:
        for op, make in {"encode": encode, "encode_to_numpy": to_numpy, "count": count}.items():
            found.append(
                Row(f"bpe.Encoding.{op}/256k/{script}", op="bpe.Encoding", make=partial(make, script))
            )
        found.append(
            Row(f"bpe.Encoding.decode/256k/{script}", op="bpe.Encoding", make=partial(decode, script))
        )
    found.append(Row("bpe.Encoding.encode/20/latin", op="bpe.Encoding", make=short))
    found.append(Row("bpe.Encoding.encode/64k/one letter", op="bpe.Encoding", make=one_letter))
    found.append(Row("bpe.Encoding.encode_batch/256x1k/latin", op="bpe.Encoding", make=batch))
    found.append(Row("bpe.train/16k/300", op="bpe.train", make=train_small))
    found.append(Row("bpe.train/1M/4096", op="bpe.train", make=train_large, large=True))
    return found


@cache
def text_of(script: str, characters: int = 1 << 18) -> str:
    """Words of a Zipf law with numbers, punctuation and lines."""
    rng = np.random.default_rng(7)
    syllables = SCRIPTS[script].split()
    words = ["".join(rng.choice(syllables, rng.integers(1, 5))) for _ in range(6000)]
    words += [str(n) for n in range(0, 5000, 37)] + ["it's", "x_1", "f(x)", "--", "...\n", "\n\n    "]
    picks = np.minimum(rng.zipf(1.3, characters // 3) - 1, len(words) - 1)
    return " ".join(words[i] for i in rng.permutation(len(words))[picks])[:characters]


@cache
def encodings(script: str) -> tuple[bpe.Encoding, Any]:
    """Give our encoding and tiktoken's of the same ranks, None without tiktoken."""
    ranks = bpe.train([text_of(script)], VOCABULARY, pattern="llama3").ranks
    ours = bpe.Encoding("bench", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})
    if not installed("tiktoken"):
        return ours, None
    import tiktoken

    return ours, tiktoken.Encoding("bench", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})


def subject(ours: Callable[[], object], peer: Any, call: Callable[[], object], amount: float) -> Subject:
    """Pair our call with tiktoken's, when it is installed."""
    peers = {"tiktoken": call} if peer is not None else {}
    return Subject(ours, peers, unit="characters", amount=amount, missing=absent("tiktoken"))


def encode(script: str) -> Subject:
    """Encode text into a list."""
    text = text_of(script)
    ours, peer = encodings(script)
    return subject(lambda: ours.encode_ordinary(text), peer, lambda: peer.encode_ordinary(text), len(text))


def to_numpy(script: str) -> Subject:
    """Encode text into an array."""
    text = text_of(script)
    ours, peer = encodings(script)
    return subject(lambda: ours.encode_to_numpy(text), peer, lambda: peer.encode_to_numpy(text), len(text))


def count(script: str) -> Subject:
    """Count against the length of tiktoken's list, for it has no count."""
    text = text_of(script)
    ours, peer = encodings(script)
    return subject(lambda: ours.count(text), peer, lambda: len(peer.encode_ordinary(text)), len(text))


def decode(script: str) -> Subject:
    """Decode a list of ids."""
    text = text_of(script)
    ours, peer = encodings(script)
    ids = ours.encode_ordinary(text)
    return subject(lambda: ours.decode(ids), peer, lambda: peer.decode(ids), len(text))


def short() -> Subject:
    """Encode 20 characters: the price of a call."""
    ours, peer = encodings("latin")
    text = text_of("latin")[100:120]
    return subject(lambda: ours.encode_ordinary(text), peer, lambda: peer.encode_ordinary(text), len(text))


def one_letter() -> Subject:
    """Encode one endless word, the worst case of a merge loop."""
    ours, peer = encodings("latin")
    text = "a" * (1 << 16)
    return subject(lambda: ours.encode_ordinary(text), peer, lambda: peer.encode_ordinary(text), len(text))


def batch() -> Subject:
    """Encode 256 texts of 1024 characters with the pool."""
    ours, peer = encodings("latin")
    text = text_of("latin")
    texts = [text[i : i + 1024] for i in range(0, len(text), 1024)]
    return subject(
        lambda: ours.encode_ordinary_batch(texts), peer, lambda: peer.encode_ordinary_batch(texts), len(text)
    )


def train_small() -> Subject:
    """Train on 16 Ki characters against the recount of the reference."""
    texts = [text_of("latin")[: 1 << 14]]

    def recount() -> object:
        with use_backend("reference"):
            return bpe.train(texts, 300, pattern="llama3").merges

    return Subject(lambda: bpe.train(texts, 300, pattern="llama3").merges, {"reference": recount})


def train_large() -> Subject:
    """Train on a million characters against tokenizers."""
    if not installed("tokenizers"):
        return Subject(lambda: None, missing=absent("tokenizers"))
    import tokenizers

    text = text_of("latin", 1 << 20)
    texts = [text[i : i + 4096] for i in range(0, len(text), 4096)]

    def peer() -> list[str]:
        made = tokenizers.Tokenizer(tokenizers.models.BPE())
        made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=4096, initial_alphabet=alphabet, show_progress=False
        )
        made.train_from_iterator(texts, trainer)
        return sorted(made.get_vocab(), key=made.get_vocab().__getitem__)

    def ours() -> list[bytes]:
        return bpe.train(texts, 4096, pattern="gpt2", compat="hf").vocab

    def same_vocab(tokens: list[bytes], spelled: list[str]) -> bool:
        characters = {token[0]: letter for token, letter in zip(tokens[:256], spelled, strict=False)}
        return ["".join(characters[b] for b in token) for token in tokens] == spelled

    return Subject(ours, {"tokenizers": peer}, equal=same_vocab, unit="characters", amount=len(text))
