# SPDX-License-Identifier: Apache-2.0
"""What a vocabulary must be before it is used: types, ids, sizes, merges of known tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MAX_TOKENS, MAX_TOKEN_BYTES = 1 << 24, 1 << 16


def check_vocabulary(
    ranks: Mapping[bytes, int],
    specials: Mapping[str, int],
    merges: Sequence[tuple[bytes, bytes]] | None,
    explicit_n_vocab: int | None,
) -> int:
    """Give the largest id, -1 without tokens; TypeError or ValueError for a vocabulary that cannot be right."""
    _check_types(ranks, bytes)
    _check_types(specials, str)
    if len(ranks) > MAX_TOKENS or any(len(token) > MAX_TOKEN_BYTES for token in ranks):
        raise ValueError(f"Encoding: at most {MAX_TOKENS} tokens of at most {MAX_TOKEN_BYTES} bytes")
    if len(set(ranks.values())) != len(ranks):
        raise ValueError("Encoding: argument 'mergeable_ranks' gives two tokens one id")
    if len(set(specials.values())) != len(specials):
        raise ValueError("Encoding: argument 'special_tokens' gives two special tokens one id")
    ids = {*ranks.values(), *specials.values()}
    if ids and not (min(ids) >= 0 and max(ids) < 1 << 32):
        raise ValueError("Encoding: ids must be in [0, 2**32)")
    for left, right in merges or ():
        if not (left in ranks and right in ranks and left + right in ranks):
            raise ValueError(
                f"Encoding: argument 'merges' joins {left!r} and {right!r}, but not all three are tokens"
            )
    largest = max(ids, default=-1)
    if explicit_n_vocab is not None and (len(ids), largest) != (explicit_n_vocab, explicit_n_vocab - 1):
        raise ValueError(
            f"Encoding: argument 'explicit_n_vocab' is {explicit_n_vocab}, "
            f"but there are {len(ids)} tokens with ids up to {largest}"
        )
    return largest


def _check_types(tokens: Mapping[bytes, int] | Mapping[str, int], kind: type) -> None:
    for token, i in tokens.items():
        if not isinstance(token, kind) or isinstance(i, bool) or not isinstance(i, int):
            raise TypeError(f"Encoding: tokens must map {kind.__name__} to int, got {token!r}: {i!r}")
