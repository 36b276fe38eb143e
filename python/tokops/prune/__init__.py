# SPDX-License-Identifier: Apache-2.0
"""Which rows of a float matrix stay before a language model sees them: selection and compaction."""

from .compact import Compacted, compact_tokens, compact_tokens_ragged
from .maxmin import Selection, maxmin_select

__all__ = ["Compacted", "Selection", "compact_tokens", "compact_tokens_ragged", "maxmin_select"]
