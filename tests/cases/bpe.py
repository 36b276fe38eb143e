# SPDX-License-Identifier: Apache-2.0
"""Cases of the functions of bpe. Encodings are objects: tests/bpe/test_encoding.py compares their backends."""

from __future__ import annotations

from collections.abc import Iterator

from tests.cases import Case
from tokops import bpe

TEXTS = {
    "empty": "",
    "words": "It's they'LL say 12345 ²³ naïve  words\n\n  end \r\n",
    "case": "camelCase ABCdef ǅʰÉé e\u0301É\u0301x 'S'\u017f",
    "han": "漢字かなカナ 々〇 12漢 abc漢字",
    "blank": " \t\n \u3000\u00a0 \u2003",
    "surrogates": "a\ud83d\ude00b \udc00 \ud800",
    "controls": "\x00\x1fa\ufffe \U0010ffff!",
}
DOCS = ["ab ab abc", "aaaa aa", "cab cab", "", "é漢é漢"]


def cases() -> Iterator[Case]:
    for pattern in bpe.pattern_names():
        for name, text in TEXTS.items():
            yield Case("bpe.pretokenize", f"{pattern}-{name}", (text, pattern))
    yield Case("bpe.train", "bytes", (DOCS, 270), {"pattern": "none"})
    yield Case(
        "bpe.train", "hf", (DOCS, 266), {"pattern": "gpt2", "compat": "hf", "special_tokens": ["<s>", "ab"]}
    )
    yield Case(
        "bpe.train", "limits", (DOCS, 300), {"pattern": "llama3", "min_frequency": 2, "max_token_length": 3}
    )
    yield Case(
        "bpe.train", "characters", (DOCS, 12), {"pattern": "whitespace", "level": "char", "limit_alphabet": 4}
    )
    yield Case("bpe.train", "ended", (["ab"], 300), {"pattern": "none"})
    yield Case("bpe.train", "too-small", (DOCS, 255), error=ValueError)
    yield Case("bpe.train", "one-text", ("abc", 300), error=TypeError)
    yield Case("bpe.pretokenize", "not-text", (5, "gpt2"), error=TypeError)
