# SPDX-License-Identifier: Apache-2.0
"""Operators of the bpe family."""
