# SPDX-License-Identifier: Apache-2.0
"""Checks of the operators against the float64 oracle. The guards run the same checks on wrong implementations."""

import numpy as np

from tests.kv import oracle
from tokops import kv

LISTS = {
    "all": lambda heads, kv_heads: 1,
    "kv_group": lambda heads, kv_heads: kv_heads,
    "head": lambda heads, _: heads,
}


def random_cache(seed, heads, kv_heads, n, width):
    """q [1, Hq, D], keys and values [1, Hkv, n, D] whose attention is uneven."""
    rng = np.random.default_rng(seed)
    q = 2 * rng.standard_normal((1, heads, width), np.float32)
    keys = rng.standard_normal((1, kv_heads, n, width), np.float32)
    return q, keys, rng.standard_normal((1, kv_heads, n, width), np.float32)


def same_but_near_ties(ids, votes, n_sink, k):
    """The k best of the float64 votes, except members within 1e-5 relative of the k-th."""
    order = np.argsort(-votes, kind="stable")
    wanted = set((order[:k] + n_sink).tolist())
    threshold = votes[order[k - 1]]
    for i in wanted ^ set(ids):
        assert abs(votes[i - n_sink] - threshold) <= 1e-5 * abs(threshold), f"id {i} is no near tie"


def check_selection(q, keys, k, n_sink, n_local, per, scale=None):
    """One call of one row against the oracle: ids, counts, mass, lse, kth."""
    chosen = kv.select(q, keys, k, n_sink=n_sink, n_local=n_local, per=per, scale=scale)
    heads, n = q.shape[1], keys.shape[2]
    scale = q.shape[2] ** -0.5 if scale is None else scale
    lists = LISTS[per](heads, keys.shape[1])
    votes = oracle.votes(q[0], keys[0], lists, n_sink, n_local, scale)
    window = [*range(n_sink), *range(n - n_local, n)]
    for g in range(lists):
        ids = chosen.indices[0, g].tolist()
        assert ids == sorted(set(ids))
        assert chosen.counts[0, g] == len(ids) == n_sink + k + n_local
        assert set(window) <= set(ids)
        same_but_near_ties(set(ids) - set(window), votes[g], n_sink, k)
        assert np.isclose(chosen.kth[0, g], np.sort(votes[g])[-k], rtol=1e-4)
    per_head = [chosen.indices[0, h * lists // heads] for h in range(heads)]
    assert np.abs(chosen.mass[0] - oracle.masses(q[0], keys[0], per_head, scale)).max() < 1e-5
    assert np.abs(chosen.lse[0] - oracle.log_sums(q[0], keys[0], scale)).max() < 1e-5
    return chosen


def check_selections():
    """Several shapes and list kinds; four query heads of two KV heads tell the head maps apart."""
    for seed, (heads, kv_heads, n, width) in enumerate([(4, 2, 300, 32), (8, 4, 700, 16), (6, 2, 1100, 40)]):
        q, keys, _ = random_cache(seed, heads, kv_heads, n, width)
        for per in LISTS:
            check_selection(q, keys, 40, 8, 30, per)


def check_outlier_in_the_window():
    """A huge logit inside the local window must not flatten the votes of the candidates."""
    q, keys, _ = random_cache(7, 2, 1, 200, 16)
    keys[0, 0, -1] = 60 * q[0, 0] / np.linalg.norm(q[0, 0])
    check_selection(q, keys, 10, 4, 16, "all")


def check_ties():
    """Equal votes keep the lowest ids."""
    keys = np.zeros((1, 1, 50, 4), np.float32)
    q = np.ones((1, 2, 4), np.float32)
    chosen = kv.select(q, keys, 5, n_sink=2, n_local=3)
    assert chosen.indices[0, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 47, 48, 49]
    assert kv.topk(np.array([1.0, 2.0, 2.0, 2.0], np.float32), 2).tolist() == [1, 2]


def check_zero_signs():
    """-0.0 and 0.0 are one value."""
    assert kv.topk(np.array([-0.0, 0.0, -1.0], np.float32), 1).tolist() == [0]


def check_bits_of_kth(expected):
    """The k-th vote over many blocks has exactly the expected bits."""
    assert [bits_of_kth(seed) for seed in range(8)] == expected


def bits_of_kth(seed):
    q, keys, _ = random_cache(100 + seed, 2, 1, 4000, 16)
    return int(kv.select(q, keys, 64, n_sink=4, n_local=4).kth.view(np.uint32)[0, 0])
