# SPDX-License-Identifier: Apache-2.0
"""One declaration per operator: native function, stub, reference and public function say the same, and what the
declaration demands is what the native reader refuses.

Calls are captured from the parity cases, so that every declared operator needs at least one case.
"""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache, reduce
from pathlib import Path

import numpy as np
import pytest

import tokops
from tests.cases import all_cases
from tokops import _cpu, _dispatch
from tokops._ops import REGISTRY, Like, Op
from tokops.reference import load

tokops.ops()  # loads every family
OPS = sorted((op for op in REGISTRY.values() if isinstance(op, Op)), key=lambda op: op.name)
over_ops = pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)


@cache
def captured():
    """Arguments of the first calls of each operator that the parity cases make on numpy arrays."""
    calls = {}
    original = _dispatch.call

    def record(op, arguments, out):
        result = original(op, arguments, out)
        calls.setdefault(op.name, []).append(arguments)
        return result

    _dispatch.call = record
    try:
        for case in all_cases():
            if case.error is None:
                reduce(getattr, case.call.split("."), tokops)(*case.args, **case.kwargs)
    finally:
        _dispatch.call = original
    return calls


def example(op):
    """A captured call whose tensors hold something."""
    calls = captured().get(op.name)
    assert calls, f"no parity case reaches {op.name}"
    return max(calls[:40], key=lambda args: min(a.size for a in args if isinstance(a, np.ndarray)))


def tensor_places(op):
    return [(i, name) for i, (kind, name) in enumerate(op.parameters) if kind.startswith("Tensor")]


def test_every_family_declares_something():
    assert {name.split(".")[0] for name in tokops.ops()} == {"bpe", "constrain", "kv", "prune"}


@over_ops
def test_native_function_has_the_declared_parameters(op):
    native = getattr(_cpu, op.name)
    signature = native.__doc__.split("\n")[0]
    names = re.findall(r"(\w+): ", signature)
    assert names == [name for _, name in op.parameters] + list(op.returns)


@over_ops
def test_stub_has_the_declared_parameters(op):
    tree = ast.parse((Path(tokops.__file__).parent / "_cpu.pyi").read_text())
    functions = {
        node.name: [a.arg for a in node.args.args] for node in tree.body if isinstance(node, ast.FunctionDef)
    }
    assert functions[op.name] == [name for _, name in op.parameters] + list(op.returns)


@over_ops
def test_reference_has_the_declared_parameters(op):
    assert list(inspect.signature(load(op.reference)).parameters) == [name for _, name in op.parameters]


@over_ops
def test_schema_and_tensor_declarations_agree(op):
    assert [name for kind, name in op.parameters if kind.startswith("Tensor")] == list(op.args)
    arrow = op.schema.split("->")[1]
    assert arrow.count("Tensor") == len(op.returns)
    assert all(isinstance(r, Like) or len(r.dtypes) == 1 for r in op.returns.values())


@pytest.mark.parametrize("name", tokops.ops())
def test_public_object_is_documented(name):
    found = reduce(getattr, name.split("."), tokops)
    assert inspect.getdoc(found), f"{name} has no docstring"
    if inspect.isclass(found):
        return
    text = inspect.getdoc(found)
    for section in ("Parameters", "Returns", "Raises"):
        assert section in text, f"{name}: docstring has no section {section}"


@over_ops
def test_what_is_no_array_is_refused_by_name(op):
    for place, name in tensor_places(op):
        for bad in ("text", 3, [1.0, 2.0], object()):
            arguments = list(example(op))
            arguments[place] = bad
            with pytest.raises(TypeError, match=rf"{re.escape(op.public)}: argument '{name}'"):
                op(*arguments)


@over_ops
def test_other_dtypes_are_refused_by_name(op):
    for place, name in tensor_places(op):
        value = example(op)[place]
        if value is None:
            continue
        for dtype in ("complex64", "datetime64[s]", ">f4", "object"):
            if op.args[name].dtypes == ("any",) and dtype != "object":
                continue
            arguments = list(example(op))
            arguments[place] = np.zeros(value.shape, dtype)
            with pytest.raises(TypeError, match=rf"{re.escape(op.public)}: argument '{name}' must be"):
                op(*arguments)


@over_ops
def test_other_ranks_are_refused_by_name(op):
    for place, name in tensor_places(op):
        value = example(op)[place]
        if value is None or "..." in op.args[name].shape:
            continue
        arguments = list(example(op))
        arguments[place] = value.reshape((1, 1, 1, 1, *value.shape))
        with pytest.raises(ValueError, match=rf"{re.escape(op.public)}: argument '\w+' must be"):
            op(*arguments)


@over_ops
def test_outputs_are_checked_by_name(op):
    arguments = example(op)
    results = op(*arguments)
    results = results if isinstance(results, tuple) else (results,)
    op(*arguments, out=tuple(np.empty_like(r) for r in results))
    for i, name in enumerate(op.returns):
        if results[i].size == 0:
            continue
        frozen = [np.empty_like(r) for r in results]
        frozen[i].flags.writeable = False
        with pytest.raises(ValueError, match=rf"{re.escape(op.public)}: argument '{name}' is read-only"):
            op(*arguments, out=tuple(frozen))
        wrong = [np.empty_like(r) for r in results]
        wrong[i] = np.empty((*wrong[i].shape, 1, 1), wrong[i].dtype)
        with pytest.raises(ValueError, match=rf"{re.escape(op.public)}: argument '{name}' must be"):
            op(*arguments, out=tuple(wrong))
        wrong[i] = np.empty(results[i].shape, np.complex128)
        with pytest.raises(TypeError, match=rf"{re.escape(op.public)}: argument '{name}' must be"):
            op(*arguments, out=tuple(wrong))


@over_ops
def test_out_equals_the_returned_results(op):
    arguments = example(op)
    results = op(*arguments)
    results = results if isinstance(results, tuple) else (results,)
    out = tuple(np.empty_like(r) for r in results)
    op(*arguments, out=out)
    for a, b in zip(out, results, strict=True):
        np.testing.assert_array_equal(a, b)
