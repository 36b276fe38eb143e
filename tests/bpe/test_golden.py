# SPDX-License-Identifier: Apache-2.0
"""Stored outputs of tiktoken, tokenizers, mistral-common and rustbpe, compared exactly."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

import tokops
from tests.bpe.conftest import PATTERNS
from tokops import bpe
from tokops.bpe._core import bpe_counter
from tokops.bpe._words import _gpt2_byte_order

CUT = ["gpt2", "cl100k", "llama3", "qwen2", "qwen3.5", "o200k", "tekken", "kimi", "deepseek-v3"]


def read(folder, name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def digest(ids):
    return hashlib.sha256(np.asarray(ids, np.uint32).tobytes()).hexdigest()


@pytest.mark.parametrize("backend", ["reference", "cpp"])
@pytest.mark.parametrize("name", CUT)
def test_pieces_are_those_of_the_engines(golden, name, backend):
    data = read(golden("bpe"), "splits.json")
    with tokops.use_backend(backend):
        counter = bpe_counter()(name)
    rows = data["piece_lengths_in_characters"][name]
    for text, lengths in zip(data["strings"], rows, strict=True):
        assert [len(piece.decode()) for piece in counter.pieces("test", text)] == lengths, text


@pytest.mark.parametrize("name", PATTERNS)
def test_ids_of_all_strings(golden, published, name):
    groups = read(golden("bpe"), "strings.json")["groups"]
    strings = [text for group in groups.values() for text in group]
    with np.load(golden("bpe") / "ids.npz") as stored:
        ids, offsets = stored[f"{name}_ids"], stored[f"{name}_offsets"]
    encoding = published(name)
    got, got_offsets = encoding.encode_batch_flat(strings)
    np.testing.assert_array_equal(got, ids)
    np.testing.assert_array_equal(got_offsets, offsets)
    np.testing.assert_array_equal(encoding.count_batch(strings), np.diff(offsets))
    assert all(encoding.encode_ordinary(text) == ids[a:b].tolist()
               for text, a, b in zip(strings, offsets, offsets[1:], strict=False))  # fmt: skip


@pytest.mark.parametrize("name", PATTERNS)
def test_ids_of_corpora(golden, published, shared_data, name):
    encoding = published(name)
    for file, row in read(golden("bpe"), "corpora_digests.json")["files"].items():
        text = shared_data.corpus(file.removesuffix(".txt"), row["characters"])
        ids = encoding.encode_to_numpy(text, disallowed_special=())
        assert [len(ids), digest(ids)] == row["ids"][name], file
        assert encoding.count(text) == len(ids)
        assert encoding.decode(ids) == text


@pytest.mark.parametrize("name", PATTERNS)
def test_every_code_point_in_context(golden, published, name):
    sweep = read(golden("bpe"), "unicode_sweep.json")
    line = sweep["line"].replace("\\n", "\n")
    for block, want in enumerate(sweep["encodings"][name]):
        start = block * sweep["block"]
        codes = [c for c in range(start, start + sweep["block"]) if not 0xD800 <= c < 0xE000]
        text = "".join(line.replace("{c}", chr(c)) for c in codes)
        if want is not None:
            assert digest(published(name).encode_ordinary(text))[:16] == want, hex(start)


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base", "gpt2"])
def test_bytes_that_are_no_utf8(golden, published, name):
    encoding = published(name)
    inputs = [bytes.fromhex(text) for text in read(golden("bpe"), "bytes_inputs.json")]
    for data, want in zip(inputs, read(golden("bpe"), "bytes_ids.json")[name]["class"], strict=True):
        assert encoding.encode_bytes(data) == want
        assert encoding.encode_ordinary(memoryview(data)) == want
        assert encoding.decode_bytes(want) == data


@pytest.mark.parametrize("backend", ["reference", "cpp"])
def test_special_tokens(golden, shared_data, backend):
    data = read(golden("bpe"), "specials.json")
    with tokops.use_backend(backend):
        encoding = bpe.Encoding(
            "cl100k_base",
            pat_str="cl100k",
            mergeable_ranks=shared_data.ranks("cl100k_base"),
            special_tokens=data["special_tokens"],
        )
    for text, allowed, disallowed, want in data["cases_text_allowed_disallowed_result"]:
        options = {"allowed_special": allowed, "disallowed_special": disallowed}
        options = {key: value for key, value in options.items() if value is not None}
        try:
            got = encoding.encode(text, **options)
        except ValueError as error:
            got = "ValueError: " + str(error).split("\n")[0]
        assert got == want, (text, allowed, disallowed)


def training_cases():
    return ["hf_byte_gpt2_2000", "hf_byte_gpt2_minfreq", "hf_byte_llama3_1500", "hf_char_maxlen4", "hf_char_limit60",
            "hf_ties_abc", "rustbpe_llama3"]  # fmt: skip


@pytest.mark.parametrize("name", training_cases())
def test_training_repeats_the_merges_of_others(golden, name):
    data = read(golden("bpe"), "train.json")
    case = next(case for case in data["cases"] if case["name"] == name)
    with open(golden("bpe") / "train_text.txt", encoding="utf-8", newline="") as file:
        text = file.read()
    docs = (
        data["ties_docs"]
        if case["docs"] == "ties"
        else [text[i : i + 2000] for i in range(0, len(text), 2000)]
    )
    options = case["options"]
    result = bpe.train(
        docs,
        case["vocab_size"],
        pattern=case["pattern"],
        level=case["level"],
        compat="hf" if name.startswith("hf_") else None,
        special_tokens=options.get("special", ()),
        min_frequency=options.get("minf", 0),
        max_token_length=options["mtl"] - 1 if "mtl" in options else None,
        initial_alphabet=[chr(c) for c in range(255)] if "init" in options else None,
        limit_alphabet=options.get("limit"),
    )
    if name == "rustbpe_llama3":
        assert [token.hex() for token in result.vocab] == case["ranks_hex"]
        assert result.counts.tolist() == case["merge_counts"]
        return
    n_specials = len(options.get("special", ()))
    spell = byte_characters if case["level"] == "byte" else bytes.decode
    assert [[spell(left), spell(right)] for left, right in result.merges] == case["merges"]
    assert [spell(token) for token in result.vocab[n_specials:]] == case["vocab_in_id_order"][n_specials:]
    assert [token.decode() for token in result.vocab[:n_specials]] == options.get("special", [])


SPELLED = {b: chr(b) if place < 188 else chr(256 + place - 188) for place, b in enumerate(_gpt2_byte_order())}


def byte_characters(token):
    return "".join(SPELLED[b] for b in token)
