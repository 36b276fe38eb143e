# SPDX-License-Identifier: Apache-2.0
"""Benchmark rows, one module per family with a function ``rows() -> list[Row]``.

The modules of this package are found by name; there is no list to edit.
"""
