# SPDX-License-Identifier: Apache-2.0
"""sparse_attention and decode_attention: the float64 oracle, equality of dense and sparse, the stated edge rules."""

import numpy as np
import pytest

from tests.cases.kv import cache
from tests.kv import oracle
from tokops import kv, threads, use_backend


def close(got, wanted, tolerance=1e-5):
    return np.abs(got - wanted).max() <= tolerance * np.abs(wanted).max()


def test_listed_tokens_agree_with_float64(backend):
    rng = np.random.default_rng(0)
    q, keys, values = cache(20, (2, 8, 4, 1500, 48))
    for lists in (1, 4, 8):
        indices = np.stack([rng.permutation(1500)[:700] for _ in range(2 * lists)]).reshape(2, lists, 700)
        indices = indices.astype(np.int32)
        out, lse = kv.sparse_attention(q, keys, values, indices, return_lse=True)
        for b in range(2):
            ids = [indices[b, h * lists // 8] for h in range(8)]
            wanted, wanted_lse = oracle.attention(q[b], keys[b], values[b], ids, 48**-0.5)
            assert close(out[b], wanted)
            assert np.abs(lse[b] - wanted_lse).max() < 1e-5


def test_options_agree_with_float64(backend):
    q, keys, values = cache(21, (1, 6, 2, 600, 32))
    sinks = np.linspace(-2, 6, 6).astype(np.float32)
    starts, lens = np.array([50], np.int32), np.array([520], np.int32)
    out, lse = kv.decode_attention(
        3 * q,
        keys,
        values,
        starts=starts,
        lens=lens,
        scale=0.3,
        softcap=4.0,
        sink_logits=sinks,
        return_lse=True,
    )
    ids = [np.arange(50, 570)] * 6
    wanted, wanted_lse = oracle.attention(3 * q[0], keys[0], values[0], ids, 0.3, 4.0, sinks)
    assert close(out[0], wanted)
    assert np.abs(lse[0] - wanted_lse).max() < 1e-5


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "uint16"])
def test_16_bit_results_are_the_float32_results_rounded_once(backend, dtype):
    q, keys, values = cache(22, (1, 4, 2, 700, 40), dtype)
    exact = kv.decode_attention(*(widened(x) for x in (q, keys, values)))
    got = kv.decode_attention(q, keys, values)
    if dtype == "uint16":
        assert got.dtype == np.float32
        assert got.tobytes() == exact.tobytes()
    else:
        assert got.dtype == q.dtype
        assert got.tobytes() == exact.astype(q.dtype).tobytes()


def widened(x):
    return (x.astype(np.uint32) << 16).view(np.float32) if x.dtype == np.uint16 else x.astype(np.float32)


def test_a_list_of_all_tokens_equals_dense_attention_bit_for_bit(backend):
    q, keys, values = cache(23, (2, 8, 2, 1300, 64))
    everything = kv.select(q, keys, 1300)
    dense = kv.decode_attention(q, keys, values, return_lse=True)
    sparse = kv.sparse_attention(q, keys, values, everything, return_lse=True)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(dense, sparse, strict=True))


def test_layouts_equal_bit_for_bit():
    q, keys, values = cache(24, (2, 4, 2, 300, 24))
    nhd = [np.ascontiguousarray(x.swapaxes(1, 2)) for x in (keys, values)]
    ids = kv.select(q, keys, 40, n_sink=2, n_local=2)
    same_ids = kv.select(q, nhd[0], 40, n_sink=2, n_local=2, layout="NHD")
    assert np.array_equal(ids.indices, same_ids.indices)
    heads_first = kv.sparse_attention(q, keys, values, ids)
    assert heads_first.tobytes() == kv.sparse_attention(q, *nhd, ids, layout="NHD").tobytes()


def test_the_order_of_a_list_matters_only_to_rounding():
    q, keys, values = cache(25, (1, 4, 2, 900, 32))
    ids = np.random.default_rng(1).permutation(900)[:600].astype(np.int32)
    mixed = kv.sparse_attention(q, keys, values, ids[None, None])
    ascending = kv.sparse_attention(q, keys, values, np.sort(ids)[None, None])
    assert close(mixed, ascending, 2e-6)


def test_padding_and_counts_shorten_a_list(backend):
    q, keys, values = cache(26, (1, 2, 1, 50, 16))
    short = kv.sparse_attention(q, keys, values, np.array([[[3, 9, 30]]], np.int32))
    padded = kv.sparse_attention(q, keys, values, np.array([[[-1, 3, 9, -1, 30]]], np.int32))
    counted = kv.sparse_attention(
        q, keys, values, np.array([[[3, 9, 30, 4]]], np.int32), np.array([[3]], np.int32)
    )
    assert short.tobytes() == padded.tobytes() == counted.tobytes()


def test_an_empty_list_gives_zero(backend):
    q, keys, values = cache(27, (1, 2, 1, 50, 16))
    out, lse = kv.sparse_attention(q, keys, values, np.full((1, 1, 3), -1, np.int32), return_lse=True)
    assert not out.any()
    assert np.all(lse == -np.inf)
    sinks = np.array([1.5, 0], np.float32)
    out, lse = kv.decode_attention(q, keys[:, :, :0], values[:, :, :0], sink_logits=sinks, return_lse=True)
    assert not out.any()
    assert lse.tolist() == [[1.5, 0.0]]


def test_a_nan_logit_makes_its_heads_nan(backend):
    q, keys, values = cache(28, (1, 4, 2, 600, 16))
    keys[0, 1, 590, 3] = np.nan
    for softcap in (None, 5.0):
        out = kv.decode_attention(q, keys, values, softcap=softcap)
        assert np.isfinite(out[0, :2]).all()
        assert np.isnan(out[0, 2:]).all()


def test_levels_threads_and_batch_mixes_give_the_same_bits(isa_level):
    q, keys, values = cache(29, (3, 8, 4, 2100, 72), "bfloat16")
    with use_backend("reference"):
        expected = kv.decode_attention(q[:1], keys[:1, :, :600], values[:1, :, :600])
    first = kv.decode_attention(q, keys, values)
    assert kv.decode_attention(q[:1], keys[:1, :, :600], values[:1, :, :600]).tobytes() == expected.tobytes()
    for count in (1, 2, 5):
        with threads(count):
            assert kv.decode_attention(q, keys, values).tobytes() == first.tobytes()
            assert kv.decode_attention(q[1:2], keys[1:2], values[1:2]).tobytes() == first[1:2].tobytes()


def test_results_can_be_written_into_given_arrays(backend):
    q, keys, values = cache(30, (1, 4, 2, 60, 16))
    wanted, wanted_lse = kv.decode_attention(q, keys, values, return_lse=True)
    out, lse = np.empty_like(wanted), np.empty_like(wanted_lse)
    assert kv.decode_attention(q, keys, values, out=out) is out
    assert out.tobytes() == wanted.tobytes()
    out[:] = 0
    kv.decode_attention(q, keys, values, return_lse=True, out=(out, lse))
    assert out.tobytes() == wanted.tobytes()
    assert lse.tobytes() == wanted_lse.tobytes()


def test_gradients_are_refused():
    torch = pytest.importorskip("torch")
    q, keys, values = (torch.from_numpy(x) for x in cache(31, (1, 2, 1, 9, 8)))
    with pytest.raises(ValueError, match="requires grad"):
        kv.decode_attention(q.requires_grad_(), keys, values)
    with torch.no_grad():
        assert kv.decode_attention(q, keys, values).shape == (1, 2, 8)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"indices": [1, 1]}, ValueError, "id 1 more than once at row 0, list 0"),
        ({"indices": [5, 2, 5]}, ValueError, "id 5 more than once"),
        ({"indices": [9]}, ValueError, r"in \[-1, 9\), got 9"),
        ({"indices": [-2]}, ValueError, "got -2"),
        ({"counts": np.array([[4]], np.int32)}, ValueError, "argument 'counts'"),
        ({"counts": np.array([[-1]], np.int32)}, ValueError, "argument 'counts'"),
        ({"lists": 3}, ValueError, "lists, got 3"),
        ({"softcap": 0.0}, ValueError, "argument 'softcap'"),
        ({"softcap": "x"}, TypeError, "argument 'softcap'"),
        ({"return_lse": 1}, TypeError, "argument 'return_lse'"),
        ({"return_lse": True, "out": np.zeros((1, 4, 8), np.float32)}, TypeError, "argument 'out'"),
        ({"out": np.zeros((1, 4, 9), np.float32)}, ValueError, "argument 'out'"),
        ({"values": np.ones((1, 2, 8, 8), np.float32)}, ValueError, "argument 'values'"),
        ({"values": np.ones((1, 2, 9, 8), np.float16)}, TypeError, "argument 'values'"),
        ({"values": np.ones((1, 2, 9, 0), np.float32)}, ValueError, "width"),
        ({"sink_logits": np.zeros(3, np.float32)}, ValueError, "argument 'sink_logits'"),
    ],
)
def test_wrong_arguments_are_named(change, error, message):
    call = {"values": np.ones((1, 2, 9, 8), np.float32), "indices": [0, 1, 2], "lists": 1} | change
    q, keys = np.ones((1, 4, 8), np.float32), np.ones((1, 2, 9, 8), np.float32)
    indices = np.tile(np.array(call.pop("indices"), np.int32), (1, call.pop("lists"), 1))
    with pytest.raises(error, match=f"kv.sparse_attention: .*{message}"):
        kv.sparse_attention(q, keys, call.pop("values"), indices, **call)
