# SPDX-License-Identifier: Apache-2.0
"""Training: native against the recount, tokenizers as an outside oracle, shards, limits, errors."""

from __future__ import annotations

import pickle
import random

import numpy as np
import pytest

import tokops
from tests.bpe.conftest import TEXT, trained
from tests.bpe.test_golden import byte_characters
from tokops import bpe


def same(a, b):
    assert a.vocab == b.vocab
    assert a.merges == b.merges
    assert a.counts.tolist() == b.counts.tolist()
    assert a.ranks == b.ranks


def both(texts, vocab_size, **options):
    """The native result, after comparing it with the recount."""
    native = bpe.train(texts, vocab_size, **options)
    with tokops.use_backend("reference"):
        same(native, bpe.train(texts, vocab_size, **options))
    return native


def random_corpus(rng, letters="ab c", documents=12, longest=30):
    return ["".join(rng.choices(letters, k=rng.randrange(longest))) for _ in range(documents)]


def test_random_corpora_with_many_ties_give_the_recount():
    rng = random.Random(0)
    for _ in range(60):
        texts = random_corpus(rng, letters=rng.choice(["ab", "ab c", "aab ", "é漢a"]))
        both(
            texts,
            256 + rng.randrange(30),
            pattern=rng.choice(["none", "gpt2", "whitespace"]),
            min_frequency=rng.randrange(4),
            max_token_length=rng.choice([None, 2, 3, 5]),
        )


def test_random_corpora_give_the_merges_of_tokenizers():
    tokenizers = pytest.importorskip("tokenizers")
    rng = random.Random(1)
    for _ in range(25):
        texts = random_corpus(rng, letters="abc  d")
        peer = tokenizers.Tokenizer(tokenizers.models.BPE())
        peer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        size = 257 + rng.randrange(40)
        specials = rng.choice([["<s>"], ["ab"], ["bc"]])  # a merge may spell a special token
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=size,
            initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
            special_tokens=specials,
        )
        peer.train_from_iterator(texts, trainer)
        ours = bpe.train(texts, size, pattern="gpt2", compat="hf", special_tokens=specials)
        vocab = sorted(peer.get_vocab().items(), key=lambda item: item[1])
        assert [byte_characters(token) for token in ours.vocab[1:]] == [token for token, _ in vocab][1:]


def test_overlapping_pairs_are_counted_and_joined_from_the_left():
    result = both(["aaa"], 258, pattern="none")
    assert result.merges == [(b"a", b"a"), (b"aa", b"a")]
    assert result.counts.tolist() == [2, 1]
    assert both(["aaaa"], 257, pattern="none").merges == [(b"a", b"a")]


def test_equal_counts_go_to_the_lowest_ids():
    assert both(["ba", "ab", "ca"], 257, pattern="none").merges == [(b"a", b"b")]


def test_a_token_made_twice_keeps_its_id():
    result = both(["abc", "abc", "abc", "ab", "bc", "bc", "xab", "xabc"], 265, pattern="none")
    assert len(set(result.vocab)) == len(result.vocab)
    special = both(["ab ab ab c"], 260, pattern="gpt2", special_tokens=["ab"])
    assert special.vocab[0] == b"ab"
    assert special.vocab.count(b"ab") == 1


def test_results_depend_only_on_the_multiset_of_pieces(thread_count):
    texts = [TEXT, "some more words words", "and others, and others"] * 3
    shuffled = list(texts)
    random.Random(3).shuffle(shuffled)
    same(bpe.train(texts, 380), bpe.train(iter(shuffled), 380, num_threads=2))


def test_counts_of_shards_give_the_same_merges():
    texts = [TEXT[i : i + 97] for i in range(0, len(TEXT), 97)]
    whole = bpe.count_pretokens(texts, pattern="o200k")
    shards = [bpe.count_pretokens(texts[i::4], pattern="o200k") for i in range(4)]
    merged = bpe.merge_counts([pickle.loads(pickle.dumps(shard)) for shard in reversed(shards)])
    assert dict(merged.items()) == dict(whole.items())
    assert len(merged) == len(whole)
    same(bpe.train_from_counts(merged, 350), bpe.train(texts, 350, pattern="o200k"))
    with pytest.raises(ValueError, match="same level and pattern"):
        whole.merge(bpe.count_pretokens(texts, pattern="gpt2"))
    with pytest.raises(ValueError, match="empty"):
        bpe.merge_counts([])


def test_counts_beyond_32_bits_are_kept():
    counts = bpe.Counts({b"ab": 1 << 40, b"bc": 3}, "byte", "none")
    result = bpe.train_from_counts(counts, 258)
    assert result.counts.dtype == np.uint64
    assert result.counts.tolist() == [1 << 40, 3]


def test_the_trained_encoding_uses_the_trained_tokens():
    result = bpe.train([TEXT], 400, pattern="llama3", special_tokens=["<s>", "</s>"])
    encoding = result.to_encoding("mine", special_tokens={"<pad>": 1234})
    assert encoding.special_tokens_set == {"<s>", "</s>", "<pad>"}
    assert encoding.encode("<s>", allowed_special="all") == [0]
    assert encoding.decode(encoding.encode_ordinary(TEXT)) == TEXT
    assert max(encoding.encode_ordinary(TEXT)) < 400
    assert result.ranks[b"\x00"] == 2
    assert bpe.train([TEXT], 300, compat="hf").vocab[0] == b"!"


def test_levels_of_characters():
    result = both(["grün grün blau", "漢字 漢"], 20, pattern="whitespace", level="char", max_token_length=2)
    assert "".join(token.decode() for token in result.vocab[:9]) == "abglnruü字"
    assert max(len(token.decode()) for token in result.vocab) == 2
    limited = both(["aab b c"], 10, pattern="whitespace", level="char", limit_alphabet=2)
    assert limited.vocab[:2] == [b"a", b"b"]
    assert not any(b"c" in token for token in limited.vocab)
    first = both(["ab"], 4, pattern="whitespace", level="char", initial_alphabet=["z"])
    assert first.vocab == [b"a", b"b", b"z", b"ab"]
    with pytest.raises(ValueError, match="level 'char'"):
        first.to_encoding("no")


def test_broken_text_and_other_patterns_train_too():
    data = [b"a\xff\xff a\xff", "e\u0301 \ud800", bytearray(b"a\xff")]
    both(data, 262)
    both(data, 260, normalizer="nfc", pattern="none")
    pytest.importorskip("regex")
    both(data, 260, pattern=r"\w+|\W+")


def test_progress_is_told_and_can_stop():
    seen = []
    bpe.train([TEXT], 400, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (144, 144)
    assert seen == sorted(seen)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bpe.train([TEXT], 400, progress=stop)


@pytest.mark.parametrize(
    ("texts", "options", "error", "message"),
    [
        ("a text", {}, TypeError, "iterable"),
        (b"bytes", {}, TypeError, "iterable"),
        (["a", 5], {}, TypeError, r"texts\[1\]"),
        (["a"], {"vocab_size": 255}, ValueError, "at least 256"),
        (["a"], {"special_tokens": ["x", "x"]}, ValueError, "twice"),
        (["a"], {"special_tokens": "xy"}, TypeError, "single text"),
        (["a"], {"special_tokens": [5]}, TypeError, "must hold str"),
        (["a"], {"level": "word"}, ValueError, "byte, char"),
        (["a"], {"compat": "other"}, ValueError, "hf"),
        (["a"], {"min_frequency": -1}, ValueError, "min_frequency"),
        (["a"], {"max_token_length": 0}, ValueError, "max_token_length"),
        (["a"], {"limit_alphabet": 5}, ValueError, "level 'char'"),
        (["a"], {"normalizer": "x"}, ValueError, "normalizer"),
        (["a"], {"num_threads": 0}, ValueError, "num_threads"),
        (["a"], {"vocab_size": 300.0}, TypeError, "vocab_size"),
    ],
)
def test_wrong_arguments_are_refused(texts, options, error, message):
    options = {"vocab_size": 300, **options}
    with pytest.raises(error, match=message):
        bpe.train(texts, options.pop("vocab_size"), **options)


def test_the_shared_small_vocabulary_is_exact():
    with tokops.use_backend("reference"):
        same(trained(), bpe.train([TEXT], 420, pattern="cl100k"))


def test_a_trainer_with_another_tie_rule_is_caught(monkeypatch):
    from tokops.reference.bpe.train import BpeTrainer

    class HighestIdsFirst(BpeTrainer):
        def advance(self, merges):
            pairs = self._count_pairs()
            if len(self.vocab) >= self.vocab_size or not pairs:
                return False
            pair = max(pairs, key=lambda pair: (pairs[pair], pair))
            self.merges.append(pair)
            self.counts.append(pairs[pair])
            self._replace(pair)
            return True

    monkeypatch.setattr("tokops.reference.bpe.train.BpeTrainer", HighestIdsFirst)
    with pytest.raises(AssertionError):
        both(["ba", "ab", "ca"], 257, pattern="none")
