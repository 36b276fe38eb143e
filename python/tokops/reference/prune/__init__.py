# SPDX-License-Identifier: Apache-2.0
"""Plain NumPy twins of the operators of `tokops.prune`, written to be read."""

from .exact import maxmin_exact

__all__ = ["maxmin_exact"]
