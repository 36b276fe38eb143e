# SPDX-License-Identifier: Apache-2.0
"""Encoding against tiktoken with the same small vocabulary, against its own reference, and its errors."""

from __future__ import annotations

import copy
import itertools
import pickle
import random
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokops
from tests.bpe.conftest import TEXT, TRICKY, make, trained
from tokops import bpe

try:
    import tiktoken
except ImportError:
    tiktoken = None

CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
SMALL = make()
REFERENCE = make(backend="reference")
# Without tiktoken the reference stands in, which the golden files check against tiktoken's stored ids.
PEER = (
    REFERENCE
    if tiktoken is None
    else tiktoken.Encoding(
        "small", pat_str=CL100K, mergeable_ranks=trained().ranks, special_tokens=SMALL._special_tokens
    )
)
needs_tiktoken = pytest.mark.skipif(tiktoken is None, reason="tiktoken is not installed")
BOTH = pytest.mark.parametrize("encoding", [SMALL, REFERENCE], ids=["cpp", "reference"])
ANY_TEXT = st.text(st.characters(blacklist_categories=()), max_size=40)


@BOTH
def test_ids_equal_tiktoken_on_tricky_text(encoding):
    for text in [*TRICKY, TEXT]:
        ids = PEER.encode_ordinary(text)
        assert encoding.encode_ordinary(text) == ids, text
        assert encoding.count(text) == len(ids)
        assert encoding.encode_to_numpy(text, disallowed_special=()).tolist() == ids
        assert encoding.decode(ids) == PEER.decode(ids)
        assert encoding.decode_tokens_bytes(ids) == PEER.decode_tokens_bytes(ids)


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT)
def test_any_text_encodes_as_in_tiktoken_and_the_reference(text):
    ids = SMALL.encode_ordinary(text)
    assert ids == PEER.encode_ordinary(text)
    assert ids == REFERENCE.encode_ordinary(text)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=40), st.text(max_size=20).map(str.encode)))
def test_any_bytes_come_back_and_equal_the_reference(data):
    ids = SMALL.encode_bytes(data)
    assert ids == REFERENCE.encode_bytes(data)
    assert SMALL.decode_bytes(ids) == data
    assert SMALL.count(bytearray(data)) == len(ids)


@settings(max_examples=200, deadline=None)
@given(st.integers(41, 400), st.sampled_from(["ab", "the ", "aé", " \n"]), st.randoms(use_true_random=False))
def test_long_pieces_merge_as_the_reference_does(length, letters, rng):
    piece = "".join(rng.choices(letters, k=length)).encode()
    assert SMALL._encode_single_piece(piece) == REFERENCE._encode_single_piece(piece)
    assert SMALL._encode_single_piece(piece) == PEER._encode_single_piece(piece)


def test_megabytes_of_one_letter_are_encoded(shared_data):
    for name in ("a", "space", "newline", "letters", "combining", "bytes"):
        data = shared_data.adversarial(name)
        ids = SMALL.encode_bytes(data)
        assert SMALL.decode_bytes(ids) == data
        assert SMALL.count(data) == len(ids)


@needs_tiktoken
def test_corpora_at_random_cuts_equal_tiktoken(shared_data, published):
    names = {"cl100k_base": "llama3", "o200k_base": "o200k", "gpt2": "gpt2"}
    rng = random.Random(5)
    for name in names:
        info = shared_data.encoding(name)
        peer = tiktoken.Encoding(
            name, pat_str=info["patterns"][0], mergeable_ranks=shared_data.ranks(name), special_tokens={}
        )
        ours = bpe.Encoding.from_tiktoken(peer)
        for corpus in shared_data.corpora():
            text = shared_data.corpus(corpus)
            begin = rng.randrange(len(text) - 20000)
            text = text[begin : begin + 20000]
            assert ours.encode_ordinary(text) == peer.encode_ordinary(text), (name, corpus, begin)


# --- special tokens


@BOTH
def test_the_longest_special_text_wins_and_the_leftmost_is_named(encoding):
    assert encoding.encode("a<|end|><|end|>", allowed_special="all") == [*encoding.encode("a"), 1001]
    assert encoding.encode("<|x<|end|>", allowed_special={"<|end|>"}, disallowed_special=())[-1] == 1000
    with pytest.raises(
        ValueError, match=r"^Encountered text corresponding to disallowed special token '<\|x'\."
    ):
        encoding.encode("a <|x <|end|>")
    assert encoding.encode_ordinary("<|end|>") == PEER.encode_ordinary("<|end|>")
    assert encoding.encode(b"<|end|>\xff", allowed_special="all") == [1000, *encoding.encode_bytes(b"\xff")]
    assert encoding.count("<|end|>x", allowed_special="all") == 2
    assert encoding.count("<|end|>") == len(encoding.encode_ordinary("<|end|>"))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["<|end|>", "<|x", "a", " ", "\n", "<|", "é"]), max_size=8).map("".join))
def test_the_ids_of_allowed_special_texts_equal_tiktoken(text):
    for allowed in ({"<|end|>"}, {"<|x"}, {"<|end|>", "<|x"}):
        got = SMALL.encode(text, allowed_special=allowed, disallowed_special=())
        assert got == PEER.encode(text, allowed_special=allowed, disallowed_special=())
        assert got == REFERENCE.encode(text, allowed_special=allowed, disallowed_special=())


def test_the_text_after_a_special_token_starts_anew():
    # A run of spaces is cut at the special text, so each part ends like a text.
    text = "x  <|end|>  y"
    want = [*SMALL.encode("x  "), 1000, *SMALL.encode("  y")]
    assert SMALL.encode(text, allowed_special={"<|end|>"}) == want


# --- other forms of the same


@BOTH
def test_batches_hold_what_single_calls_give(encoding, thread_count):
    texts = [*TRICKY, TEXT.encode(), TEXT * 3] * 2
    rows = [encoding.encode_ordinary(text) for text in texts]
    flat, offsets = encoding.encode_batch_flat(texts)
    assert flat.dtype == np.uint32
    assert offsets.dtype == np.int64
    assert [flat[a:b].tolist() for a, b in itertools.pairwise(offsets)] == rows
    assert encoding.encode_ordinary_batch(iter(texts), num_threads=2) == rows
    assert encoding.encode_batch(texts, disallowed_special=(), num_threads=8) == rows
    assert encoding.count_batch(texts).tolist() == [len(row) for row in rows]
    assert encoding.encode_batch_flat([], dtype=np.int32)[0].dtype == np.int32
    assert encoding.encode_batch_flat([])[1].tolist() == [0]


def test_any_kind_of_integer_array_decodes():
    ids = SMALL.encode_ordinary("the cat's é")
    small = [i for i in ids if i < 128]
    for dtype in "bBhHiIqQ":
        array = np.array(small if dtype in "bB" else ids, dtype)
        assert SMALL.decode_bytes(array) == SMALL.decode_bytes(array.tolist())
        assert SMALL.decode_bytes(array[::-1]) == SMALL.decode_bytes(array[::-1].tolist())
    assert SMALL.decode_bytes(tuple(ids)) == SMALL.decode_bytes(iter(ids)) == "the cat's é".encode()
    torch = pytest.importorskip("torch")
    assert SMALL.decode(torch.tensor(ids)) == "the cat's é"


@BOTH
def test_special_tokens_can_be_left_out_of_decoded_text(encoding):
    ids = [*encoding.encode("a"), 1000, *encoding.encode("b")]
    assert encoding.decode(ids) == "a<|end|>b"
    assert encoding.decode(ids, skip_special_tokens=True) == "ab"
    assert encoding.is_special_token(1000)
    assert not encoding.is_special_token(1)


@needs_tiktoken
def test_names_of_tiktoken():
    assert SMALL.n_vocab == PEER.n_vocab == SMALL.max_token_value + 1
    assert SMALL.eot_token == PEER.eot_token
    assert SMALL.special_tokens_set == PEER.special_tokens_set
    assert SMALL.token_byte_values() == PEER.token_byte_values()
    assert repr(SMALL) == repr(PEER)
    assert SMALL.encode_single_token("<|end|>") == PEER.encode_single_token("<|end|>") == 1000
    assert SMALL.encode_single_token(b"\xff") == PEER.encode_single_token(b"\xff")
    assert SMALL.decode_single_token_bytes(1000) == b"<|end|>"
    assert bpe.Encoding.from_tiktoken(PEER).encode(TEXT) == PEER.encode(TEXT)


def test_copies_and_pickles_give_the_same_ids():
    other = pickle.loads(pickle.dumps(SMALL))
    assert (other.name, other.special_tokens_set) == (SMALL.name, SMALL.special_tokens_set)
    assert (
        other.encode_ordinary(TEXT)
        == copy.deepcopy(SMALL).encode_ordinary(TEXT)
        == SMALL.encode_ordinary(TEXT)
    )
    state = SMALL.__reduce__()
    with pytest.raises(ValueError, match="unknown version"):
        state[0](99, state[1][1])


def test_several_threads_share_one_object():
    want = SMALL.encode_ordinary(TEXT * 20)
    results = []
    workers = [
        threading.Thread(target=lambda: results.append(SMALL.encode_ordinary(TEXT * 20))) for _ in range(6)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == [want] * 6


# --- merge lists, normalisers, missing bytes


@pytest.mark.parametrize("backend", ["reference", "cpp"])
def test_a_merge_list_joins_only_what_it_lists(backend):
    ranks = {b"a": 0, b"b": 1, b"c": 2, b"ab": 3, b"bc": 4, b"abc": 5}
    with tokops.use_backend(backend):
        listed = bpe.Encoding(
            "list",
            pat_str="none",
            mergeable_ranks=ranks,
            special_tokens={},
            merges=[(b"b", b"c"), (b"a", b"b"), (b"ab", b"c")],
            ignore_merges=False,
        )
        whole = bpe.Encoding(
            "list", pat_str="none", mergeable_ranks=ranks, special_tokens={}, merges=[(b"b", b"c")]
        )
    assert listed.encode_ordinary("abc") == [0, 4]  # bc joins first; (a, bc) is not listed
    assert listed.encode_ordinary("abab") == [3, 3]
    assert whole.encode_ordinary("abc") == [5]  # a whole piece that is a token
    assert whole.encode_ordinary("aabc") == [0, 0, 4]


@pytest.mark.parametrize("backend", ["reference", "cpp"])
def test_a_normaliser_runs_before_the_cut(backend):
    plain, normal = make(backend=backend), make(backend=backend, normalizer="nfc")
    assert normal.encode_ordinary("e\u0301") == plain.encode_ordinary("\u00e9")
    assert normal.count("e\u0301") == plain.count("\u00e9")
    assert normal.encode_bytes("e\u0301".encode() + b"\xff") == plain.encode_bytes(
        "\u00e9".encode() + b"\xff"
    )
    assert normal.encode("e\u0301<|end|>", allowed_special="all") == [*plain.encode("\u00e9"), 1000]
    assert normal.encode_batch_flat(["e\u0301"])[0].tolist() == plain.encode("\u00e9")


@pytest.mark.parametrize("backend", ["reference", "cpp"])
def test_a_byte_without_a_token_is_named(backend):
    with tokops.use_backend(backend):
        encoding = bpe.Encoding(
            "few",
            pat_str="whitespace",
            mergeable_ranks={b"a": 7, b"aa": 9, b"": 3, b"xy": 5},
            special_tokens={"<s>": 1},
        )
    assert encoding.encode_ordinary("aaa xy") == [9, 7, 5]
    assert encoding.decode_bytes([3, 7]) == b"a"
    for text, offset in (("aa b", 3), ("xyx", 0), ("<s>aé", 4)):
        with pytest.raises(ValueError, match=f"^encode: no token for byte 0x.. at byte offset {offset}$"):
            encoding.encode(text, allowed_special="all")
    with pytest.raises(ValueError, match="no token for byte 0x62"):
        encoding.count_batch(["a", "ab"])


# --- errors


@BOTH
def test_wrong_arguments_are_refused(encoding):
    with pytest.raises(TypeError, match=r"^encode_ordinary: argument 'text' must be str or bytes, got int$"):
        encoding.encode_ordinary(5)
    with pytest.raises(TypeError, match=r"texts\[1\] must be str or bytes, got NoneType"):
        encoding.encode_batch(["a", None])
    with pytest.raises(TypeError, match="iterable of str"):
        encoding.count_batch("abc")
    with pytest.raises(ValueError, match="num_threads"):
        encoding.count_batch(["abc"], num_threads=0)
    with pytest.raises(ValueError, match="uint32 or int32"):
        encoding.encode_to_numpy("a", dtype=np.int64)
    for tokens in (None, "ab", b"ab", 1.5, [1.5], ["a"], [None], np.array([1.0]), np.array([True])):
        with pytest.raises(TypeError):
            encoding.decode(tokens)
    for tokens in ([-1], [1 << 32], [1 << 70]):
        with pytest.raises(OverflowError):
            encoding.decode(tokens)
    for tokens in ([5, 999], np.array([5, -1]), np.array([5, 1 << 40]), np.array([5, 2**64 - 1], np.uint64)):
        with pytest.raises(KeyError, match=r"no token has id -?\d+ \(position 1\)"):
            encoding.decode_bytes(tokens)
    with pytest.raises(ValueError, match="one axis"):
        encoding.decode(np.zeros((2, 2), int))
    with pytest.raises(UnicodeDecodeError):
        encoding.decode(encoding.encode_bytes(b"\xff"), errors="strict")
    with pytest.raises(KeyError):
        encoding.encode_single_token("no such token")
    with pytest.raises(KeyError):
        encoding.decode_single_token_bytes(999)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"mergeable_ranks": {b"a": 0, b"b": 0}}, ValueError),
        ({"special_tokens": {"x": 5, "y": 5}}, ValueError),
        ({"mergeable_ranks": {"a": 0}}, TypeError),
        ({"mergeable_ranks": {b"a": 0.5}}, TypeError),
        ({"mergeable_ranks": {b"a": -1}}, ValueError),
        ({"explicit_n_vocab": 7}, ValueError),
        ({"normalizer": "NFC!"}, ValueError),
        ({"merges": [(b"a", b"z")]}, ValueError),
        ({"pat_str": "(a"}, ValueError),
        ({"pat_str": 5}, TypeError),
    ],
)
def test_a_vocabulary_that_cannot_be_right_is_refused(options, error):
    content = {"pat_str": "none", "mergeable_ranks": {b"a": 0, b"b": 1}, "special_tokens": {}}
    with pytest.raises(error):
        bpe.Encoding("bad", **{**content, **options})


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (b"YQ== 0\nYg==\n", "line 2"),
        (b"YQ== 0\nYg== x\n", "line 2"),
        (b"YQ== 0\nY? 1\n", "line 2"),
        (b"YQ== 0\n\nYQ== 1\n", "line 3: the token b'a' was there before"),
        (b"YQ== 0\nYg== 0\n", "line 2: the rank 0 was there before"),
        (b"YQ== 4294967296\n", "line 1"),
    ],
)
def test_a_malformed_tiktoken_file_is_refused_with_its_line(tmp_path, lines, message):
    (tmp_path / "v.tiktoken").write_bytes(lines)
    with pytest.raises(ValueError, match=message):
        bpe.Encoding.from_tiktoken_file(tmp_path / "v.tiktoken", pattern="gpt2")


def test_a_written_file_is_read_again(tmp_path):
    trained().to_tiktoken_file(tmp_path / "small.tiktoken")
    encoding = bpe.Encoding.from_tiktoken_file(
        tmp_path / "small.tiktoken", pattern="cl100k", special_tokens={"<s>": 999}
    )
    assert encoding.name == "small"
    assert encoding.encode_ordinary(TEXT) == SMALL.encode_ordinary(TEXT)
    (tmp_path / "gaps.tiktoken").write_bytes(b"YQ== 7\r\nYWE= 3\n= 5\n")
    gaps = bpe.Encoding.from_tiktoken_file(tmp_path / "gaps.tiktoken", pattern="none")
    assert gaps.encode("aaa") == [3, 7]
    assert gaps.decode_bytes([5]) == b""


@pytest.mark.parametrize("bad", [None, 5, 1.5, [1], 10**12])
def test_single_tokens_are_text_or_bytes(bad):
    encoding = bpe.train(["aa ab"], 258).to_encoding("tiny")
    for call in (encoding.encode_single_token, encoding._encode_single_piece):
        with pytest.raises(TypeError, match="argument 'text_or_bytes' must be str or bytes"):
            call(bad)


@pytest.mark.parametrize("bad", [None, 5, [(b"a", 1)], b"ab"])
def test_vocabularies_are_mappings(bad):
    ranks = {bytes([i]): i for i in range(256)}
    with pytest.raises(TypeError, match="Encoding: argument 'mergeable_ranks' must be a mapping"):
        bpe.Encoding("x", pat_str="gpt2", mergeable_ranks=bad, special_tokens={})
    with pytest.raises(TypeError, match="Encoding: argument 'special_tokens' must be a mapping"):
        bpe.Encoding("x", pat_str="gpt2", mergeable_ranks=ranks, special_tokens=bad)
