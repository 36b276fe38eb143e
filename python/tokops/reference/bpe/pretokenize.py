# SPDX-License-Identifier: Apache-2.0
"""The named pre-tokenizer patterns as scanners: alternative by alternative, no regex engine.

``spans(text, name)`` lists ``(start, end)`` of the pieces in characters. Characters are classified by the pinned
Unicode 16.0.0 tables; a byte that is no UTF-8 arrives as U+DC80..DCFF (``surrogateescape``) and counts as U+FFFD.
Each scanner gives the end of the piece that starts at ``p``, or ``p`` itself when nothing matches there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ._unicode import CASELESS, HAN, LETTER, LOWER, MARK, NUMBER, SPACE, SYMBOL, UPPER, classes

ASCII_SYMBOLS = frozenset(r"""!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~""")
Spans = list[tuple[int, int]]


@dataclass(frozen=True)
class Rules:
    """What distinguishes the patterns of one shape: contraction | word | number | symbols | white space."""

    contraction_first: bool = False  # as the first alternative, any case
    contraction_after: bool = False  # behind a word, any case
    cased: bool = False  # a word is upper case then lower case
    letters: int = LETTER  # classes of a word, when not cased
    han_apart: bool = False  # runs of Han are pieces of their own
    digits: int = 3  # longest number
    symbol_tail: str = "\r\n"  # may follow symbols
    whole_end: bool = False  # white space that reaches the end of the text is one piece


RULES = {
    "cl100k": Rules(contraction_first=True, whole_end=True),
    "llama3": Rules(contraction_first=True),
    "qwen2": Rules(contraction_first=True, digits=1),
    "qwen3.5": Rules(contraction_first=True, letters=LETTER | MARK, digits=1),
    "o200k": Rules(contraction_after=True, cased=True, symbol_tail="\r\n/"),
    "tekken": Rules(cased=True, digits=1, symbol_tail="\r\n/"),
    "kimi": Rules(contraction_after=True, cased=True, han_apart=True),
}


def pattern_names() -> list[str]:
    """Names that ``spans`` knows."""
    return ["gpt2", *RULES, "deepseek-v3", "superbpe", "whitespace", "none"]


def spans(text: str, name: str) -> Spans:
    """The pieces of ``text`` under a named pattern, as ``(start, end)``."""
    if name == "none":
        return [(0, len(text))] if text else []
    line = Line(text)
    if name == "whitespace":
        found = _stretches(line, 0, len(text), lambda p: line.run(p, ~SPACE))
        return [(p, q) for p, q in found if not line.is_(p, SPACE)]
    if name == "deepseek-v3":
        return _deepseek(line)
    scanner: Callable[[int], int] = {"gpt2": line.gpt2, "superbpe": line.superbpe}.get(name) or (
        lambda p: line.modern(p, RULES[name])
    )
    found, p = [], 0
    while p < len(text):
        q = scanner(p)
        found.append((p, q))
        p = q
    return found


class Line:
    """A text with its class bits; ``end`` is where look-ahead stops."""

    def __init__(self, text: str) -> None:
        table = classes()
        self.text = text
        self.bits = bytes(table[ord(c)] for c in text)
        self.end = len(text)

    def is_(self, p: int, bits: int) -> bool:
        """There is a character at ``p`` and it is of one of the classes; negative ``bits``: of none of ``~bits``."""
        if p >= self.end:
            return False
        return not self.bits[p] & ~bits if bits < 0 else bool(self.bits[p] & bits)

    def run(self, p: int, bits: int, most: int | None = None) -> int:
        """End of the run of such characters from ``p``."""
        stop = self.end if most is None else min(self.end, p + most)
        while p < stop and self.is_(p, bits):
            p += 1
        return p

    def run_of(self, p: int, characters: str) -> int:
        """End of the run of the given characters from ``p``."""
        while p < self.end and self.text[p] in characters:
            p += 1
        return p

    def contraction(self, p: int, fold: bool = True) -> int:
        """End of ``'s 't 're 've 'm 'll 'd`` at ``p``, else ``p``. Any case: U+017F folds to s, nothing else does."""
        if p + 1 >= self.end or self.text[p] != "'":
            return p
        letters = self.text[p + 1 : min(p + 3, self.end)]
        if fold:
            letters = "".join(c.lower() if c.isascii() else "s" if c == "\u017f" else c for c in letters)
        if letters[0] in "sdmt":
            return p + 2
        return p + 3 if letters in ("ll", "ve", "re") else p

    def space(self, p: int, whole_end: bool, newlines: bool = True) -> int:
        r"""``\s*[\r\n]+|\s+(?!\S)|\s+``; ``whole_end`` puts ``\s+$`` first."""
        q = self.run(p, SPACE)
        if q == self.end and (whole_end or not newlines):
            return q
        if newlines:
            last = max(self.text.rfind("\r", p, q), self.text.rfind("\n", p, q))
            if last >= 0:
                return last + 1
        return q if q == self.end or q - p < 2 else q - 1

    def gpt2(self, p: int) -> int:
        """Run a scanner of gpt2."""
        q = self.contraction(p, fold=False)
        if q > p:
            return q
        start = p + 1 if self.text[p] == " " else p
        for bits in (LETTER, NUMBER, ~(SPACE | LETTER | NUMBER)):
            if (q := self.run(start, bits)) > start:
                return q
        return self.space(p, whole_end=False, newlines=False)

    def superbpe(self, p: int) -> int:
        """Run a scanner of superbpe."""
        if (q := self.run(p, NUMBER, 3)) > p or (q := self.run_of(p, "\r\n")) > p:
            return q
        while p < self.end and not self.is_(p, NUMBER) and self.text[p] not in "\r\n":
            p += 1
        return p

    def modern(self, p: int, rules: Rules) -> int:
        """Run a scanner of the cl100k and o200k shapes."""
        if rules.contraction_first and (q := self.contraction(p)) > p:
            return q
        if rules.han_apart and (q := self.run(p, HAN)) > p:
            return q
        if (q := self.cased_word(p, rules) if rules.cased else self.word(p, rules.letters)) > p:
            return q
        if (q := self.run(p, NUMBER, rules.digits)) > p:
            return q
        start = p + 1 if self.text[p] == " " else p
        if (q := self.run(start, ~(SPACE | rules.letters | LETTER | NUMBER))) > start:
            return self.run_of(q, rules.symbol_tail)
        return self.space(p, rules.whole_end)

    def prefix(self, p: int) -> int:
        r"""End of ``[^\r\n\p{L}\p{N}]`` at ``p``, else ``p``."""
        return p + 1 if self.is_(p, ~(LETTER | NUMBER)) and self.text[p] not in "\r\n" else p

    def word(self, p: int, letters: int) -> int:
        """An optional prefix, then letters."""
        for start in (self.prefix(p), p):
            if (q := self.run(start, letters)) > start:
                return q
        return p

    def cased_word(self, p: int, rules: Rules) -> int:
        """Upper then at least one lower, with and without prefix; else at least one upper then lower."""
        starts = (self.prefix(p), p)
        for start in starts:
            if (q := self.upper_lower(start, rules.han_apart)) > start:
                return self.contraction(q) if rules.contraction_after else q
        for start in starts:
            upper = self.run_case(start, UPPER | CASELESS | MARK, rules.han_apart)
            if upper > start:  # nothing lower follows, or upper_lower would have matched
                return self.contraction(upper) if rules.contraction_after else upper
        return p

    def upper_lower(self, p: int, no_han: bool) -> int:
        """``U*L+``: the lower run; without one, back to the last character that is both."""
        both = CASELESS | MARK
        upper = self.run_case(p, UPPER | both, no_han)
        lower = self.run_case(upper, LOWER | both, no_han)
        if lower > upper:
            return lower
        while upper > p and not self.is_(upper - 1, both):
            upper -= 1
        return upper

    def run_case(self, p: int, bits: int, no_han: bool) -> int:
        """``run`` without Han when asked."""
        while self.is_(p, bits) and not (no_han and self.is_(p, HAN)):
            p += 1
        return p

    def deepseek(self, p: int) -> int:
        """Run the third split of deepseek-v3; ``p`` when it does not match here."""
        letter = p + 1
        while letter < self.end and self.text[letter].isascii() and self.text[letter].isalpha():
            letter += 1
        if self.text[p] in ASCII_SYMBOLS and letter > p + 1:
            return letter
        prefixed = self.is_(p, ~(LETTER | SYMBOL)) and self.text[p] not in "\r\n"
        for start in (p + prefixed, p):
            if (q := self.run(start, LETTER | MARK)) > start:
                return q
        start = p + 1 if self.text[p] == " " else p
        if (q := self.run(start, SYMBOL)) > start:
            return self.run_of(q, "\r\n")
        return self.space(p, whole_end=False) if self.is_(p, SPACE) else p


def _deepseek(line: Line) -> Spans:
    """Three splits in sequence; what a split does not match stays as its own piece and is cut by the next."""
    found: Spans = []
    for p, q in _stretches(line, 0, len(line.text), lambda p: line.run(p, NUMBER, 3)):
        if line.is_(p, NUMBER):
            found.append((p, q))
            continue
        for a, b in _stretches(line, p, q, lambda p: _cjk(line, p)):
            if _cjk(line, a) > a:
                found.append((a, b))
            else:
                found += _stretches(line, a, b, line.deepseek)
    return found


def _cjk(line: Line, p: int) -> int:
    while p < line.end and (0x4E00 <= ord(line.text[p]) <= 0x9FA5 or 0x3040 <= ord(line.text[p]) <= 0x30FF):
        p += 1
    return p


def _stretches(line: Line, start: int, end: int, scanner: Callable[[int], int]) -> Spans:
    """Matches inside [start, end) and the stretches between them; the scanner sees ``end`` as the end of text."""
    before, line.end = line.end, end
    found: Spans = []
    unmatched = p = start
    while p < end:
        q = scanner(p)
        if q > p:
            if p > unmatched:
                found.append((unmatched, p))
            found.append((p, q))
            unmatched = q
        p = max(q, p + 1)
    if end > unmatched:
        found.append((unmatched, end))
    line.end = before
    return found
