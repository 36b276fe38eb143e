# SPDX-License-Identifier: Apache-2.0
"""Every declared operator as ``torch.ops.tokops.<name>`` with a fake kernel.

Imported at the first call under ``torch.compile`` or export, on a meta tensor or on a tensor subclass; ordinary
tensors go straight to the native module, because a custom op costs tens of times a small call. Importing this
module registers all operators, so that tracing never has to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from . import _dispatch, constrain, kv, prune  # noqa: F401 - importing a family declares its operators
from ._ops import REGISTRY, Op


def call(op: Op, arguments: tuple[Any, ...], out: tuple[Any, ...] | None) -> Any:
    """Run ``op`` through torch's dispatcher."""
    if out is not None:
        raise ValueError(
            f"{op.public}: argument 'out' is not supported under torch.compile or on tensor subclasses"
        )
    return CUSTOM_OPS[op.name](*arguments)


def _register(op: Op) -> Callable[..., Any]:
    def eager(*arguments: Any) -> Any:
        return _dispatch.call_eager(op, arguments, None, torch)

    def fake(*arguments: Any) -> Any:
        made = op.allocate_torch(*arguments)
        return made[0] if op.single else made

    custom = torch.library.custom_op(f"tokops::{op.name}", eager, mutates_args=(), schema=op.schema)
    custom.register_fake(fake)
    overload: Callable[..., Any] = getattr(torch.ops.tokops, op.name).default
    return overload


CUSTOM_OPS = {op.name: _register(op) for op in list(REGISTRY.values()) if isinstance(op, Op)}
