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
from tokops import _cpu
from tokops._ops import REGISTRY, Like, Op
from tokops.reference import load

tokops.ops()  # loads every family
OPS = sorted((op for op in REGISTRY.values() if isinstance(op, Op)), key=lambda op: op.name)
over_ops = pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)


@cache
def captured():
    """Arguments of the first calls of each operator that the parity cases make on numpy arrays."""
    calls = {}
    original = Op.__call__

    def record(op, *arguments, out=None):
        result = original(op, *arguments, out=out)
        calls.setdefault(op.name, []).append(arguments)
        return result

    Op.__call__ = record
    try:
        for case in all_cases():
            if case.error is None:
                reduce(getattr, case.call.split("."), tokops)(*case.args, **case.kwargs)
    finally:
        Op.__call__ = original
    return calls


def example(op, place=None):
    """A captured call whose tensors hold something; with ``place`` one that gives this argument."""
    calls = captured().get(op.name)
    assert calls, f"no parity case reaches {op.name}"
    if place is not None:
        calls = [call for call in calls if call[place] is not None]
        assert calls, f"no parity case of {op.name} gives {op.parameters[place][1]}"
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
            arguments = list(example(op, place))
            arguments[place] = bad
            with pytest.raises(TypeError, match=rf"{re.escape(op.public)}: argument '{name}'"):
                op(*arguments)


DTYPES = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
DTYPES += ["bfloat16", "float16", "float32", "float64", "complex64", "datetime64[s]", ">f4", "object"]


def judged(op, arguments):
    """What the native reader says of the arguments: None when it went on to ask for the results."""
    try:
        getattr(_cpu, op.name)(*arguments, *(None,) * len(op.returns))
    except _cpu.MissingOutput:
        return None
    except (TypeError, ValueError) as error:
        return error
    raise AssertionError("a call without results must not return")


@over_ops
def test_native_takes_exactly_the_declared_dtypes(op):
    for place, name in tensor_places(op):
        arguments = example(op, place)
        for dtype in DTYPES:
            if dtype == "bfloat16":
                ml_dtypes = pytest.importorskip("ml_dtypes")
            kind = np.dtype(ml_dtypes.bfloat16) if dtype == "bfloat16" else np.dtype(dtype)
            declared = op.args[name].dtypes
            wanted = dtype in declared or (declared == ("any",) and DTYPES.index(dtype) < 13)
            changed = list(arguments)
            for other, title in tensor_places(
                op
            ):  # arguments of one declaration may have to share their dtype
                if changed[other] is not None and (
                    other == place or (wanted and op.args[title].dtypes == declared)
                ):
                    changed[other] = np.zeros(changed[other].shape, kind)
            error = judged(op, changed)
            if wanted:
                assert error is None or "must be" not in str(error) or type(error) is ValueError, (
                    f"{name}: {error}"
                )
            else:
                assert type(error) is TypeError, f"{name} took {dtype}: {error}"
                assert str(error).startswith(f"{op.public}: argument '{name}' must be"), error


def strided(array, kind):
    """A view of equal values that is contiguous, has gaps between rows, or gaps everywhere."""
    if kind == "contiguous":
        return np.ascontiguousarray(array)
    gap = 1 if kind == "rows" else 2
    wide = np.zeros((*array.shape[:-1], array.shape[-1] * gap + 3), array.dtype)
    view = wide[..., : array.shape[-1] * gap : gap]
    view[...] = array
    return view


@over_ops
def test_native_takes_exactly_the_declared_strides(op):
    kinds = ("contiguous", "rows", "any")
    for place, name in tensor_places(op):
        arguments = example(op, place)
        array = arguments[place]
        if array.ndim < 2 or min(array.shape) < 2:
            continue
        for kind in kinds:
            changed = list(arguments)
            changed[place] = strided(array, kind)
            error = judged(op, changed)
            if kinds.index(kind) <= kinds.index(op.args[name].strides):
                assert error is None, f"{name} refused {kind}: {error}"
            else:
                assert type(error) is ValueError, f"{name} took {kind}: {error}"
                assert str(error).startswith(f"{op.public}: argument '{name}' must"), error


@over_ops
def test_other_ranks_are_refused_by_name(op):
    for place, name in tensor_places(op):
        arguments = list(example(op, place))
        if "..." in op.args[name].shape:
            continue
        arguments[place] = arguments[place].reshape((1, 1, 1, 1, *arguments[place].shape))
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
