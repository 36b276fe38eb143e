# SPDX-License-Identifier: Apache-2.0
"""Constraints from Python predicates: text, bytes, batches, memory of answers, EOS, state changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tokops import constrain
from tokops.constrain import PythonConstraint, Vocab, awrs_step


class Asked:
    """A predicate that records what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.texts = answer, []

    def __call__(self, text: Any) -> Any:
        self.texts.append(text)
        return self.answer(text)


ABC = Vocab([b"a", b"b", b"ab", b"", None, b"a", None], eos_ids=[6])


def prefixes_of_abab(text: str) -> bool:
    return "abab".startswith(text)


def test_check_advance_and_rollback() -> None:
    state = PythonConstraint(prefixes_of_abab, lambda text: text == "abab", vocab=ABC).start()
    assert isinstance(state, constrain.State)
    assert state.check(np.arange(7)).tolist() == [True, False, True, False, False, True, False]
    state.advance(2)
    state.advance(0)
    assert state.check([0, 1, 6]).tolist() == [False, True, False]
    with pytest.raises(ValueError, match="token 0 is refused"):
        state.advance(0)
    copy = state.clone()
    copy.advance(1)
    assert (copy.data, state.data) == (b"abab", b"aba")
    assert copy.is_accepting()
    copy.advance(6)
    assert copy.data == b"abab"
    copy.rollback(2)
    assert copy.data == b"ab"
    assert copy.check([0, 1]).tolist() == [True, False]
    with pytest.raises(ValueError, match="argument 'n' must be in"):
        copy.rollback(2)
    with pytest.raises(ValueError, match="token 6 is refused"):
        copy.advance(6)


def test_equal_bytes_are_asked_once_per_text() -> None:
    prefix, complete = Asked(prefixes_of_abab), Asked(lambda text: False)
    state = PythonConstraint(prefix, complete, vocab=ABC).start()
    for _ in range(2):
        state.check([0, 5, 0, 6, 4, 3])
    assert (prefix.texts, complete.texts) == (["a"], [""])
    state.advance(5)
    state.check([1, 1])
    assert prefix.texts == ["a", "ab"]


def test_special_empty_and_unknown_tokens_are_never_valid() -> None:
    state = PythonConstraint(lambda text: True, vocab=Vocab([b"", None, b"x"])).start()
    assert state.check([0, 1, 2, 3, -1]).tolist() == [False, False, True, False, False]


def test_text_stops_before_an_incomplete_code_point_and_invalid_bytes_are_not_asked() -> None:
    euro = "€".encode()
    vocab = Vocab(
        [euro[:1], euro[:2], euro[2:], b"\xff", b"x", None, b"\xf0\x9f\x98", b"\xed\xa0"], eos_ids=[5]
    )
    prefix = Asked(lambda text: True)
    state = PythonConstraint(prefix, vocab=vocab).start()
    assert state.check(range(8)).tolist() == [True, True, False, False, True, True, True, False]
    assert prefix.texts == ["", "", "x", "", ""] or sorted(prefix.texts) == ["", "", "", "", "x"]
    state.advance(1)
    assert state.check([5, 2, 4, 0]).tolist() == [False, True, False, False]
    assert not state.is_accepting()
    state.advance(2)
    assert prefix.texts[-1] == "€"
    assert state.is_accepting()


def test_bytes_are_given_as_they_are() -> None:
    prefix = Asked(lambda data: data == b"\xff")
    state = PythonConstraint(prefix, vocab=Vocab([b"\xff", b"a"]), text="bytes").start()
    assert state.check([0, 1]).tolist() == [True, False]
    assert prefix.texts == [b"\xff", b"a"]


def test_a_batched_predicate_is_called_once_per_round_for_all_rows() -> None:
    calls: list[list[str]] = []

    def prefix_ok(texts: list[str]) -> list[bool]:
        calls.append(texts)
        return [text.endswith("b") for text in texts]

    vocab = Vocab([b"a", b"b"])
    constraint = PythonConstraint(prefix_ok, vocab=vocab, batched=True)
    single = PythonConstraint(lambda text: text.endswith("b"), vocab=vocab)
    logits = np.zeros((6, 2), np.float32)
    batched = awrs_step(logits, [constraint.start() for _ in range(6)], seed=0, estimator="rawrs")
    one_by_one = awrs_step(logits, [single.start() for _ in range(6)], seed=0, estimator="rawrs")
    for a, b in zip(batched, one_by_one, strict=True):
        np.testing.assert_array_equal(a, b)
    assert 1 <= len(calls) <= 2
    assert len(calls[0]) == 6


@pytest.mark.parametrize("answer", [1, "yes", None, np.int64(1), [True]])
def test_answers_must_be_bool(answer: Any) -> None:
    state = PythonConstraint(lambda text: answer, vocab=ABC).start()
    with pytest.raises(TypeError, match="'prefix_ok' must return bool"):
        state.check([0])
    batched = PythonConstraint(lambda texts: answer, vocab=ABC, batched=True).start()
    if answer != [True]:
        with pytest.raises(TypeError, match="'prefix_ok' must return"):
            batched.check([0])
    assert PythonConstraint(lambda text: np.True_, vocab=ABC).start().check([0]).tolist() == [True]


def test_errors_pass_through_and_leave_the_state_usable() -> None:
    fail = [True]

    def prefix_ok(text: str) -> bool:
        if fail[0]:
            raise LookupError("database gone")
        return True

    states = [PythonConstraint(prefix_ok, vocab=ABC).start()]
    logits = np.zeros((1, 7), np.float32)
    with pytest.raises(LookupError, match="database gone"):
        awrs_step(logits, states, seed=0)
    fail[0] = False
    assert awrs_step(logits, states, seed=0).status.tolist() == [constrain.OK]
    states[0].advance(0)
    assert states[0].data == b"a"


def test_wrong_arguments_are_named() -> None:
    for arguments, error, message in (
        ({"prefix_ok": 3}, TypeError, "'prefix_ok'"),
        ({"complete_ok": 3}, TypeError, "'complete_ok'"),
        ({"vocab": [b"a"]}, TypeError, "'vocab'"),
        ({"text": "utf8"}, ValueError, "'text'"),
        ({"batched": 1}, TypeError, "'batched'"),
    ):
        with pytest.raises(error, match=f"constrain.PythonConstraint: argument {message}"):
            PythonConstraint(**{"prefix_ok": bool, "vocab": ABC, **arguments})


def test_ids_past_a_vocabulary_are_never_drawn() -> None:
    constraint = PythonConstraint(lambda text: True, vocab=Vocab([b"a", b"b"]))
    logits = np.array([[0, 0, 9, 9]] * 20, np.float32)
    for estimator in ("rawrs", "exact", "gawrs"):
        result = awrs_step(logits, [constraint.start() for _ in range(20)], seed=0, estimator=estimator)
        assert set(result.token.tolist()) <= {0, 1}


def test_molecules_are_written_one_token_at_a_time() -> None:
    smiles = pytest.importorskip("partialsmiles")

    def parses(text: str, *, partial: bool) -> bool:
        try:
            smiles.ParseSmiles(text, partial=partial)
        except (smiles.Error, IndexError):  # it indexes past the end of some texts
            return False
        return True

    path = Path(__file__).parents[1] / "data" / "constrain" / "partial_smiles.json"
    letters = sorted({letter for text, _, _ in json.loads(path.read_text()) for letter in text})
    vocab = Vocab([letter.encode() for letter in letters] + [None], eos_ids=[len(letters)])
    constraint = PythonConstraint(
        lambda text: parses(text, partial=True), lambda text: parses(text, partial=False), vocab=vocab
    )
    for text, viable, complete in json.loads(path.read_text()):
        state = constraint.start()
        for letter in text[:-1]:
            state.advance(letters.index(letter))
        last = letters.index(text[-1])
        assert state.check([last]).tolist() == [viable]
        if viable:
            state.advance(last)
            assert state.check([len(letters)]).tolist() == [complete]


def test_vocab_keeps_its_tokens() -> None:
    tokens = [b"a", None, b"", "é".encode()]
    vocab = Vocab(tokens, eos_ids=[1])
    assert list(vocab.tokens) == tokens
    assert (vocab.tokens[3], vocab.tokens[-1], vocab.tokens[1:3]) == ("é".encode(), "é".encode(), [None, b""])
    assert (vocab.size, len(vocab), vocab.eos_ids) == (4, 4, {1})
    assert vocab.token(4) is None
    for wrong, error in ((["a"], TypeError), ([1], TypeError)):
        with pytest.raises(error, match="'tokens'"):
            Vocab(wrong)
    with pytest.raises(ValueError, match="'eos_ids'"):
        Vocab([b"a"], eos_ids=[1])
