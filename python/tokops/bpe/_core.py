# SPDX-License-Identifier: Apache-2.0
"""Which implementation serves bpe: the backend in force when an object is made decides, for its lifetime."""

from __future__ import annotations

from typing import Any

from .. import _cpu
from .._dispatch import backend_name


def bpe_core() -> Any:
    """The class ``BpeCore`` of the backend in force."""
    if _is_native():
        return _cpu.BpeCore
    from ..reference.bpe.encoding import BpeCore

    return BpeCore


def bpe_trainer() -> Any:
    """The class ``BpeTrainer`` of the backend in force."""
    if _is_native():
        return _cpu.BpeTrainer
    from ..reference.bpe.train import BpeTrainer

    return BpeTrainer


def bpe_counter() -> Any:
    """The class ``BpeCounter`` of the backend in force."""
    if _is_native():
        return _cpu.BpeCounter
    from ..reference.bpe.train import BpeCounter

    return BpeCounter


def _is_native() -> bool:
    name = backend_name()
    if name == "cuda":
        raise RuntimeError("bpe: there is no CUDA backend; text is encoded on the host")
    return name != "reference"
