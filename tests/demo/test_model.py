# SPDX-License-Identifier: Apache-2.0
"""The embedded model: its file, its forward pass against a plain one, its cache and its selection."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tokops.demo.model import WEIGHTS, AttentionStats, Budget, Model
from tokops.demo.molecules import MEDICINES
from tokops.demo.tape import Tape

TEXT = "\n".join(MEDICINES[:6]) + "\n"


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load()


def plain_logits(ids: list[int]) -> np.ndarray:
    """The same network written down from the file: float64, one position and one head at a time."""
    with np.load(WEIGHTS) as file:
        w = {name: file[name].astype(np.float64) for name in file.files if file[name].dtype == np.float16}
        config = json.loads(file["config"].tobytes())
    width, heads, group = config["head_width"], config["heads"], config["heads"] // config["kv_heads"]

    def norm(x, weight):
        return x / np.sqrt(np.mean(x**2) + config["norm_eps"]) * weight

    def turned(x, position):
        turn = np.exp(1j * position * config["rope_theta"] ** (-2 * np.arange(width // 2) / width))
        y = (x[: width // 2] + 1j * x[width // 2 :]) * turn
        return np.concatenate([y.real, y.imag])

    rows = [w["embedding.weight"][i] for i in ids]
    for layer in range(config["layers"]):
        p = f"blocks.{layer}."
        keys, values, after = [], [], []
        for position, x in enumerate(rows):
            y = norm(x, w[p + "attention_norm.weight"])
            k, v, q = ((w[f"{p}{name}.weight"] @ y).reshape(-1, width) for name in ("key", "value", "query"))
            keys.append([turned(part, position) for part in k])
            values.append(v)
            heads_out = []
            for h in range(heads):
                scores = np.array([turned(q[h], position) @ k[h // group] for k in keys]) / np.sqrt(width)
                share = np.exp(scores - scores.max())
                heads_out.append(share / share.sum() @ np.array([v[h // group] for v in values]))
            x = x + w[p + "output.weight"] @ np.concatenate(heads_out)
            y = norm(x, w[p + "hidden_norm.weight"])
            gate = w[p + "gate.weight"] @ y
            after.append(x + w[p + "down.weight"] @ (gate / (1 + np.exp(-gate)) * (w[p + "up.weight"] @ y)))
        rows = after
    return w["embedding.weight"] @ norm(rows[-1], w["final_norm.weight"])


def test_the_weights_are_small_and_about_a_million(model: Model) -> None:
    assert WEIGHTS.stat().st_size < 2_500_000
    assert 0.8e6 < sum(array.size for array in model.weights.values()) < 1.5e6
    assert model.config["context"] >= 512


def test_the_vocabulary_holds_every_byte_once_and_no_token_crosses_a_newline(model: Model) -> None:
    assert len(set(model.tokens)) == len(model.tokens) == model.config["vocab"]
    assert set(model.tokens) >= {bytes([b]) for b in range(256)}
    assert [token for token in model.tokens if b"\n" in token] == [b"\n"]


def test_the_prompt_survives_encoding(model: Model) -> None:
    encoding = model.encoding()
    assert encoding.decode(encoding.encode_ordinary(TEXT)) == TEXT


def test_prefill_agrees_with_the_plain_network(model: Model) -> None:
    ids = model.encoding().encode_ordinary(TEXT)[:40]
    hidden, _ = model.prefill(ids, Tape())
    np.testing.assert_allclose(model.logits(hidden), plain_logits(ids), atol=2e-4)


def test_a_step_continues_the_cache_like_a_longer_prompt(model: Model) -> None:
    ids = model.encoding().encode_ordinary(TEXT)[:60]
    hidden, cache = model.prefill(ids[:-2], Tape())
    cache = cache.spread(3, len(ids))
    for token in ids[-2:]:
        hidden = model.step([token] * 3, cache, Budget(), AttentionStats(), Tape())
    whole, _ = model.prefill(ids, Tape())
    np.testing.assert_allclose(hidden, np.tile(whole, (3, 1)), atol=1e-4)


def test_keeping_rows_leaves_their_results_as_they_were(model: Model) -> None:
    ids = model.encoding().encode_ordinary(TEXT)[:30]
    _, start = model.prefill(ids, Tape())
    full, kept = (start.spread(4, 40) for _ in range(2))
    for cache in (full, kept):
        model.step([65, 66, 67, 68], cache, Budget(), AttentionStats(), Tape())
    kept.keep([1, 3])
    want = model.step([70, 71, 72, 73], full, Budget(), AttentionStats(), Tape())
    got = model.step([71, 73], kept, Budget(), AttentionStats(), Tape())
    np.testing.assert_array_equal(got, want[[1, 3]])


def test_a_budget_of_all_tokens_reads_what_dense_attention_reads(model: Model) -> None:
    ids = model.encoding().encode_ordinary(TEXT)
    _, start = model.prefill(ids, Tape())
    small, dense = AttentionStats(), AttentionStats()
    got = model.step([65], start.spread(1, 400), Budget(n_sink=1, k=len(ids) - 3, n_local=2), small, Tape())
    want = model.step([65], start.spread(1, 400), Budget(k=1000), dense, Tape())
    assert small.cached - small.read == model.config["layers"]
    assert not dense.masses
    np.testing.assert_allclose(got, want, atol=0.05)


def test_retained_mass_falls_with_the_budget(model: Model) -> None:
    ids = model.encoding().encode_ordinary(TEXT)
    _, start = model.prefill(ids, Tape())
    means = []
    for k in (32, 4):
        stats = AttentionStats()
        model.step([65], start.spread(1, 400), Budget(n_sink=2, k=k, n_local=4), stats, Tape())
        means.append(np.mean(stats.masses))
    assert 0 < means[1] < means[0] < 1
