# SPDX-License-Identifier: Apache-2.0
"""Byte-level BPE: encode, count, decode and train, exactly as tiktoken and tokenizers do."""

from __future__ import annotations

from .encoding import Encoding
from .pretokenize import pattern_names, pretokenize
from .train import Counts, TrainResult, count_pretokens, merge_counts, train, train_from_counts

__all__ = [
    "Counts",
    "Encoding",
    "TrainResult",
    "count_pretokens",
    "merge_counts",
    "pattern_names",
    "pretokenize",
    "train",
    "train_from_counts",
]
