# SPDX-License-Identifier: Apache-2.0
"""Benchmarks that verify before they time: ``python -m tokops.bench --help``.

``case`` holds what a family writes (rows and subjects), ``runner`` verifies and times them in
shuffled rounds, ``report`` and ``plot`` show a result, ``environment`` says where it was measured.
"""
