# SPDX-License-Identifier: Apache-2.0
"""Token-level selection from the KV cache: exact top-k, selection by votes, decode attention."""

from __future__ import annotations

from .topk import topk

__all__ = ["topk"]
