# SPDX-License-Identifier: Apache-2.0
"""Records one real call of each operator, for the comparison of backends after the run.

``call`` runs the function; while the tape is armed it first keeps a copy of the arguments, because caches and
checker states change afterwards. The first wanted call of each name stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Call:
    """An operator with the arguments it was called with."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __call__(self) -> Any:
        """Run it again."""
        return self.function(*self.args, **self.kwargs)


class Tape:
    """Calls by operator name, in the order of their first use."""

    def __init__(self) -> None:
        self.armed = False
        self.calls: dict[str, Call] = {}

    def call(self, name: str, wanted: bool, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run ``function``, return its result; note the call if ``wanted`` and first of its name."""
        if self.armed and wanted and name not in self.calls:
            kept = {key: _copy(value) for key, value in kwargs.items()}
            self.calls[name] = Call(function, tuple(_copy(value) for value in args), kept)
        return function(*args, **kwargs)


def _copy(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.ndim and value.strides[0] == 0:  # one block seen n times stays one block
            return np.broadcast_to(value[:1].copy(), value.shape)
        return value.copy()
    if isinstance(value, list):
        return [item.clone() if hasattr(item, "clone") else item for item in value]
    return value
