# SPDX-License-Identifier: Apache-2.0
"""Which special texts a call allows and refuses: tiktoken's ``allowed_special`` and ``disallowed_special``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from typing import Any, Literal

from ._arguments import Text

Specials = Literal["all"] | Collection[str]


class SpecialRules:
    """The special tokens of one encoding and the core that finds their texts."""

    def __init__(self, core: Any, special_tokens: Mapping[str, int]) -> None:
        self._core = core
        self._tokens = special_tokens
        self._all = core.specials(dict(special_tokens))

    def matcher(self, allowed_special: Specials) -> Any:
        """What the core takes for a set of allowed texts; None when none of them is special."""
        allowed = self._allowed(allowed_special)
        if not allowed:
            return None
        if allowed == self._tokens.keys():
            return self._all
        chosen = {text: i for text, i in self._tokens.items() if text in allowed}
        return self._core.specials(chosen) if chosen else None

    def judge(
        self, operation: str, text: Text, allowed_special: Specials, disallowed_special: Specials
    ) -> Any:
        """Give the matcher of the allowed texts, after refusing the disallowed ones."""
        allowed = self._allowed(allowed_special)
        disallowed: Set[str]
        if disallowed_special == "all":
            disallowed = self._tokens.keys() - allowed if allowed else self._tokens.keys()
        else:
            disallowed = set(disallowed_special)
        if disallowed:
            everything = disallowed == self._tokens.keys()
            refused = self._all if everything else self._core.specials(dict.fromkeys(disallowed, 0))
            if (found := self._core.find(operation, text, refused)) is not None:
                raise ValueError(_refusal(found))
        return self.matcher(allowed_special)

    def _allowed(self, allowed: Specials) -> Set[str]:
        return self._tokens.keys() if allowed == "all" else set(allowed)


def _refusal(token: str) -> str:
    """Say which special text is not allowed here, and what the caller may want instead."""
    return (
        f"Encountered text corresponding to disallowed special token {token!r}.\n"
        f"Pass it in `allowed_special`, e.g. `allowed_special={{{token!r}, ...}}`, to get its special id.\n"
        "Pass `disallowed_special=()` to encode it as ordinary text, or use `encode_ordinary`."
    )
