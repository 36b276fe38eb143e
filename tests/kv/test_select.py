# SPDX-License-Identifier: Apache-2.0
"""select: float64 oracles, stored results on real traces, invariances, and the stated edge rules."""

import json

import numpy as np
import pytest

from tests.cases.kv import cache
from tests.kv import checks, oracle
from tokops import kv, threads, use_backend

FIELDS = ("indices", "counts", "mass", "lse", "kth", "vote_slack", "status")


def assert_same_bits(a, b):
    for name in FIELDS:
        x, y = getattr(a, name), getattr(b, name)
        assert x.tobytes() == y.tobytes(), name


def row(selection, b):
    return kv.Selection(*(getattr(selection, name)[b : b + 1] for name in FIELDS))


@pytest.mark.parametrize("trace", ["stories512", "books1024"])
def test_real_traces_give_the_stored_ids_mass_and_output(backend, golden, trace):
    data = np.load(golden("kv") / f"select_{trace}.npz")
    for i, case in enumerate(json.loads(str(data["cases"]))):
        if case["score"] != "softmax_vote" or "pool" in case:
            continue
        layer, t = case["layer"], case["position"]
        q = data[f"q_L{layer}"][None, :, t].astype(np.float32)
        keys, values = data[f"k_L{layer}"][None, :, : t + 1], data[f"v_L{layer}"][None, :, : t + 1]
        chosen = kv.select(
            q, keys, case["k"], n_sink=case["n_sink"], n_local=case["n_local"], per=case["per"]
        )
        stored = data[f"c{i}_ids"]
        k = chosen.indices.shape[2] - case["n_sink"] - case["n_local"]
        for g, wanted in enumerate(stored):
            ids = set(chosen.indices[0, g, : chosen.counts[0, g]].tolist())
            if ids != set(wanted[wanted >= 0].tolist()):
                scale = q.shape[2] ** -0.5
                votes = oracle.votes(q[0], keys[0], len(stored), case["n_sink"], case["n_local"], scale)[g]
                window = {*range(case["n_sink"]), *range(t + 1 - case["n_local"], t + 1)}
                checks.same_but_near_ties(ids - window, votes, case["n_sink"], k)
        assert np.abs(chosen.mass[0] - data[f"c{i}_mass"]).max() < 1e-5
        out, lse = kv.sparse_attention(q, keys, values, chosen, return_lse=True)
        assert np.abs(lse[0] - data[f"c{i}_lse"]).max() < 1e-5
        assert np.abs(out[0] - data[f"c{i}_out"]).max() < 1e-5 * np.abs(data[f"c{i}_out"]).max()


def test_votes_retain_more_mass_than_sinks_and_a_window(golden):
    data = np.load(golden("kv") / "select_stories512.npz")
    voted, window = [], []
    for layer in (0, 2, 4):
        for t in (100, 333, 511):
            q, keys = (
                data[f"q_L{layer}"][None, :, t].astype(np.float32),
                data[f"k_L{layer}"][None, :, : t + 1],
            )
            voted.append(kv.select(q, keys, 32, n_sink=0, n_local=0, per="head").mass.mean())
            window.append(kv.select(q, keys, 0, n_sink=4, n_local=32).mass.mean())
    assert np.mean(voted) >= np.mean(window) + 0.1


def test_random_caches_agree_with_float64(backend):
    checks.check_selections()
    checks.check_outlier_in_the_window()


def test_equal_keys_keep_the_lowest_ids(backend):
    checks.check_ties()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "uint16"])
def test_16_bit_keys_are_read_as_their_exact_values(dtype):
    q, keys, _ = cache(5, (1, 8, 2, 900, 48), dtype)
    exact = kv.select(widened(q), widened(keys), 30, n_sink=2, n_local=9)
    assert_same_bits(kv.select(q, keys, 30, n_sink=2, n_local=9), exact)


def widened(x):
    return (x.astype(np.uint32) << 16).view(np.float32) if x.dtype == np.uint16 else x.astype(np.float32)


@pytest.mark.parametrize("per", ["all", "kv_group", "head"])
def test_a_row_alone_equals_the_row_in_a_batch(per):
    q, keys, _ = cache(6, (5, 8, 2, 800, 32))
    together = kv.select(q, keys, 25, n_sink=4, n_local=16, per=per)
    for b in range(5):
        alone = kv.select(q[b : b + 1], keys[b : b + 1], 25, n_sink=4, n_local=16, per=per)
        assert_same_bits(row(together, b), alone)


def test_tokens_outside_of_the_range_change_nothing(backend):
    q, keys, _ = cache(7, (1, 4, 2, 700, 32))
    inner = kv.select(q, keys[:, :, 40:640], 25, n_sink=4, n_local=16)
    keys[:, :, :40] = np.nan
    keys[:, :, 640:] = np.inf
    starts, lens = np.array([40], np.int32), np.array([600], np.int32)
    padded = kv.select(q, keys, 25, n_sink=4, n_local=16, starts=starts, lens=lens)
    assert np.array_equal(padded.indices, inner.indices + 40)
    assert padded.mass.tobytes() == inner.mass.tobytes()


def test_thread_counts_and_repeats_give_the_same_bits():
    q, keys, _ = cache(8, (1, 8, 4, 9000, 64), "bfloat16")
    first = kv.select(q, keys, 300)
    for count in (1, 2, 3, 5):
        with threads(count):
            for _ in range(5):
                assert_same_bits(kv.select(q, keys, 300), first)


def test_levels_and_reference_give_the_same_bits(isa_level):
    q, keys, _ = cache(9, (1, 6, 2, 3000, 72), "float16")
    with use_backend("reference"):
        expected = kv.select(q, keys, 300, per="kv_group")
    got = kv.select(q, keys, 300, per="kv_group")
    for name in ("indices", "counts", "kth", "mass", "status"):
        assert getattr(got, name).tobytes() == getattr(expected, name).tobytes(), name


def test_a_constant_added_to_all_keys_of_a_head_changes_no_id(backend):
    rng = np.random.default_rng(10)
    q = rng.integers(-8, 9, (1, 4, 16)).astype(np.float32) / 8
    keys = rng.integers(-8, 9, (1, 2, 400, 16)).astype(np.float32) / 8
    plain = kv.select(q, keys, 30, n_sink=2, n_local=8, scale=0.5)
    moved = kv.select(q, keys + np.float32(0.5), 30, n_sink=2, n_local=8, scale=0.5)
    assert np.array_equal(plain.indices, moved.indices)


def test_a_planted_token_is_found_at_every_position(backend):
    q = np.zeros((1, 2, 8), np.float32)
    q[..., 3] = 20
    for position in range(100):
        keys = np.zeros((1, 1, 100, 8), np.float32)
        keys[0, 0, position, 3] = 1
        assert position in kv.select(q, keys, 1, n_sink=0, n_local=0).indices


@pytest.mark.parametrize("n", [4096, 131072])
def test_a_planted_token_is_found_in_a_long_cache(n):
    q = np.zeros((1, 2, 8), np.float32)
    q[..., 3] = 20
    keys = np.zeros((1, 1, n, 8), np.float32)
    for position in (0, 511, 512, n // 2 + 1, n - 1):
        keys[0, 0, position, 3] = 1
        assert kv.select(q, keys, 1, n_sink=0, n_local=0).indices.tolist() == [[[position]]]
        keys[0, 0, position, 3] = 0


def test_no_tokens_give_empty_lists(backend):
    q, keys, _ = cache(11, (2, 4, 2, 20, 8))
    empty = kv.select(q, keys[:, :, :0], 5)
    assert empty.indices.shape == (2, 1, 0)
    assert empty.counts.tolist() == [[0], [0]]
    assert empty.mass.tolist() == [[0.0] * 4] * 2
    assert np.all(empty.lse == -np.inf)
    short = kv.select(q, keys, 5, n_sink=1, n_local=1, lens=np.array([0, 20], np.int32))
    assert short.indices[0].tolist() == [[-1] * 7]
    assert short.counts.tolist() == [[0], [7]]


def test_a_budget_beyond_the_cache_takes_every_token(backend):
    q, keys, _ = cache(12, (1, 4, 2, 20, 8))
    for k, sinks, local in ((18, 1, 1), (0, 15, 15), (500, 128, 512)):
        chosen = kv.select(q, keys, k, n_sink=sinks, n_local=local)
        assert chosen.indices.tolist() == [[list(range(20))]]
        assert np.all(chosen.kth == -np.inf)
        assert np.allclose(chosen.mass, 1, atol=1e-6)


def test_unusable_logits_are_named_or_left_out(backend):
    q, keys, _ = cache(13, (2, 4, 2, 60, 8))
    keys[1, 1, 30] = np.nan
    keys[1, 0, 40, 0] = np.inf
    q[1, 0, 0] = 1
    with pytest.raises(ValueError, match="row 1, head 0, position 40"):
        kv.select(q, keys, 10, n_sink=2, n_local=2)
    chosen = kv.select(q, keys, 54, n_sink=2, n_local=2, nan="last")
    assert chosen.status.tolist() == [0, 1]
    assert not {30, 40} & set(chosen.indices[1, 0].tolist())
    assert 30 in kv.select(q, keys, 55, n_sink=2, n_local=2, nan="last").indices[1, 0]


def test_masked_logits_have_no_votes(backend):
    q = np.ones((1, 1, 2), np.float32)
    keys = np.zeros((1, 1, 10, 2), np.float32)
    keys[0, 0, 3:7, 0] = -np.inf
    chosen = kv.select(q, keys, 6, n_sink=0, n_local=0)
    assert chosen.indices.tolist() == [[[0, 1, 2, 7, 8, 9]]]
    keys[..., 0] = -np.inf
    assert kv.select(q, keys, 2, n_sink=0, n_local=0).indices.tolist() == [[[0, 1]]]


def test_results_can_be_written_into_an_earlier_selection(backend):
    q, keys, _ = cache(14, (1, 4, 2, 90, 8))
    first = kv.select(q, keys, 10, n_sink=2, n_local=2)
    again = kv.select(-q, keys, 10, n_sink=2, n_local=2, out=first)
    assert again.indices is first.indices
    assert_same_bits(first, kv.select(-q, keys, 10, n_sink=2, n_local=2))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"k": -1}, ValueError, "argument 'k'"),
        ({"k": 2.5}, TypeError, "argument 'k'"),
        ({"n_sink": -1}, ValueError, "argument 'n_sink'"),
        ({"n_local": True}, TypeError, "argument 'n_local'"),
        ({"per": "token"}, ValueError, "argument 'per'"),
        ({"layout": "DNH"}, ValueError, "argument 'layout'"),
        ({"scale": float("nan")}, ValueError, "argument 'scale'"),
        ({"nan": "first"}, ValueError, "argument 'nan'"),
        ({"out": ()}, TypeError, "argument 'out'"),
        ({"q": np.zeros((1, 3, 8), np.float32)}, ValueError, "multiple of the 2 heads"),
        ({"q": np.zeros((1, 4, 9), np.float32)}, ValueError, "argument 'keys'"),
        ({"q": np.zeros((2, 4, 8), np.float32)}, ValueError, "argument 'keys'"),
        ({"q": np.zeros((1, 4, 8), np.float64)}, TypeError, "argument 'q'"),
        (
            {"q": np.zeros((1, 4, 0), np.float32), "keys": np.zeros((1, 2, 9, 0), np.float32)},
            ValueError,
            "width",
        ),
        ({"keys": np.zeros((2, 3), np.float32)}, ValueError, "argument 'keys'"),
        ({"keys": np.zeros((1, 2, 9, 16), np.float32)[..., ::2]}, ValueError, "contiguous"),
        ({"keys": [[1.0]]}, TypeError, "argument 'keys'"),
        ({"lens": np.array([10], np.int32)}, ValueError, r"\[0, 10\)"),
        ({"starts": np.array([-1], np.int32)}, ValueError, "row 0"),
        ({"lens": np.array([9], np.int64)}, TypeError, "argument 'lens'"),
    ],
)
def test_wrong_arguments_are_named(change, error, message):
    call = {"q": np.ones((1, 4, 8), np.float32), "keys": np.ones((1, 2, 9, 8), np.float32), "k": 2} | change
    q, keys, k = (call.pop(name) for name in ("q", "keys", "k"))
    with pytest.raises(error, match=f"kv.select: .*{message}"):
        kv.select(q, keys, k, **call)
