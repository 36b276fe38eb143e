# SPDX-License-Identifier: Apache-2.0
"""Float64 oracles of the kv operators, written from the definitions and sharing no code with the package."""

import numpy as np


def widen64(x):
    """Exact float64 values; a uint16 array holds bfloat16 bits."""
    if x.dtype == np.uint16:
        x = (x.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return x.astype(np.float64)


def softmax(x):
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def logits(q, keys, scale):
    """q [Hq, D], keys [Hkv, n, D] -> [Hq, n]; consecutive query heads share a KV head."""
    group = len(q) // len(keys)
    return scale * np.stack([widen64(keys[h // group]) @ widen64(q[h]) for h in range(len(q))])


def votes(q, keys, lists, n_sink, n_local, scale):
    """Softmax votes over the candidates [n_sink, n - n_local), float64 [lists, candidates]."""
    x = logits(q, keys, scale)
    probabilities = softmax(x[:, n_sink : x.shape[1] - n_local])
    return probabilities.reshape(lists, len(q) // lists, -1).sum(axis=1)


def masses(q, keys, ids, scale):
    """Retained softmax mass of each head over its list; ids: one array per head."""
    probabilities = softmax(logits(q, keys, scale))
    return np.array([probabilities[h, ids[h]].sum() for h in range(len(q))])


def log_sums(q, keys, scale):
    x = logits(q, keys, scale)
    top = x.max(axis=-1)
    return top + np.log(np.exp(x - top[:, None]).sum(axis=-1))


def attention(q, keys, values, ids, scale, softcap=None, sinks=None):
    """Attention of q [Hq, D] over its list per head -> (o [Hq, Dv], lse [Hq])."""
    x = logits(q, keys, scale)
    if softcap is not None:
        x = softcap * np.tanh(x / softcap)
    group = len(q) // len(keys)
    out = np.zeros((len(q), values.shape[-1]))
    lse = np.full(len(q), -np.inf)
    for h in range(len(q)):
        terms = x[h, ids[h]]
        if sinks is not None:
            terms = np.append(terms, np.float64(sinks[h]))
        if len(terms) == 0:
            continue
        lse[h] = terms.max() + np.log(np.exp(terms - terms.max()).sum())
        weights = np.exp(x[h, ids[h]] - lse[h])
        out[h] = weights @ widen64(values[h // group, ids[h]])
    return out, lse
