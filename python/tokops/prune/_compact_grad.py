# SPDX-License-Identifier: Apache-2.0
"""Backward of the compactions: each copy adds its gradient to the position it came from. Imported with torch only."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .compact import COMPACT, COMPACT_RAGGED


@lru_cache(maxsize=1)
def _functions() -> tuple[Any, Any]:
    import torch

    class Dense(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any, keep: Any, pad: Any, width: int, min_keep: int) -> Any:
            kept, mask, index, lengths = COMPACT(x.detach(), keep, pad, width, min_keep)
            ctx.save_for_backward(mask, index)
            ctx.shape = x.shape
            ctx.mark_non_differentiable(mask, index, lengths)
            return kept, mask, index, lengths

        @staticmethod
        def backward(ctx: Any, grad: Any, *unused: Any) -> Any:
            mask, index = ctx.saved_tensors
            rows = torch.arange(len(index), device=index.device)[:, None].expand_as(index)
            result = grad.new_zeros(ctx.shape)
            result.index_put_((rows[mask], index[mask]), grad[mask], accumulate=True)
            return result, None, None, None, None

    class Ragged(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any, offsets: Any, keep: Any, width: int) -> Any:
            kept, ends, index = COMPACT_RAGGED(x.detach(), offsets, keep, width)
            ctx.save_for_backward(index)
            ctx.shape = x.shape
            ctx.mark_non_differentiable(ends, index)
            return kept, ends, index

        @staticmethod
        def backward(ctx: Any, grad: Any, *unused: Any) -> Any:
            (index,) = ctx.saved_tensors
            result = grad.new_zeros(ctx.shape)
            result.index_put_((index,), grad, accumulate=True)
            return result, None, None, None

    return Dense, Ragged


def compact_with_grad(x: Any, keep: Any, pad: Any, width: int, min_keep: int) -> Any:
    """Run ``COMPACT`` on a tensor that requires grad."""
    return _functions()[0].apply(x, keep, pad, width, min_keep)


def ragged_with_grad(x: Any, offsets: Any, keep: Any, width: int) -> Any:
    """Run ``COMPACT_RAGGED`` on a tensor that requires grad."""
    return _functions()[1].apply(x, offsets, keep, width)
