# SPDX-License-Identifier: Apache-2.0
"""Scanners against the regex engine with the pinned tables, pattern names, and patterns without a name."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys

import pytest

import tokops
from tests.bpe.conftest import TEXT, TRICKY, trained
from tokops import bpe
from tokops.bpe._core import bpe_counter
from tokops.bpe._regex import Splitter
from tokops.bpe.pretokenize import _REGEXES, resolve
from tokops.reference.bpe import _unicode, _unicode_data

pytest.importorskip("regex")

ALPHABET = (
    "aAbZ'sStTlveEreLL\u017f  \n\n\r\t.!/-_09"
    "²Ⅷ〇一ぁカ々éÉªʰ\u0301\u0915\u094d\u00a0\u3000\x00\x1f😀\ufffdǅ龦⺀\u1680\u200b"
)


def random_texts(count, seed):
    rng = random.Random(seed)
    return ["".join(rng.choices(ALPHABET, k=rng.randrange(1, 16))) for _ in range(count)]


@pytest.mark.parametrize("name", [name for name, regexes in _REGEXES.items() if regexes])
def test_scanners_cut_as_the_regexes_do(name):
    texts = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in [*TRICKY, TEXT]]
    for regex in _REGEXES[name]:
        splitter = Splitter("test", regex)
        for text in [*random_texts(1500, 1), *texts]:
            want = [text[a:b] for a, b in splitter.spans(text)]
            assert bpe.pretokenize(text, name) == want, (regex, text)
        assert resolve("test", regex) == (name, None)


@pytest.mark.parametrize("name", bpe.pattern_names())
def test_native_scanners_equal_the_reference(name):
    native = bpe_counter()(name)
    with tokops.use_backend("reference"):
        reference = bpe_counter()(name)
    rng = random.Random(2)
    broken = [
        bytes(rng.choices(b"ab \n\xe4\xb8\xad\xff\xc0\xed\xa0\x80\xf0\x9f\x98'sA1", k=9)) for _ in range(1500)
    ]
    for text in [*random_texts(1500, 3), *TRICKY, TEXT, *broken]:
        assert native.pieces("test", text) == reference.pieces("test", text), text


def test_pieces_are_the_whole_text():
    for name in set(bpe.pattern_names()) - {"whitespace"}:
        for text in random_texts(300, 4):
            assert "".join(bpe.pretokenize(text, name)) == text
    assert bpe.pretokenize(" a\u2003b \n", "whitespace") == ["a", "b"]
    assert bpe.pretokenize("", "none") == []


def test_the_two_spellings_of_cl100k_differ_at_the_end_of_a_text():
    assert bpe.pretokenize("a\n  ", "cl100k") == ["a", "\n  "]
    assert bpe.pretokenize("a\n  ", "llama3") == ["a", "\n", "  "]


def test_patterns_of_tiktoken_are_recognised(monkeypatch):
    public = pytest.importorskip("tiktoken_ext.openai_public")
    monkeypatch.setattr(public, "load_tiktoken_bpe", lambda *args, **options: {})
    monkeypatch.setattr(public, "data_gym_to_mergeable_bpe_ranks", lambda *args, **options: {})
    for function, name in (
        (public.gpt2, "gpt2"),
        (public.cl100k_base, "cl100k"),
        (public.o200k_base, "o200k"),
    ):
        assert resolve("test", function()["pat_str"]) == (name, None)


def test_published_patterns_are_recognised(shared_data):
    names = {
        "gpt2": "gpt2",
        "cl100k_base": "llama3",
        "llama3": "llama3",
        "o200k_base": "o200k",
        "tekken": "tekken",
    }
    for encoding, name in names.items():
        assert resolve("test", shared_data.encoding(encoding)["patterns"][0]) == (name, None)


def test_classes_equal_the_engines(golden):
    data = json.loads((golden("bpe") / "unicode_classes.json").read_text())
    ours = {"White_Space": "White_Space", "Nd (\\d)": "Nd", "word (\\w)": "word"}
    for name, ranges in data.items():
        if name != "Alphabetic":
            assert scalars(_unicode.ranges(ours.get(name, name))) == scalars(ranges), name


def scalars(ranges):
    return {c for a, b in ranges for c in range(a, b + 1) if not 0xD800 <= c < 0xE000}


def test_the_committed_tables_are_unchanged():
    table = bytearray(_unicode.classes())
    table[0xDC80:0xDD00] = bytes(128)  # bytes that are no UTF-8, an addition of the reference
    assert hashlib.sha256(table).hexdigest() == _unicode_data.SHA256


def test_a_regex_without_a_name_cuts_as_tiktoken_does():
    tiktoken = pytest.importorskip("tiktoken")
    patterns = [
        r"\p{Lu}?\p{Ll}+|\p{N}|\s|[^\s\p{L}\p{N}]+",
        r"\w+|\W",
        r"[^\S\n]+|\S+$|\d{2}|(?i:straße|k)|.",
        r"\b\w+\b",
        r"[\p{Han}\p{P}]+",
    ]
    for pattern in patterns:
        peer = tiktoken.Encoding(
            "p", pat_str=pattern, mergeable_ranks=trained().ranks, special_tokens={"<s>": 900}
        )
        ours = bpe.Encoding.from_tiktoken(peer)
        for text in [*random_texts(300, 6), TEXT, "STRASSE straße STRAßE \u212a K k"]:
            assert ours.encode_ordinary(text) == peer.encode_ordinary(text), (pattern, text)
        assert ours.count_batch(["a1"]).tolist() == [ours.count("a1")]
        assert ours.encode("a<s>", allowed_special="all")[-1] == 900


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"\p{Greek}", "no table for the property 'Greek'"),
        (r"\X+", r"escape '\\X' is not supported"),
        (r"(a", "no valid regex"),
        (r"\p{L", "no closing brace"),
        (r"[[:alpha:]]", "POSIX"),
        (r"(a)\1", "not supported"),
    ],
)
def test_what_cannot_be_translated_is_refused(pattern, message):
    with pytest.raises(ValueError, match=message):
        bpe.pretokenize("a", pattern)


def test_named_patterns_need_no_regex_package():
    code = (
        "import sys\nsys.modules['regex'] = None\nfrom tokops import bpe\n"
        "result = bpe.train(['ab ab'] * 3, 258, pattern='llama3')\n"
        "assert result.to_encoding('x').encode(' ab') == [257], result.merges\n"
        "try:\n    bpe.pretokenize('a', 'b+')\nexcept ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "tokops[regex]" in done.stdout, done.stderr


def test_the_family_imports_no_partner():
    partners = ("regex", "tiktoken", "torch", "tokenizers")
    code = f"import sys, tokops.bpe\nprint([m for m in {partners} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
