# SPDX-License-Identifier: Apache-2.0
"""The ``.tiktoken`` file format: one token per line, its bytes in base64, a space, its rank."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping

MAX_FILE_BYTES = 1 << 30


def read_tiktoken(path: str | os.PathLike[str], max_tokens: int, max_token_bytes: int) -> dict[bytes, int]:
    """Ranks of a file; ValueError with the line number for anything malformed or given twice."""
    with open(path, "rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ValueError("from_tiktoken_file: the file is larger than 1 GiB")
    ranks: dict[bytes, int] = {}
    seen: set[int] = set()
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        token, rank = _line(number, line)
        if token in ranks:
            raise ValueError(f"from_tiktoken_file: line {number}: the token {token!r} was there before")
        if rank in seen:
            raise ValueError(f"from_tiktoken_file: line {number}: the rank {rank} was there before")
        if len(token) > max_token_bytes or len(ranks) >= max_tokens:
            raise ValueError(
                f"from_tiktoken_file: line {number}: at most {max_tokens} tokens of at most {max_token_bytes} bytes"
            )
        ranks[token] = rank
        seen.add(rank)
    return ranks


def write_tiktoken(path: str | os.PathLike[str], ranks: Mapping[bytes, int]) -> None:
    """Write ranks in ascending order."""
    lines = (
        binascii.b2a_base64(token, newline=False) + b" %d\n" % rank
        for token, rank in sorted(ranks.items(), key=lambda item: item[1])
    )
    with open(path, "wb") as file:
        file.writelines(lines)


def _line(number: int, line: bytes) -> tuple[bytes, int]:
    parts = line.split()
    if len(parts) != 2 or not parts[1].isdigit() or len(parts[1]) > 10 or int(parts[1]) >= 1 << 32:
        raise ValueError(f"from_tiktoken_file: line {number}: must be 'base64 rank', got {line[:60]!r}")
    try:
        return (b"" if parts[0] == b"=" else base64.b64decode(parts[0], validate=True)), int(parts[1])
    except binascii.Error as error:
        raise ValueError(f"from_tiktoken_file: line {number}: {error}") from error
