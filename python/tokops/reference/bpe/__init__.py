# SPDX-License-Identifier: Apache-2.0
"""Byte-level BPE in plain Python: cut, merge, decode, train. Quadratic where that is the shorter text."""
