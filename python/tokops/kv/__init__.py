# SPDX-License-Identifier: Apache-2.0
"""Token-level selection from the KV cache: exact top-k, selection by votes, decode attention."""

from __future__ import annotations

from .attention import decode_attention, sparse_attention
from .select import select
from .selection import Selection
from .topk import topk

__all__ = ["Selection", "decode_attention", "select", "sparse_attention", "topk"]
