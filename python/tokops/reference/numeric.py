# SPDX-License-Identifier: Apache-2.0
"""Exact widening of 16-bit floats and rounding to them. Inside the reference uint16 means bfloat16 bits."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def widen(x: Array) -> Array:
    """float32 copy of float32, float16 or bfloat16 (uint16 bits); exact."""
    if x.dtype == np.uint16:
        return (x.astype(np.uint32) << 16).view(np.float32)
    return x.astype(np.float32)


def bfloat16_bits(x: Array) -> Array:
    """uint16 bit patterns of float32 values rounded to bfloat16, to nearest even; NaN stays NaN."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    quiet = (bits >> 16) | 0x40
    return np.where(np.isnan(x), quiet, rounded).astype(np.uint16)


def narrow(x: Array, dtype: Any) -> Array:
    """float32 values rounded once to ``dtype``; uint16 gives bfloat16 bits."""
    return bfloat16_bits(x) if np.dtype(dtype) == np.uint16 else x.astype(dtype)
