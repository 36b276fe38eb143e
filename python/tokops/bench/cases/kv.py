# SPDX-License-Identifier: Apache-2.0
"""Top-k of long rows, selection and decode attention of a cache with 8 KV heads, 32 query heads and width 128.

The yardstick of cache rows is the K-stream: one read of K as float32 sums.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ... import kv, use_backend
from ..case import Row, Subject, absent, close, installed, same

KEPT = 2048
HEADS, KV_HEADS, WIDTH = 32, 8, 128


def rows() -> list[Row]:
    """List the rows."""
    found = []
    for name, n in {"32k": 1 << 15, "128k": 1 << 17, "1M": 1 << 20}.items():
        found.append(Row(f"kv.topk/{name}/float32", op="kv.topk", make=partial(topk, n), large=n > 1 << 17))
    for name, n in {"4k": 1 << 12, "32k": 1 << 15, "128k": 1 << 17}.items():
        large = n > 1 << 12
        for op, make in {"select": select, "sparse_attention": sparse, "decode_attention": dense}.items():
            found.append(Row(f"kv.{op}/{name}/bfloat16", op=f"kv.{op}", make=partial(make, n), large=large))
    return found


def topk(n: int) -> Subject:
    """Take 2048 of n normal float32 numbers: distinct, so every exact method keeps the same set."""
    x = np.random.default_rng(0).permutation(n).astype(np.float32)
    peers: dict[str, Callable[[], object]] = {
        "np.argpartition": lambda: np.argpartition(x, n - KEPT)[n - KEPT :],
        "reference": lambda: reference(kv.topk, x, KEPT),
    }
    if installed("torch"):
        import torch

        tensor = torch.from_numpy(x)
        peers["torch.topk"] = lambda: torch.topk(tensor, KEPT, sorted=False).indices
    return Subject(
        lambda: kv.topk(x, KEPT), peers, equal=dict.fromkeys(peers, same_set), missing=absent("torch")
    )


def select(n: int) -> Subject:
    """Select 2048 tokens beside 128 sinks and 512 local ones."""
    if not installed("torch"):
        return Subject(lambda: None, missing=absent("torch"))
    q, keys, _ = cache(n)
    peers: dict[str, Callable[[], object]] = {"torch in float32": lambda: naive_select(q, keys)}
    if n <= 1 << 12:
        peers["reference"] = lambda: reference(kv.select, q, keys, kept(n)).indices
    return Subject(
        lambda: kv.select(q, keys, kept(n)).indices,
        peers,
        equal={"torch in float32": nearly_same_set, "reference": same},
        yardsticks={"K-stream": lambda: stream(keys)},
        note="torch sums in another order, so up to 0.1 % of its ids may differ at the threshold",
    )


def sparse(n: int) -> Subject:
    """Attend to the selected tokens; the peer gathers them and runs packed SDPA."""
    if not installed("torch"):
        return Subject(lambda: None, missing=absent("torch"))
    import torch

    q, keys, values = cache(n)
    chosen = kv.select(q, keys, kept(n))
    ids = chosen.indices[0, 0, : int(chosen.counts[0, 0])].long()
    packed = q.view(1, KV_HEADS, HEADS // KV_HEADS, WIDTH)

    def gather() -> Any:
        attend = torch.nn.functional.scaled_dot_product_attention
        return attend(packed, keys[:, :, ids], values[:, :, ids]).view(1, HEADS, WIDTH)

    return Subject(
        lambda: kv.sparse_attention(q, keys, values, chosen),
        {"gather + packed SDPA": gather},
        equal=close(0.02),
        yardsticks={"K-stream": lambda: stream(keys)},
        note="SDPA rounds its weights to bfloat16; equal within 2 % of the largest output",
    )


def dense(n: int) -> Subject:
    """Attend to all tokens; the peer runs SDPA with the group packed as rows."""
    if not installed("torch"):
        return Subject(lambda: None, missing=absent("torch"))
    import torch

    q, keys, values = cache(n)
    packed = q.view(1, KV_HEADS, HEADS // KV_HEADS, WIDTH)
    attend = torch.nn.functional.scaled_dot_product_attention
    return Subject(
        lambda: kv.decode_attention(q, keys, values),
        {"packed SDPA": lambda: attend(packed, keys, values).view(1, HEADS, WIDTH)},
        equal=close(0.02),
        yardsticks={"K-stream": lambda: stream(keys)},
        note="SDPA rounds its weights to bfloat16; equal within 2 % of the largest output",
    )


def cache(n: int) -> tuple[Any, Any, Any]:
    """Random q [1, 32, 128], keys and values [1, 8, n, 128] in bfloat16."""
    import torch

    generator = torch.Generator().manual_seed(0)
    shapes = ((1, HEADS, WIDTH), (1, KV_HEADS, n, WIDTH), (1, KV_HEADS, n, WIDTH))
    q, keys, values = (torch.randn(shape, generator=generator).bfloat16() for shape in shapes)
    return q, keys, values


def kept(n: int) -> int:
    """2048, or an eighth of a short cache."""
    return min(KEPT, n // 8)


def stream(keys: Any) -> Any:
    """Read all of K once."""
    import torch

    return keys.view(torch.float32).sum()


def naive_select(q: Any, keys: Any) -> Any:
    """Write the definition in torch: all scores, softmax over the candidates, sum of heads, topk."""
    import torch

    n = keys.shape[2]
    packed = q.float().view(KV_HEADS, HEADS // KV_HEADS, WIDTH)
    logits = torch.matmul(packed, keys[0].float().transpose(1, 2)).view(HEADS, n) * WIDTH**-0.5
    votes = logits[:, 128 : n - 512].softmax(-1).sum(0)
    chosen = votes.topk(kept(n), sorted=False).indices + 128
    ids = torch.cat([torch.arange(128), chosen.sort().values, torch.arange(n - 512, n)])
    return ids.int().view(1, 1, -1)


def reference(function: Any, *arguments: Any) -> Any:
    """Run a public function on the reference backend."""
    with use_backend("reference"):
        return function(*arguments)


def same_set(ours: Any, theirs: Any) -> bool:
    """Tell whether two lists of ids hold the same ids."""
    return bool(np.array_equal(np.sort(np.asarray(ours)), np.sort(np.asarray(theirs))))


def nearly_same_set(ours: Any, theirs: Any) -> bool:
    """Tell whether 99.9 % of the ids agree."""
    a, b = np.asarray(ours).ravel(), np.asarray(theirs).ravel()
    return len(a) == len(b) and len(np.intersect1d(a, b)) >= 0.999 * len(a)
