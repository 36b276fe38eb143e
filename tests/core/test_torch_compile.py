# SPDX-License-Identifier: Apache-2.0
"""Every declared operator as a torch custom op: opcheck, torch.compile(fullgraph), export, meta and fake tensors."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tokops  # noqa: E402
from tests.core.test_ops import OPS, example, over_ops  # noqa: E402
from tests.core.test_parity import to_torch  # noqa: E402
from tokops import _torch  # noqa: E402
from tokops._ops import FLOATS  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not hasattr(torch, "library"), reason="torch has no library module"),
]


def torch_arguments(op):
    return tuple(to_torch(a.copy()) if isinstance(a, np.ndarray) else a for a in example(op))


def as_tuple(result):
    return result if isinstance(result, tuple) else (result,)


def assert_equal(got, want):
    for a, b in zip(as_tuple(got), as_tuple(want), strict=True):
        assert a.dtype == b.dtype
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


def test_every_operator_is_registered():
    assert set(_torch.CUSTOM_OPS) == {op.name for op in OPS}


@over_ops
def test_opcheck_passes(op):
    torch.library.opcheck(
        _torch.CUSTOM_OPS[op.name],
        torch_arguments(op),
        test_utils=("test_schema", "test_autograd_registration", "test_faketensor"),
    )


@over_ops
@pytest.mark.slow
def test_compiled_call_equals_the_eager_one(op):
    torch.compiler.reset()
    arguments = torch_arguments(op)
    compiled = torch.compile(lambda *a: op(*a), fullgraph=True, backend="eager", dynamic=False)
    assert_equal(compiled(*arguments), op(*arguments))


@over_ops
@pytest.mark.slow
def test_exported_program_equals_the_eager_call(op):
    arguments = torch_arguments(op)

    class Module(torch.nn.Module):
        def forward(self, *tensors):
            rest = iter(tensors)
            return op(*(next(rest) if isinstance(a, torch.Tensor) else a for a in arguments))

    tensors = tuple(a for a in arguments if isinstance(a, torch.Tensor))
    program = torch.export.export(Module(), tensors, strict=False)
    assert_equal(program.module()(*tensors), op(*arguments))


@over_ops
def test_meta_tensors_give_meta_results(op):
    arguments = torch_arguments(op)
    on_meta = tuple(a.to("meta") if isinstance(a, torch.Tensor) else a for a in arguments)
    for a, b in zip(as_tuple(op(*on_meta)), as_tuple(op(*arguments)), strict=True):
        assert a.is_meta
        assert (a.shape, a.dtype) == (b.shape, b.dtype)


@over_ops
def test_fake_tensors_give_fake_results(op):
    from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

    arguments = torch_arguments(op)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        fake = tuple(mode.from_tensor(a) if isinstance(a, torch.Tensor) else a for a in arguments)
        results = as_tuple(op(*fake))
    for a, b in zip(results, as_tuple(op(*arguments)), strict=True):
        assert isinstance(a, FakeTensor)
        assert (tuple(a.shape), a.dtype) == (tuple(b.shape), b.dtype)


class Subclass(torch.Tensor):
    """A plain subclass: it has memory, but another type."""


@over_ops
def test_subclasses_are_computed_through_the_dispatcher(op):
    arguments = torch_arguments(op)
    other = tuple(a.as_subclass(Subclass) if isinstance(a, torch.Tensor) else a for a in arguments)
    for a, b in zip(as_tuple(op(*other)), as_tuple(op(*arguments)), strict=True):
        torch.testing.assert_close(a.as_subclass(torch.Tensor), b, rtol=0, atol=0, equal_nan=True)


@over_ops
def test_traced_graphs_hold_the_operator(op):
    from torch.fx.experimental.proxy_tensor import make_fx

    arguments = torch_arguments(op)
    tensors = tuple(a for a in arguments if isinstance(a, torch.Tensor))

    def function(*given):
        rest = iter(given)
        return op(*(next(rest) if isinstance(a, torch.Tensor) else a for a in arguments))

    graph = make_fx(function)(*tensors)
    assert any(op.name in str(node.target) for node in graph.graph.nodes)
    assert_equal(graph(*tensors), op(*arguments))
    with torch.no_grad():
        traced = torch.jit.trace(function, tensors, check_trace=False)
        assert_equal(traced(*tensors), op(*arguments))


@over_ops
def test_gradients_are_refused_or_cut(op):
    arguments = torch_arguments(op)
    wanted = tuple(
        a.clone().requires_grad_() if isinstance(a, torch.Tensor) and a.is_floating_point() else a
        for a in arguments
    )
    if not any(isinstance(a, torch.Tensor) and a.requires_grad for a in wanted):
        pytest.skip("no floating-point argument")
    if op.float_results:
        with pytest.raises(ValueError, match=rf"{op.public}: argument '\w+' requires grad"):
            op(*wanted)
        with torch.no_grad():
            assert_equal(op(*wanted), op(*arguments))
    else:
        assert_equal(op(*wanted), op(*arguments))


@over_ops
def test_given_outputs_count_as_written_when_they_were(op):
    arguments = torch_arguments(op)
    out = tuple(torch.empty_like(r) for r in as_tuple(op(*arguments)))
    for given in (arguments, example(op)):
        versions = [r._version for r in out]
        op(*given, out=out)
        assert all(r._version > v for r, v in zip(out, versions, strict=True))
    versions = [r._version for r in out]
    with pytest.raises(TypeError):
        op("text", *arguments[1:], out=out)
    assert [r._version for r in out] == versions


def attend(q, keys, values):
    chosen = tokops.kv.select(q, keys, 16, n_sink=4, n_local=8)
    return tokops.kv.sparse_attention(q, keys, values, chosen), chosen.mass


PUBLIC = {
    "topk": (lambda x: tokops.topk(x, 5), [(4, 64)]),
    "topk-values": (lambda x: tokops.topk(x, 5, return_values=True), [(4, 64)]),
    "attend": (attend, [(1, 8, 32), (1, 2, 300, 32), (1, 2, 300, 32)]),
    "decode": (
        lambda q, k, v: tokops.kv.decode_attention(q, k, v),
        [(1, 8, 32), (1, 2, 50, 32), (1, 2, 50, 32)],
    ),
    "maxmin": (lambda x: tokops.maxmin_select(x, 3), [(40, 16)]),
    "masses": (lambda x: tokops.constrain.masses(x), [(2, 300)]),
    "compact": (lambda x: tokops.prune.compact_tokens(x, x[..., 0] > 0, capacity=20), [(2, 20, 3)]),
}


@pytest.mark.slow
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name", PUBLIC)
def test_public_functions_compile_into_one_graph(name, dynamic):
    torch.compiler.reset()
    function, shapes = PUBLIC[name]
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(shape, generator=generator) for shape in shapes]
    compiled = torch.compile(function, fullgraph=True, backend="eager", dynamic=dynamic)
    assert_equal(compiled(*inputs), function(*inputs))


def test_float_results_are_recognised():
    for op in OPS:
        made = as_tuple(op(*torch_arguments(op)))
        assert op.float_results == any(str(r.dtype).removeprefix("torch.") in FLOATS for r in made)
