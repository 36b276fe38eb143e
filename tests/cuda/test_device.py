# SPDX-License-Identifier: Apache-2.0
"""What only a device can show: streams, graph capture, devices that do not agree. Parity runs in tests/core."""

from __future__ import annotations

import pytest

import tokops
from tokops import kv, prune

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not tokops.has_cuda(), reason="no CUDA device with tokops._cuda"),
]


def scores(rows=4, n=50000):
    generator = torch.Generator().manual_seed(5)
    return torch.randint(-1000, 1000, (rows, n), generator=generator).float()


def test_results_are_on_the_device_and_equal_the_cpu():
    x = scores()
    for order in ("index", "value"):
        ids = kv.topk(x.cuda(), 300, order=order)
        assert ids.device.type == "cuda"
        assert torch.equal(ids.cpu(), kv.topk(x, 300, order=order))


def test_work_runs_on_the_current_stream():
    x = scores()
    want = kv.topk(x, 64)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        y = torch.zeros_like(x, device="cuda")
        torch.cuda._sleep(50_000_000)
        y.copy_(x)
        ids = kv.topk(y, 64)  # on another stream it would read the zeros
    stream.synchronize()
    assert torch.equal(ids.cpu(), want)


def test_a_captured_graph_replays_on_new_data():
    x = scores()
    y = torch.zeros_like(x, device="cuda")
    out = torch.empty(len(x), 64, dtype=torch.int32, device="cuda")
    lens = torch.full((len(x),), x.shape[1], dtype=torch.int32, device="cuda")
    kv.topk(y, 64, lens=lens, order="value", out=out)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kv.topk(y, 64, lens=lens, order="value", out=out)
    y.copy_(x)
    lens.fill_(30000)
    graph.replay()
    assert torch.equal(out.cpu(), kv.topk(x, 64, lens=lens.cpu(), order="value"))


def test_nan_raise_is_refused_while_a_graph_is_captured():
    y = torch.zeros(2, 100, device="cuda")
    graph = torch.cuda.CUDAGraph()
    with (
        pytest.raises(ValueError, match="'nan' must be 'last' while a graph is captured"),
        torch.cuda.graph(graph),
    ):
        kv.topk(y, 4, nan="raise")


def test_nan_raise_names_row_and_column():
    y = torch.zeros(2, 100, device="cuda")
    y[1, 17] = float("nan")
    with pytest.raises(ValueError, match="NaN at row 1, column 17"):
        kv.topk(y, 4, nan="raise")


def test_a_cpu_argument_beside_a_cuda_one_is_refused():
    x = scores().cuda()
    with pytest.raises(TypeError, match="'lens' is on cpu, but the call runs on cuda"):
        kv.topk(x, 4, lens=torch.zeros(4, dtype=torch.int32))
    with pytest.raises(TypeError, match="is on cpu"):
        kv.topk(x, 4, out=torch.empty(4, 4, dtype=torch.int32))


@pytest.mark.skipif(
    not torch.cuda.is_available() or torch.cuda.device_count() < 2, reason="needs two CUDA devices"
)
def test_two_devices_are_told_apart_and_each_can_be_used():
    x = scores()
    with pytest.raises(TypeError, match="cuda:1"):
        kv.topk(x.to("cuda:0"), 4, lens=torch.zeros(4, dtype=torch.int32, device="cuda:1"))
    assert torch.equal(kv.topk(x.to("cuda:1"), 4).cpu(), kv.topk(x, 4))


def test_a_hundred_runs_give_the_same_bits():
    x = (scores(rows=16) % 5).cuda()
    first = kv.topk(x, 1000, order="value")
    for _ in range(100):
        assert torch.equal(kv.topk(x, 1000, order="value"), first)


def features(segments=3, n=200, d=64):
    return torch.randn(segments, n, d, generator=torch.Generator().manual_seed(6))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_selection_equals_the_cpu_bit_for_bit(dtype):
    x = features().to(dtype)
    for options in (
        {},
        {"precision": "input"},
        {"init": "medoid"},
        {"init": "farthest_pair", "order": "pick"},
    ):
        got = prune.maxmin_select(x.cuda(), 50, **options)
        want = prune.maxmin_select(x, 50, **options)
        assert all(torch.equal(a.cpu(), b) for a, b in zip(got, want, strict=True))


def test_a_bad_segment_raises_or_is_marked():
    x = features()
    x[1, 7, 3] = float("nan")
    with pytest.raises(ValueError, match="in segment 1"):
        prune.maxmin_select(x.cuda(), 5)
    got = prune.maxmin_select(x.cuda(), 5, check=False)
    assert got.counts.tolist() == [5, -1, 5]
    assert (got.indices[1] == x.shape[1]).all()


def test_a_selection_is_captured_and_replayed_on_new_data():
    x = features()
    y = torch.ones_like(x, device="cuda")
    prune.maxmin_select(y, 20, check=False)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        got = prune.maxmin_select(y, 20, check=False)
    y.copy_(x)
    graph.replay()
    assert torch.equal(got.indices.cpu(), prune.maxmin_select(x, 20).indices)
