# SPDX-License-Identifier: Apache-2.0
"""One call of each operator that is large enough for several threads: they take part, and change nothing."""

from __future__ import annotations

import numpy as np
import pytest

import tokops
from tests.cases import flatten
from tokops import _cpu, bpe, constrain, kv, prune

RNG = np.random.default_rng(11)
Q = RNG.standard_normal((2, 8, 64), np.float32)
K = RNG.standard_normal((2, 2, 12_000, 64), np.float32)


def rows_topk():
    return kv.topk(RNG_SCORES, 500)


def long_topk():
    return kv.topk(RNG_SCORES.reshape(-1), 2048, order="value")


def select():
    return kv.select(Q, K, 300, n_sink=16, n_local=64)


def attend():
    return kv.sparse_attention(Q, K, K, kv.select(Q, K, 8000, n_sink=16, n_local=64), return_lse=True)


def decode():
    return kv.decode_attention(Q, K, K, return_lse=True)


def masses():
    return constrain.masses(RNG_SCORES)


def steps():
    return constrain.awrs_step(RNG_SCORES, RNG_SCORES > 0.5, seed=4)


def maxmin():
    features = K[0, 0, :2400]
    return prune.maxmin_select(features, 20, cu_seqlens=list(range(0, 2401, 200)))


def compact():
    return prune.compact_tokens(K[0].reshape(24, 1000, 64), K[0].reshape(24, 1000, 64)[..., 0] > 0)


def compact_ragged():
    return prune.compact_tokens_ragged(K[0, 0], [0, 5000, 12_000], K[0, 0, :, 1] > 0)


def encode():
    text = "".join(chr(97 + i * i % 23) if i % 7 else " " for i in range(1500))
    encoding = bpe.train([text], 300).to_encoding("t")
    return encoding.encode_batch_flat([text[i:] for i in range(300)])


RNG_SCORES = RNG.standard_normal((48, 32_768), np.float32)
CALLS = [rows_topk, long_topk, select, attend, decode, masses, steps, maxmin, compact, compact_ragged, encode]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_threads_take_part_and_change_nothing(call):
    tokops.set_num_threads(1)
    alone = flatten(call())
    tokops.set_num_threads(4)
    before = _cpu._test_shared_jobs()
    together = flatten(call())
    assert _cpu._test_shared_jobs() > before, "the call is too small for a second thread"
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_array_equal(a, b)
