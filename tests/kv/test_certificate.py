# SPDX-License-Identifier: Apache-2.0
"""The bound on the change of the attention output holds in ten thousand random trials, and is not idle."""

import numpy as np
import pytest

from tests.kv import oracle
from tokops import kv

ROWS, HEADS = 50, 4


def trials(seed):
    """One call with 200 heads: (chosen, q, keys, values) of random sharpness and value scales."""
    rng = np.random.default_rng(seed)
    n, width = int(rng.integers(2, 90)), int(rng.integers(1, 20))
    sharpness = np.exp(rng.uniform(-3, 3))
    q = (sharpness * rng.standard_normal((ROWS, HEADS, width))).astype(np.float32)
    keys = rng.standard_normal((ROWS, 2, n, width)).astype(np.float32)
    values = (rng.standard_normal((ROWS, 2, n, 6)) * np.exp(rng.uniform(-2, 2, (ROWS, 2, n, 1)))).astype(
        np.float32
    )
    k, sinks, local = (int(i) for i in rng.integers(0, max(n // 3, 2), 3))
    per = ("all", "kv_group", "head")[seed % 3]
    return kv.select(q, keys, k, n_sink=sinks, n_local=local, per=per), q, keys, values


def test_the_bound_is_never_violated():
    tightest = 0.0
    for seed in range(50):
        chosen, q, keys, values = trials(seed)
        lists, n = chosen.indices.shape[1], keys.shape[2]
        for b in range(ROWS):
            ids = [chosen.indices[b, h * lists // HEADS] for h in range(HEADS)]
            ids = [i[i >= 0] for i in ids]
            scale = q.shape[2] ** -0.5
            whole, _ = oracle.attention(q[b], keys[b], values[b], [np.arange(n)] * HEADS, scale)
            part, _ = oracle.attention(q[b], keys[b], values[b], ids, scale)
            norms = np.linalg.norm(values[b].astype(np.float64), axis=-1).max(axis=-1).repeat(2)
            change = np.linalg.norm(whole - part, axis=-1)
            bound = np.array([chosen.error_bound(norm)[b, h] for h, norm in enumerate(norms)])
            empty = np.array([len(i) == 0 for i in ids])
            assert (change <= bound).all()
            tightest = max(tightest, (change / bound)[~empty].max(initial=0.0))
    assert tightest > 0.3


def test_a_mass_that_is_too_high_would_be_noticed():
    chosen, q, keys, values = trials(1)
    whole, part = kv.decode_attention(q, keys, values), kv.sparse_attention(q, keys, values, chosen)
    change = np.linalg.norm(whole - part, axis=-1)
    norm = np.linalg.norm(values, axis=-1).max()
    wrong = kv.Selection(**{**chosen.__dict__, "mass": 1 - (1 - chosen.mass) / 50})
    assert (change <= chosen.error_bound(norm)).all()
    assert (change > wrong.error_bound(norm)).any()


def test_torch_tensors_have_the_same_bound():
    torch = pytest.importorskip("torch")
    chosen, _, _, _ = trials(2)
    tensors = kv.Selection(*(torch.from_numpy(getattr(chosen, name)) for name in chosen.__dataclass_fields__))
    assert np.array_equal(tensors.error_bound(3.0).numpy(), chosen.error_bound(3.0))
