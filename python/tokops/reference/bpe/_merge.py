# SPDX-License-Identifier: Apache-2.0
"""The two merge rules, as loops over a list of parts: quadratic in the piece, for reading."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

Pair = tuple[bytes, bytes]


def merge(parts: list[bytes], rank: Callable[[Pair], int | None]) -> list[bytes]:
    """Join the adjacent pair of lowest rank, leftmost on ties, until no pair has a rank."""
    parts = list(parts)
    while True:
        ranked = [(r, i) for i, pair in enumerate(itertools.pairwise(parts)) if (r := rank(pair)) is not None]
        if not ranked:
            return parts
        _, i = min(ranked)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


def by_concatenation(ranks: Mapping[bytes, int]) -> Callable[[Pair], int | None]:
    """Rule of rank vocabularies: any pair whose concatenation is a token, whatever merge made the token."""
    return lambda pair: ranks.get(pair[0] + pair[1])


def by_list(merges: list[Pair]) -> Callable[[Pair], int | None]:
    """Rule of merge lists: only listed pairs join, in the order of the list."""
    order: dict[Pair, int] = {}
    for place, pair in enumerate(merges):
        order.setdefault(pair, place)
    return order.get
