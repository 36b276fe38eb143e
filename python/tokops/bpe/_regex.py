# SPDX-License-Identifier: Apache-2.0
r"""Patterns without a name: spans by the package ``regex``, with its Unicode replaced by the pinned tables.

``regex`` follows a newer Unicode and Python's rules for ``$``; every property and class escape is therefore written
out as explicit code-point ranges of Unicode 16.0.0 before compiling, ``$`` becomes ``\Z``, set operators get
VERSION1, and case folds character by character. What has no table is a ValueError that names it. Text that the
pattern does not match is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_LONG_NAMES = {
    "Letter": "L",
    "Uppercase_Letter": "Lu",
    "Lowercase_Letter": "Ll",
    "Mark": "M",
    "Number": "N",
    "Punctuation": "P",
    "Symbol": "S",
    "Script=Han": "Han",
    "White_Space": "White_Space",
}
_ESCAPES = {"s": "White_Space", "d": "Nd", "w": "word"}
_PLAIN = frozenset("rnatfv0xuU.^$|()[]{}*+?\\/-&~#'\" !%,:;<=>@_`123456789ABZGzKQ")
_REFUSED = frozenset("ABbGKQXRhNp123456789")
_TIMEOUT_S = 30.0


class Splitter:
    """A compiled pattern without a name; ``spans`` cuts a text."""

    def __init__(self, operation: str, pattern: str) -> None:
        try:
            import regex
        except ImportError as error:
            raise ImportError(
                f"{operation}: a pattern without a name needs the package 'regex': pip install 'tokops[regex]'"
            ) from error
        translated = translate(operation, pattern)
        try:
            self._compiled: Any = regex.compile("(?V1-f)" + translated)
        except regex.error as error:
            raise ValueError(f"{operation}: argument 'pattern' is no valid regex: {error}") from error

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """``(start, end)`` of each non-empty match, in characters."""
        try:
            for match in self._compiled.finditer(text, timeout=_TIMEOUT_S):
                if match.end() > match.start():
                    yield match.span()
        except TimeoutError as error:
            raise RuntimeError(
                f"pretokenize: the pattern took longer than {_TIMEOUT_S:g} s on this text"
            ) from error


def translate(operation: str, pattern: str) -> str:
    """Write the properties of a pattern out as code-point ranges."""
    out: list[str] = []
    depth = i = 0
    while i < len(pattern):
        c = pattern[i]
        if c == "\\":
            piece, i = _escape(operation, pattern, i, inside=depth > 0)
            out.append(piece)
            continue
        if c == "[":
            depth += 1
            if pattern[i + 1 : i + 2] == ":":
                raise ValueError(f"{operation}: argument 'pattern': POSIX classes are not supported")
        elif c == "]" and depth:
            depth -= 1
        out.append(r"\Z" if c == "$" and not depth else c)
        i += 1
    return "".join(out)


def _escape(operation: str, pattern: str, i: int, *, inside: bool) -> tuple[str, int]:
    letter = pattern[i + 1 : i + 2]
    if letter in ("p", "P"):
        name, end = _property(operation, pattern, i + 2)
        negated = letter == "P"
        if name.startswith("^"):
            name, negated = name[1:], not negated
        return _class(operation, name, negated), end
    if letter.lower() in _ESCAPES:
        return _class(operation, _ESCAPES[letter.lower()], letter.isupper()), i + 2
    if letter in ("b", "B") and not inside:
        word = _class(operation, "word", False)
        edge = f"(?:(?<={word})(?!{word})|(?<!{word})(?={word}))"
        inner = f"(?:(?<={word})(?={word})|(?<!{word})(?!{word}))"
        return edge if letter == "b" else inner, i + 2
    if letter == "z":
        return r"\Z", i + 2
    if not letter or letter in _REFUSED or letter not in _PLAIN:
        raise ValueError(f"{operation}: argument 'pattern': escape '\\{letter}' is not supported")
    return pattern[i : i + 2], i + 2


def _property(operation: str, pattern: str, i: int) -> tuple[str, int]:
    if pattern[i : i + 1] != "{":
        return pattern[i : i + 1], i + 1
    end = pattern.find("}", i)
    if end < 0:
        raise ValueError(f"{operation}: argument 'pattern': '\\p{{' has no closing brace")
    return pattern[i + 1 : end], end + 1


def _class(operation: str, name: str, negated: bool) -> str:
    from ..reference.bpe._unicode import ranges

    try:
        found = ranges(_LONG_NAMES.get(name, name))
    except KeyError:
        raise ValueError(f"{operation}: argument 'pattern': no table for the property '{name}'") from None
    body = "".join(_range(start, end) for start, end in found)
    return f"[{'^' if negated else ''}{body}]"


def _range(start: int, end: int) -> str:
    first, last = f"\\U{start:08X}", f"\\U{end:08X}"
    return first if start == end else f"{first}-{last}"
