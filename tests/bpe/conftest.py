# SPDX-License-Identifier: Apache-2.0
"""Vocabularies of the bpe tests: a small one trained here, the published ones when the optional data is there."""

from __future__ import annotations

from functools import cache

import pytest

import tokops
from tokops import bpe

PATTERNS = {
    "gpt2": "gpt2",
    "cl100k_base": "cl100k",
    "o200k_base": "o200k",
    "llama3": "llama3",
    "tekken": "tekken",
    "deepseek_v3": "deepseek-v3",
}
TEXT = (
    "It's the cat's 123 mats, they'll say; we've 4567 more.\n\n  def f(x):\n\treturn x ** 2\n"
    "Die Straße, naïveté, ЯЗЫК и слово, 你好世界, नमस्ते, 👩‍👩‍👧 emoji 🏳️‍🌈\r\n"
) * 4
TRICKY = [
    "",
    "\x00",
    " ",
    "a",
    "\n",
    " \n \n  x",
    "a\n  ",
    "\r\n\r\n x",
    "'S '\u017f 'LL 'll'llama don't",
    "ªAbʰCD ÉÉa Ǆǆ",
    "e\u0301e\u0301 \u0301x",
    "1234567 ²³ ⅷⅸ 〇一二",
    "漢字かな交じり文Kanji",
    "\ud83d\ude00 \ud83d x \ude00",
    "\uffff\ufffe\U0010ffff",
    "tabs\t\tand\u00a0\u3000spaces\u2003",
    "//--==/\n/\r\n",
    "a" * 300,
    " " * 200,
    "ab" * 150,
]


@cache
def trained() -> bpe.TrainResult:
    return bpe.train([TEXT], 420, pattern="cl100k", special_tokens=())


def make(pattern: str = "cl100k", backend: str = "cpp", **options) -> bpe.Encoding:
    ranks = trained().ranks
    specials = {"<|end|>": 1000, "<|end|><|end|>": 1001, "<|x": 1002, "<|endoftext|>": 1003}
    with tokops.use_backend(backend):
        return bpe.Encoding(
            "small", pat_str=pattern, mergeable_ranks=ranks, special_tokens=specials, **options
        )


@pytest.fixture(scope="session")
def published(shared_data):
    """``published("cl100k_base")`` is an Encoding of a published vocabulary."""

    @cache
    def get(name: str, backend: str = "cpp") -> bpe.Encoding:
        shift = 1000 if name == "tekken" else 0
        ranks = {token: rank + shift for token, rank in shared_data.ranks(name).items()}
        specials = {} if shift else shared_data.encoding(name)["special_tokens"]
        with tokops.use_backend(backend):
            return bpe.Encoding(name, pat_str=PATTERNS[name], mergeable_ranks=ranks, special_tokens=specials)

    return get
