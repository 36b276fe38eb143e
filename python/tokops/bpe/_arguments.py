# SPDX-License-Identifier: Apache-2.0
"""What texts and tokens may be: one reading of both for all methods."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .._scalars import integer

Text = str | bytes | bytearray | memoryview
TEXTS = (str, bytes, bytearray, memoryview)


def text_list(operation: str, texts: Iterable[Any]) -> list[Any]:
    """The texts as a list; TypeError for a single text, and naming the position of what is no text."""
    if isinstance(texts, TEXTS) or not isinstance(texts, Iterable):
        raise TypeError(
            f"{operation}: argument 'texts' must be an iterable of str or bytes, got {type(texts).__name__}"
        )
    items = list(texts)
    for place, item in enumerate(items):
        if not isinstance(item, TEXTS):
            raise TypeError(f"{operation}: texts[{place}] must be str or bytes, got {type(item).__name__}")
    return items


def as_bytes(operation: str, name: str, text: Any) -> bytes:
    """The bytes of one token or piece given as str or bytes."""
    if not isinstance(text, TEXTS):
        raise TypeError(f"{operation}: argument '{name}' must be str or bytes, got {type(text).__name__}")
    return text.encode() if isinstance(text, str) else bytes(text)


def mapping(operation: str, name: str, value: Any) -> dict[Any, Any]:
    """A copy of a mapping; TypeError for anything else."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{operation}: argument '{name}' must be a mapping, got {type(value).__name__}")
    return dict(value)


def as_tokens(operation: str, tokens: Any) -> Any:
    """A list, tuple or integer array of one axis that the core can read."""
    if type(tokens) is list or type(tokens) is tuple:
        return tokens
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(tokens, torch.Tensor):
        if tokens.device.type != "cpu":
            raise TypeError(f"{operation}: argument 'tokens' is on {tokens.device}; call .cpu()")
        tokens = tokens.detach().numpy()
    if isinstance(tokens, np.ndarray):
        if tokens.dtype.kind not in "iu":
            raise TypeError(f"{operation}: argument 'tokens' must hold integers, got {tokens.dtype}")
        if tokens.ndim != 1:
            raise ValueError(f"{operation}: argument 'tokens' must have one axis, got {tokens.ndim}")
        return tokens
    if isinstance(tokens, TEXTS) or not isinstance(tokens, Iterable):
        raise TypeError(
            f"{operation}: argument 'tokens' must be a sequence of int, got {type(tokens).__name__}"
        )
    return list(tokens)


def block_count(operation: str, num_threads: int | None) -> int:
    """Most threads to use, 0 for the whole pool."""
    return 0 if num_threads is None else integer(operation, "num_threads", num_threads, 1)


def id_dtype(operation: str, dtype: Any) -> np.dtype[Any]:
    """``dtype`` when it is uint32 or int32."""
    wanted: np.dtype[Any] = np.dtype(dtype)
    if wanted not in (np.dtype(np.uint32), np.dtype(np.int32)):
        raise ValueError(f"{operation}: argument 'dtype' must be uint32 or int32, got {wanted}")
    return wanted


def text_or_empty(token: bytes) -> str:
    """``token`` as text, "" when it is no UTF-8."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return ""
