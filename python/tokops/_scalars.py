# SPDX-License-Identifier: Apache-2.0
"""Checks of scalar arguments, with one form of message: ``kv.topk: argument 'k' must be in [0, 8], got 9``."""

from __future__ import annotations

import operator
import sys
from collections.abc import Sequence
from typing import Any, SupportsIndex

MAX = sys.float_info.max
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def integer(op: str, name: str, value: SupportsIndex, low: int | None = None, high: int | None = None) -> int:
    """``value`` as int; TypeError for what is no integer (bool included), ValueError outside the range or 64 bits."""
    if type(value) is int:
        number = value
    else:
        try:
            number = operator.index(value)
        except (TypeError, RuntimeError) as error:  # RuntimeError: a tensor without memory
            raise TypeError(f"{op}: argument '{name}' must be int, got {type(value).__name__}") from error
        if isinstance(value, bool):
            raise TypeError(f"{op}: argument '{name}' must be int, got bool")
    if not INT64_MIN <= number <= INT64_MAX:
        raise ValueError(f"{op}: argument '{name}' must fit 64 bits, got {number.bit_length()} bits")
    if (low is not None and number < low) or (high is not None and number > high):
        raise ValueError(f"{op}: argument '{name}' must be {_range(low, high)}, got {number}")
    return number


def real(op: str, name: str, value: Any, low: float | None = None, high: float | None = None) -> float:
    """``value`` as a finite float inside the closed range; bool and text are TypeErrors."""
    if type(value) is float:
        number = value
    else:
        convertible = hasattr(value, "__float__") or hasattr(value, "__index__")
        if isinstance(value, bool | str | bytes) or not convertible:
            raise TypeError(f"{op}: argument '{name}' must be float, got {type(value).__name__}")
        try:
            number = float(value)
        except OverflowError:
            raise ValueError(f"{op}: argument '{name}' must be {_range(low, high)} and finite") from None
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(f"{op}: argument '{name}' must be float, got {type(value).__name__}") from error
    lowest, highest = -MAX if low is None else low, MAX if high is None else high
    if not lowest <= number <= highest:  # NaN is in no range
        raise ValueError(f"{op}: argument '{name}' must be {_range(low, high)} and finite, got {number}")
    return number


def choice(op: str, name: str, value: Any, choices: Sequence[str]) -> str:
    """``value`` when it is one of ``choices``."""
    if type(value) is str and value in choices:
        return value
    if not isinstance(value, str):
        raise TypeError(f"{op}: argument '{name}' must be str, got {type(value).__name__}")
    if value not in choices:
        raise ValueError(f"{op}: argument '{name}' must be one of {', '.join(choices)}, got {value!r}")
    return value


def boolean(op: str, name: str, value: Any) -> bool:
    """``value`` when it is a bool."""
    if value is True or value is False:
        return value
    raise TypeError(f"{op}: argument '{name}' must be bool, got {type(value).__name__}")


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return "any number" if high is None else f"at most {high}"
    return f"at least {low}" if high is None else f"in [{low}, {high}]"
