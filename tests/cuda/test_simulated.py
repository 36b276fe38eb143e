# SPDX-License-Identifier: Apache-2.0
"""Every parity case of an operator with a CUDA kernel, on the simulated grid, against the reference."""

from __future__ import annotations

from typing import Any

import pytest

import tokops
from tests.cases import Case, all_cases, flatten
from tests.core.test_parity import as_numpy, assert_same, run, to_torch
from tests.cuda.simulated import OPERATORS
from tokops._ops import REGISTRY, Op

try:
    import torch
except ImportError:
    torch = None

tokops.ops()
CALLS = {op.public for op in REGISTRY.values() if isinstance(op, Op) and op.name in OPERATORS}
# What only the data can tell is not raised without waiting for the device: see the tests of each operator.
CASES = [case for case in all_cases() if case.call in CALLS and case.error is None]
IDS = [case.name for case in CASES]


def leaves(case: Case, convert: Any = None) -> list[Any]:
    return [as_numpy(leaf) for leaf in flatten(run(case, convert))]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_simulated_kernel_equals_reference(case: Case, simulated: None) -> None:
    with tokops.use_backend("reference"):
        want = leaves(case)
    assert_same(case, leaves(case), want)


@pytest.mark.skipif(torch is None, reason="torch is not installed")
@pytest.mark.parametrize("case", CASES[::7], ids=IDS[::7])
def test_torch_tensors_take_the_same_path(case: Case, simulated: None) -> None:
    with tokops.use_backend("reference"):
        want = leaves(case)
    assert_same(case, leaves(case, to_torch), want)


def test_every_cuda_kernel_has_cases() -> None:
    assert {"kv.topk", "prune.maxmin_select"} <= {case.call for case in CASES}
