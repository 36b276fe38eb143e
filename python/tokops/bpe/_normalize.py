# SPDX-License-Identifier: Apache-2.0
"""Unicode normal forms, by ``unicodedata`` of the running Python."""

from __future__ import annotations

import unicodedata
from typing import Literal, cast

NORMALIZERS = ("nfc", "nfkc", "nfd", "nfkd")


def normalize(form: str, text: str) -> str:
    """``text`` in the normal form; bytes that are no UTF-8 (U+DC80..DCFF) stay as they are and compose with nothing."""
    if text.isascii():
        return text
    return unicodedata.normalize(cast(Literal["NFC", "NFD", "NFKC", "NFKD"], form.upper()), text)
