# SPDX-License-Identifier: Apache-2.0
"""Token operators: exact, deterministic, native building blocks of LLM and VLM inference loops.

Families: ``tokops.bpe``, ``tokops.constrain``, ``tokops.kv``, ``tokops.prune``. They load at first access; importing
this package imports numpy and nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

from ._config import isa, isa_levels, num_threads, set_num_threads, show_config, threads
from ._dispatch import has_cuda, use_backend

if TYPE_CHECKING:
    from . import bpe, constrain, kv, prune
    from .bpe import Encoding
    from .constrain import awrs_step
    from .kv.topk import topk
    from .prune import maxmin_select

_FAMILIES = ("bpe", "constrain", "kv", "prune")
_SHORTCUTS = {"Encoding": "bpe", "awrs_step": "constrain", "topk": "kv", "maxmin_select": "prune"}

__all__ = [
    "Encoding",
    "__version__",
    "awrs_step",
    "bpe",
    "constrain",
    "has_cuda",
    "isa",
    "isa_levels",
    "kv",
    "maxmin_select",
    "num_threads",
    "ops",
    "prune",
    "set_num_threads",
    "show_config",
    "threads",
    "topk",
    "use_backend",
]


def ops() -> list[str]:
    """Public names of all declared operators and objects, such as "kv.topk"."""
    from ._ops import REGISTRY

    for family in _FAMILIES:
        import_module(f"{__name__}.{family}")
    return sorted({item.public for item in REGISTRY.values()})


def __getattr__(name: str) -> Any:
    if name in _FAMILIES:
        return import_module(f"{__name__}.{name}")
    if name in _SHORTCUTS:
        value = getattr(import_module(f"{__name__}.{_SHORTCUTS[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
