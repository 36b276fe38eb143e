# SPDX-License-Identifier: Apache-2.0
"""Which rows of a float matrix stay before a language model sees them: selection and compaction."""

from .maxmin import Selection, maxmin_select

__all__ = ["Selection", "maxmin_select"]
