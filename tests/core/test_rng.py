# SPDX-License-Identifier: Apache-2.0
"""Philox4x32-10 against its published known answers."""

from __future__ import annotations

import pytest

from tokops import _cpu

ANSWERS = [
    (0, 0, 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (2**64 - 1, 2**64 - 1, 2**64 - 1, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        0x299F31D0A4093822,
        0x0370734413198A2E,
        0x85A308D3243F6A88,
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
    (42, 3, 7 << 32 | 5, (0xE0DAD5F8, 0x361A473E, 0xD046D0C8, 0xB603B434)),
]


@pytest.mark.parametrize(("seed", "stream", "counter", "words"), ANSWERS)
def test_words_equal_the_known_answers(seed, stream, counter, words):
    assert _cpu.philox(seed, stream, counter) == words
