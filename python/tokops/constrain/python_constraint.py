# SPDX-License-Identifier: Apache-2.0
"""A constraint from a Python function on the text so far: a parser, a database, a chemistry library.

Each state keeps the answers for its present text by token bytes, so equal bytes ask once. The memory of a
state is its text plus those answers; they are dropped when the text changes.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._scalars import boolean, choice, integer
from .vocab import Vocab

NAME = "constrain.PythonConstraint"


class PythonConstraint:
    """Constrain text by a Python predicate on prefixes.

    Parameters
    ----------
    prefix_ok : callable
        ``prefix_ok(text) -> bool``: can this text be continued to something valid? With ``batched``,
        ``prefix_ok(texts: list) -> sequence of bool``, called once per round for all rows of a step.
    complete_ok : callable, optional
        The same for "is this text finished?" (asked for EOS); default ``prefix_ok``.
    vocab : Vocab
        The bytes of each token.
    text : "str" | "bytes"
        What the predicates receive. With "str", bytes that are not valid UTF-8 are refused without a call; an
        incomplete last code point (at most 3 bytes) is cut off before asking, and never complete.
    batched : bool
        Whether the predicates take lists.

    Raises
    ------
    TypeError
        When an answer is not bool or numpy.bool_. Exceptions of the predicates pass through; the state stays
        usable.
    """

    def __init__(
        self,
        prefix_ok: Callable[[Any], Any],
        complete_ok: Callable[[Any], Any] | None = None,
        *,
        vocab: Vocab,
        text: str = "str",
        batched: bool = False,
    ) -> None:
        for name, function in (("prefix_ok", prefix_ok), ("complete_ok", complete_ok or prefix_ok)):
            if not callable(function):
                raise TypeError(f"{NAME}: argument '{name}' must be callable, got {type(function).__name__}")
        if not isinstance(vocab, Vocab):
            raise TypeError(f"{NAME}: argument 'vocab' must be Vocab, got {type(vocab).__name__}")
        self.vocab: Vocab | None = vocab
        self.text = choice(NAME, "text", text, ("str", "bytes"))
        self.batched = boolean(NAME, "batched", batched)
        self._functions = {"prefix_ok": prefix_ok, "complete_ok": complete_ok or prefix_ok}

    def start(self) -> PythonState:
        """Return the state of a new, empty text."""
        return PythonState(self, b"")

    def decode(self, data: bytes) -> tuple[Any, bool] | None:
        """Return the text to ask about and whether it ends on a code point; None for invalid UTF-8."""
        if self.text == "bytes":
            return data, True
        decoder = codecs.getincrementaldecoder("utf-8")("strict")
        try:
            text, rest = decoder.decode(data), decoder.getstate()[0]
        except UnicodeDecodeError:
            return None
        if len(rest) == 2 and rest[0] == 0xED and rest[1] >= 0xA0:  # a surrogate, which the decoder lets wait
            return None
        return text, not rest

    def ask(self, name: str, texts: list[Any]) -> list[bool]:
        """Call a predicate for each text, once for all when batched; TypeError unless it gives bools."""
        function = self._functions[name]
        answers = function(texts) if self.batched else [function(text) for text in texts]
        if isinstance(answers, str | bytes) or not hasattr(answers, "__len__") or len(answers) != len(texts):
            raise TypeError(f"{NAME}: argument '{name}' must return one bool per text, got {_short(answers)}")
        for answer in answers:
            if not isinstance(answer, bool | np.bool_):
                raise TypeError(f"{NAME}: argument '{name}' must return bool, got {type(answer).__name__}")
        return [bool(answer) for answer in answers]

    def check_many(self, states: Sequence[PythonState], tokens: Sequence[Any]) -> list[Any]:
        """Return what each state answers about its tokens, with one call per predicate when batched."""
        wanted: Questions = {"prefix_ok": {}, "complete_ok": {}}
        for place, (state, some) in enumerate(zip(states, tokens, strict=True)):
            for token in some:
                state.note(int(token), place, wanted)
        for name, questions in wanted.items():
            if questions:
                answers = self.ask(name, [text for _, text in questions.values()])
                for ((_, key), (state, _)), answer in zip(questions.items(), answers, strict=True):
                    state.memo[name][key] = answer
        return [
            np.array([state.known(int(token)) for token in some], bool)
            for state, some in zip(states, tokens, strict=True)
        ]


class PythonState:
    """The text of one sequence under a PythonConstraint."""

    mask_cost: int | None = None

    def __init__(self, constraint: PythonConstraint, data: bytes) -> None:
        self.constraint = constraint
        self.vocab = constraint.vocab
        self.memo: dict[str, dict[bytes, bool]] = {"prefix_ok": {}, "complete_ok": {}}
        self._data = data
        self._lengths: list[int] = []

    @property
    def data(self) -> bytes:
        """The bytes so far."""
        return self._data

    def check(self, tokens: Any) -> Any:
        """Tell for each token whether it may come next."""
        (answers,) = self.constraint.check_many([self], [np.atleast_1d(np.asarray(tokens))])
        return answers

    def advance(self, token: int) -> None:
        """Append a token; ValueError when it is refused. EOS is checked and changes nothing."""
        token = integer(f"{NAME}: advance", "token", token)
        if not self.check([token])[0]:
            raise ValueError(f"{NAME}: advance: token {token} is refused after {self._data!r}")
        if not self._is_eos(token):
            self._lengths.append(len(self._data))
            self._set(self._data + self._bytes_of(token))

    def rollback(self, n: int) -> None:
        """Take back the last n tokens (EOS does not count)."""
        n = integer(f"{NAME}: rollback", "n", n, 0, len(self._lengths))
        if n > 0:
            self._set(self._data[: self._lengths[-n]])
            del self._lengths[-n:]

    def clone(self) -> PythonState:
        """Return an independent copy, answers included."""
        other = PythonState(self.constraint, self._data)
        other._lengths = self._lengths.copy()
        other.memo = {name: known.copy() for name, known in self.memo.items()}
        return other

    def is_accepting(self) -> bool:
        """Tell whether the text is complete."""
        known = self.memo["complete_ok"]
        if b"" not in known:
            decoded = self.constraint.decode(self._data)
            known[b""] = bool(decoded and decoded[1] and self.constraint.ask("complete_ok", [decoded[0]])[0])
        return known[b""]

    def fill_mask(self, out: Any) -> bool:
        """Return False: a Python predicate has no mask."""
        return False

    def forced(self) -> list[int]:
        """Return []: nothing is known."""
        return []

    def note(self, token: int, place: int, wanted: Questions) -> None:
        """Put the question about a token into ``wanted`` unless its answer is known without a call."""
        name, key = self._question(token)
        if key is None or key in self.memo[name]:
            return
        decoded = self.constraint.decode(self._data + key)
        if decoded is None or (name == "complete_ok" and not decoded[1]):
            self.memo[name][key] = False
        else:
            wanted[name].setdefault((place, key), (self, decoded[0]))

    def known(self, token: int) -> bool:
        """Return the answer about a token that was asked."""
        name, key = self._question(token)
        return key is not None and self.memo[name][key]

    def _question(self, token: int) -> tuple[str, bytes | None]:
        if self._is_eos(token):
            return "complete_ok", b""
        return "prefix_ok", self._bytes_of(token) or None

    def _bytes_of(self, token: int) -> bytes:
        return (self.vocab.token(token) if self.vocab else None) or b""

    def _is_eos(self, token: int) -> bool:
        return self.vocab is not None and token in self.vocab.eos_ids

    def _set(self, data: bytes) -> None:
        self._data = data
        self.memo = {"prefix_ok": {}, "complete_ok": {}}


# Per predicate: (place of the state, token bytes) -> the state and the text to ask about.
Questions = dict[str, dict[tuple[int, bytes], tuple[PythonState, Any]]]


def _short(answers: Any) -> str:
    return (
        f"{type(answers).__name__}[{len(answers)}]" if hasattr(answers, "__len__") else type(answers).__name__
    )
