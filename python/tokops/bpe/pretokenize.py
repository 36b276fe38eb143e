# SPDX-License-Identifier: Apache-2.0
"""Cut text into pieces: named patterns on the package's own scanners, other regexes through the package ``regex``.

A name, or the exact regex text of a named pattern in any of its published spellings, is served by the scanner.
All follow Unicode 16.0.0.
"""

from __future__ import annotations

from .._ops import Entry
from ._core import bpe_counter
from ._regex import Splitter

Entry("bpe.pretokenize", doc="bpe")

_SUFFIX = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_UPPER_NO_HAN, _LOWER_NO_HAN = (
    rf"[\p{{{case}}}\p{{Lt}}\p{{Lm}}\p{{Lo}}\p{{M}}&&[^\p{{Han}}]]".replace(drop, "")
    for case, drop in (("Lu", ""), ("Ll", r"\p{Lt}"))
)
_PREFIX = r"[^\r\n\p{L}\p{N}]?"


def _modern(first: str, digits: str, letters: str = "", tail: str = r"\r\n") -> str:
    word = rf"[\p{{L}}{letters}]+" if letters else r"\p{L}+"
    return rf"{first}|{_PREFIX}{word}|{digits}| ?[^\s\p{{L}}{letters}\p{{N}}]+[{tail}]*|{_SPACES}"


def _cased(upper: str, lower: str, suffix: str, digits: str, tail: str) -> str:
    words = rf"{_PREFIX}{upper}*{lower}+{suffix}|{_PREFIX}{upper}+{lower}*{suffix}"
    return rf"{words}|{digits}| ?[^\s\p{{L}}\p{{N}}]+[{tail}]*|{_SPACES}"


_REGEXES: dict[str, tuple[str, ...]] = {
    "gpt2": (
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        r"'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
    ),
    "cl100k": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
        r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
        r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    ),
    "llama3": (
        _modern(_SUFFIX, r"\p{N}{1,3}"),
        _modern("(?i:[sdmt]|ll|ve|re)".join(("'", "")), r"\p{N}{1,3}"),
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
        r"|\s*[\r\n]|\s+(?!\S)|\s+",
    ),
    "qwen2": (_modern(_SUFFIX, r"\p{N}"),),
    "qwen3.5": (_modern(_SUFFIX, r"\p{N}", r"\p{M}"),),
    "o200k": (_cased(_UPPER, _LOWER, _SUFFIX + "?", r"\p{N}{1,3}", r"\r\n/"),),
    "tekken": (_cased(_UPPER, _LOWER, "", r"\p{N}", r"\r\n/"),),
    "kimi": (
        r"[\p{Han}]+|" + _cased(_UPPER_NO_HAN, _LOWER_NO_HAN, _SUFFIX + "?", r"\p{N}{1,3}", r"\r\n"),
        r"\p{Han}+|" + _cased(_UPPER_NO_HAN, _LOWER_NO_HAN, _SUFFIX + "?", r"\p{N}{1,3}", r"\r\n"),
    ),
    "superbpe": (r"\p{N}{1,3}|[\r\n]+|[^\r\n\p{N}]+",),
    "deepseek-v3": (),
    "whitespace": (),
    "none": (),
}
_NAME_OF = {regex: name for name, regexes in _REGEXES.items() for regex in regexes}


def pattern_names() -> list[str]:
    """Names of the patterns that are built in."""
    return list(_REGEXES)


def resolve(operation: str, pattern: object) -> tuple[str, Splitter | None]:
    """``(name, None)`` for a named pattern or its regex text, else ``("", splitter)``."""
    if not isinstance(pattern, str):
        raise TypeError(f"{operation}: argument 'pattern' must be str, got {type(pattern).__name__}")
    name = pattern if pattern in _REGEXES else _NAME_OF.get(pattern)
    return (name, None) if name is not None else ("", Splitter(operation, pattern))


def pretokenize(text: str, pattern: str) -> list[str]:
    """Cut ``text`` into the pieces that are merged separately.

    Parameters
    ----------
    text : str
        Lone surrogates are read as U+FFFD, pairs are joined.
    pattern : str
        A name of ``pattern_names()`` or a regex.

    Returns
    -------
    list of str
        The pieces in order. Their concatenation is the text, unless the pattern leaves something unmatched.

    Raises
    ------
    TypeError, ValueError, ImportError
        Not str; a regex that cannot be compiled; a regex without a name while the package ``regex`` is absent.

    Notes
    -----
    O(len(text)) for named patterns.

    Examples
    --------
    >>> pretokenize("it's 1234", "llama3")
    ['it', "'s", ' ', '123', '4']
    """
    if not isinstance(text, str):
        raise TypeError(f"pretokenize: argument 'text' must be str, got {type(text).__name__}")
    name, splitter = resolve("pretokenize", pattern)
    if splitter is None:
        pieces: list[bytes] = bpe_counter()(name).pieces("pretokenize", text)
        return [piece.decode() for piece in pieces]
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return [text[start:end] for start, end in splitter.spans(text)]
