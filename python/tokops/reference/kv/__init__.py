# SPDX-License-Identifier: Apache-2.0
"""Plain numpy definitions of the kv operators."""
