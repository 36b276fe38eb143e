# SPDX-License-Identifier: Apache-2.0
"""Every case of ``tests/cases`` on every backend, level, thread count and library, against the reference."""

from __future__ import annotations

from functools import cache, reduce
from typing import Any

import numpy as np
import pytest

import tokops
from tests.cases import Case, all_cases, flatten, map_arrays
from tokops import _cpu

try:
    import torch
except ImportError:
    torch = None

CASES = all_cases()


def operator(case: Case) -> Any:
    return reduce(getattr, case.call.split("."), tokops)


def run(case: Case, convert: Any = None) -> Any:
    args, kwargs = case.args, dict(case.kwargs)
    if convert is not None:
        args, kwargs = map_arrays(args, convert), map_arrays(kwargs, convert)
    return operator(case)(*args, **kwargs)


@cache
def expected(index: int) -> Any:
    case = CASES[index]
    try:
        with tokops.use_backend("reference"):
            return [as_numpy(leaf) for leaf in flatten(run(case))]
    except (TypeError, ValueError) as error:
        return error


def as_numpy(leaf: Any) -> Any:
    if torch is not None and isinstance(leaf, torch.Tensor):
        leaf = leaf.cpu()
        return leaf.view(torch.uint16).numpy() if leaf.dtype is torch.bfloat16 else leaf.numpy()
    if isinstance(leaf, np.ndarray) and leaf.dtype.name == "bfloat16":
        return leaf.view(np.uint16)
    return leaf


def to_torch(array: np.ndarray) -> Any:
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16)
    if not array.dtype.isnative or any(stride < 0 for stride in array.strides):
        pytest.skip("torch cannot hold this array")
    if array.dtype == np.uint32:
        return array
    writable = array if array.flags.writeable else array.copy()
    return torch.from_numpy(writable)


def assert_same(case: Case, got: list[Any], want: list[Any]) -> None:
    assert len(got) == len(want)
    for place, (a, b) in enumerate(zip(got, want, strict=True)):
        if not isinstance(b, np.ndarray):
            assert a == b or (a != a and b != b), f"{case.name}: result {place}: {a!r} != {b!r}"
            continue
        assert a.shape == b.shape, f"{case.name}: result {place}: shape {a.shape} != {b.shape}"
        assert a.dtype == b.dtype, f"{case.name}: result {place}: dtype {a.dtype} != {b.dtype}"
        if case.tolerance is not None and b.dtype.kind == "f":
            finite = np.isfinite(b)
            np.testing.assert_array_equal(np.isfinite(a), finite)
            np.testing.assert_array_equal(a[~finite], b[~finite])
            scale = float(np.max(np.abs(b[finite]), initial=0.0))
            np.testing.assert_allclose(a[finite], b[finite], rtol=0, atol=case.tolerance * max(scale, 1e-30))
        else:
            np.testing.assert_array_equal(a, b, err_msg=f"{case.name}: result {place}")


def check(index: int, convert: Any = None) -> None:
    case, want = CASES[index], expected(index)
    if case.error is not None or isinstance(want, Exception):
        assert case.error is not None, f"{case.name}: the reference raised {want!r}"
        assert isinstance(want, case.error), f"{case.name}: the reference gave {want!r}"
        with pytest.raises(case.error):
            run(case, convert)
        return
    assert_same(case, [as_numpy(leaf) for leaf in flatten(run(case, convert))], want)


IDS = [case.name for case in CASES]


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("level", tokops.isa_levels())
@pytest.mark.parametrize("index", range(len(CASES)), ids=IDS)
def test_native_equals_reference(index: int, level: str, threads: int) -> None:
    _cpu.set_isa(level)
    tokops.set_num_threads(threads)
    check(index)


@pytest.mark.skipif(torch is None, reason="torch is not installed")
@pytest.mark.parametrize("index", range(len(CASES)), ids=IDS)
def test_torch_inputs_equal_numpy_inputs(index: int) -> None:
    check(index, to_torch)


@pytest.mark.cuda
@pytest.mark.skipif(not tokops.has_cuda(), reason="no CUDA device with tokops._cuda")
@pytest.mark.parametrize("index", range(len(CASES)), ids=IDS)
def test_cuda_equals_reference(index: int) -> None:
    from tokops import _cuda
    from tokops._ops import REGISTRY, Op

    ops = [op for op in REGISTRY.values() if isinstance(op, Op) and op.public == CASES[index].call]
    if not any(hasattr(_cuda, op.name) for op in ops):
        pytest.skip(f"{CASES[index].call} has no CUDA kernel")
    if CASES[index].error is not None:
        pytest.skip("what only the data can tell is not raised on CUDA; tests/cuda has each operator's rule")
    check(index, lambda array: to_torch(array).cuda() if isinstance(to_torch(array), torch.Tensor) else array)


def test_a_wrong_result_fails_the_harness() -> None:
    case = Case("kv.topk", "made-up", ())
    right = [np.array([0, 1], np.int32)]
    assert_same(case, right, right)
    for wrong in ([np.array([0, 2], np.int32)], [np.array([0, 1], np.int64)], [np.array([0], np.int32)]):
        with pytest.raises(AssertionError):
            assert_same(case, wrong, right)
