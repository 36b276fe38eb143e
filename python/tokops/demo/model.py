# SPDX-License-Identifier: Apache-2.0
"""The demo's language model in numpy, its attention through ``tokops.kv``.

A Llama-like decoder (grouped KV heads, rotary positions, SwiGLU, tied embedding) of about one million
parameters, read from ``weights.npz``. The prompt is computed once and shared by all rows; every row then
takes one token per step. A decode step over a long cache reads the tokens that ``kv.select`` keeps.

Matrix products, norms and activations are computed in float64 and rounded to float32 once. The order of a
BLAS sum changes a float64 result in its last bits only, which the rounding removes (except in about one of
10^8 elements), so the number of rows, the BLAS and its threads do not show in the results.
Memory: ``rows * capacity * layers * 2 * kv_heads * head_width * 4`` bytes of cache, 8.7 MB of weights.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import bpe, kv
from .tape import Tape

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
WEIGHTS = Path(__file__).with_name("weights.npz")


@dataclass(frozen=True)
class Budget:
    """Cached tokens that a decode step reads: the first, the most voted, the last."""

    n_sink: int = 4
    k: int = 128
    n_local: int = 64

    @property
    def total(self) -> int:
        """Tokens read by a step."""
        return self.n_sink + self.k + self.n_local


class Cache:
    """Keys and values, float32 ``[layer, row, kv_head, position, width]``; ``length`` positions are used."""

    def __init__(self, keys: Float32, values: Float32, length: int) -> None:
        self.keys, self.values, self.length = keys, values, length

    def spread(self, rows: int, capacity: int) -> Cache:
        """Copy a cache of one row to ``rows`` rows with room for ``capacity`` tokens."""
        layers, _, kv_heads, _, width = self.keys.shape
        copies = []
        for source in (self.keys, self.values):
            copy = np.zeros((layers, rows, kv_heads, capacity, width), np.float32)
            copy[:, :, :, : self.length] = source[:, :, :, : self.length]
            copies.append(copy)
        return Cache(copies[0], copies[1], self.length)

    def keep(self, rows: list[int]) -> None:
        """Drop all rows but ``rows`` (ascending), in place."""
        for place, row in enumerate(rows):
            if place != row:
                self.keys[:, place] = self.keys[:, row]
                self.values[:, place] = self.values[:, row]
        self.keys, self.values = self.keys[:, : len(rows)], self.values[:, : len(rows)]


@dataclass
class AttentionStats:
    """What the decode steps read: retained masses ``[row, head]`` per selection, tokens read and cached."""

    masses: list[Float32] = field(default_factory=list)
    read: int = 0
    cached: int = 0


class Model:
    """Weights, tokenizer and the forward pass."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self.config: dict[str, Any] = json.loads(arrays["config"].tobytes())
        ends = np.cumsum(arrays["vocab_lengths"], dtype=np.int64)
        data = arrays["vocab_bytes"].tobytes()
        self.tokens = [
            data[end - size : end] for end, size in zip(ends, arrays["vocab_lengths"], strict=True)
        ]
        self.weights: dict[str, Float64] = {
            name: np.ascontiguousarray(array.T if array.ndim == 2 else array, np.float64)
            for name, array in arrays.items()
            if array.dtype == np.float16
        }
        self.embedding = arrays["embedding.weight"].astype(np.float32)
        half = self.config["head_width"] // 2
        rates = float(self.config["rope_theta"]) ** (-np.arange(half) / half)
        angles = np.outer(np.arange(self.config["context"]), rates)
        self.cos, self.sin = np.cos(angles), np.sin(angles)

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> Model:
        """Read an ``.npz`` file written by ``tools/train_demo_lm.py``."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(dict(arrays))

    def encoding(self) -> bpe.Encoding:
        """Make the tokenizer, of the backend in force."""
        ranks = {token: rank for rank, token in enumerate(self.tokens)}
        return bpe.Encoding("demo", pat_str=self.config["pattern"], mergeable_ranks=ranks, special_tokens={})

    def prefill(self, ids: list[int], tape: Tape) -> tuple[Float32, Cache]:
        """Run the prompt; the hidden state of its last token ``[width]`` and the cache of one row."""
        n = len(ids)
        keys: list[Float32] = []
        values: list[Float32] = []

        def attend(layer: int, q: Float32, k: Float32, v: Float32) -> Float32:
            keys.append(k.transpose(1, 0, 2))
            values.append(v.transpose(1, 0, 2))
            shape = (n, *keys[-1].shape)
            lens = np.arange(1, n + 1, dtype=np.int32)
            every = np.broadcast_to(keys[-1], shape), np.broadcast_to(values[-1], shape)
            return tape.call("kv.decode_attention", layer == 0, kv.decode_attention, q, *every, lens=lens)

        hidden = self._forward(ids, np.arange(n), attend)
        return hidden[-1], Cache(np.stack(keys)[:, None], np.stack(values)[:, None], n)

    def step(
        self, ids: list[int], cache: Cache, budget: Budget, stats: AttentionStats, tape: Tape
    ) -> Float32:
        """Append one token to every row; their hidden states ``[rows, width]``."""
        n = cache.length = cache.length + 1
        last = self.config["layers"] - 1

        def attend(layer: int, q: Float32, k: Float32, v: Float32) -> Float32:
            cache.keys[layer, :, :, n - 1] = k
            cache.values[layer, :, :, n - 1] = v
            keys, values = cache.keys[layer, :, :, :n], cache.values[layer, :, :, :n]
            stats.cached += n * len(ids)
            wanted = layer == last
            if n <= budget.total:
                stats.read += n * len(ids)
                return tape.call("kv.decode_attention", False, kv.decode_attention, q, keys, values)
            sink, local = budget.n_sink, budget.n_local
            chosen = tape.call("kv.select", wanted, kv.select, q, keys, budget.k, n_sink=sink, n_local=local)
            stats.masses.append(np.asarray(chosen.mass))
            stats.read += int(chosen.counts.sum())
            return tape.call("kv.sparse_attention", wanted, kv.sparse_attention, q, keys, values, chosen)

        return self._forward(ids, np.full(len(ids), n - 1), attend)

    def logits(self, hidden: Float32) -> Float32:
        """Score the next token, float32 ``[rows, vocab]``."""
        return _linear(hidden, self.weights["embedding.weight"])

    def _forward(
        self, ids: list[int], positions: NDArray[np.int64], attend: Callable[..., Float32]
    ) -> Float32:
        w, width = self.weights, self.config["head_width"]
        cos, sin = self.cos[positions, None], self.sin[positions, None]
        x = self.embedding[ids]
        for layer in range(self.config["layers"]):
            name = f"blocks.{layer}."
            y = self._norm(x, w[name + "attention_norm.weight"])
            q, k, v = (
                _linear(y, w[f"{name}{part}.weight"]).reshape(len(ids), -1, width)
                for part in ("query", "key", "value")
            )
            o = attend(layer, _rotate(q, cos, sin), _rotate(k, cos, sin), v)
            x = x + _linear(o.reshape(len(ids), -1), w[name + "output.weight"])
            y = self._norm(x, w[name + "hidden_norm.weight"])
            gate, up = _linear(y, w[name + "gate.weight"]), _linear(y, w[name + "up.weight"])
            x = x + _linear(_silu(gate) * up, w[name + "down.weight"])
        return self._norm(x, w["final_norm.weight"])

    def _norm(self, x: Float32, weight: Float64) -> Float32:
        wide = x.astype(np.float64)
        scale: Float64 = weight / np.sqrt(
            (wide * wide).mean(axis=-1, keepdims=True) + self.config["norm_eps"]
        )
        return (wide * scale).astype(np.float32)


def _linear(x: Float32, weight: Float64) -> Float32:
    product: Float64 = x.astype(np.float64) @ weight
    return product.astype(np.float32)


def _silu(x: Float32) -> Float32:
    wide = x.astype(np.float64)
    return (wide / (1.0 + np.exp(-wide))).astype(np.float32)


def _rotate(x: Float32, cos: Float64, sin: Float64) -> Float32:
    a, b = np.split(x.astype(np.float64), 2, axis=-1)
    return np.concatenate((a * cos - b * sin, b * cos + a * sin), axis=-1).astype(np.float32)
