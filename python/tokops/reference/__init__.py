# SPDX-License-Identifier: Apache-2.0
"""Plain Python and numpy definitions of every operator: the text that says what the fast code must compute."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def load(address: str) -> Callable[..., Any]:
    """The reference function at ``module:function`` below this package."""
    module, _, function = address.partition(":")
    found: Callable[..., Any] = getattr(import_module(f"{__name__}.{module}"), function)
    return found
