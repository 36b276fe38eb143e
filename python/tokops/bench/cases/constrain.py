# SPDX-License-Identifier: Apache-2.0
"""One constrained step over a whole vocabulary, and its parts; half of the tokens are allowed.

Random results cannot be equal: a peer's token must be allowed. The yardstick is one ``torch.softmax`` of the row.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ... import constrain, use_backend
from ..case import Row, Subject, absent, installed, same

SIZES = {"50k": 50_257, "128k": 128_256, "256k": 262_144}
DRAWS = 100


def rows() -> list[Row]:
    """List the rows."""
    found = []
    for name, v in SIZES.items():
        parts = {
            "awrs_step/rawrs-mask": partial(masked, v, "rawrs"),
            "awrs_step/exact-mask": partial(masked, v, "exact"),
            "awrs_step/rawrs-callable": partial(called, v),
            "masses/float32": partial(masses, v),
            f"Sampler/{DRAWS}-draws": partial(draws, v),
        }
        for part, make in parts.items():
            op, kind = part.split("/")
            full = f"constrain.{op}/{name}/{kind}"
            found.append(Row(full, op=f"constrain.{op}", make=make, large=name == "256k", threads=1))
    return found


def row(v: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return logits [1, v] with a spread of 4, the allowed tokens and their packed words."""
    rng = np.random.default_rng(v)
    logits = (rng.standard_normal((1, v)) * 4).astype(np.float32)
    allowed = rng.random((1, v)) < 0.5
    bits = np.pad(allowed, ((0, 0), (0, -v % 32)))
    return logits, allowed, np.packbits(bits, axis=1, bitorder="little").view(np.uint32)


def masked(v: int, estimator: str) -> Subject:
    """Step with a packed mask as the checker."""
    logits, allowed, words = row(v)

    def reference() -> Any:
        with use_backend("reference"):
            return constrain.awrs_step(logits, words, seed=1, estimator=estimator)

    peers: dict[str, Callable[[], object]] = {"reference": reference}
    equal: dict[str, Any] = {"reference": same}
    yardsticks: dict[str, Callable[[], object]] = {}
    if installed("torch"):
        peers.update(torch_peers(logits, allowed))
        equal.update(dict.fromkeys(torch_peers(logits, allowed), partial(both_allowed, allowed)))
        yardsticks["torch.softmax"] = softmax(logits)
    return Subject(
        lambda: constrain.awrs_step(logits, words, seed=1, estimator=estimator),
        peers,
        equal=equal,
        yardsticks=yardsticks,
        missing=absent("torch"),
        note="the peers get the mask as bool, not packed, and give no weight",
    )


def torch_peers(
    logits: np.ndarray[Any, Any], allowed: np.ndarray[Any, Any]
) -> dict[str, Callable[[], object]]:
    """Mask, softmax, multinomial; and the keys that rejection sampling by Gumbel draws needs."""
    import torch

    x, mask = torch.from_numpy(logits), torch.from_numpy(allowed)

    def gumbel() -> Any:
        keys = x - torch.log(-torch.log(torch.rand_like(x)))
        order = torch.topk(keys, 256).indices[0]
        return order[mask[0, order]][:1]

    return {
        "torch mask, softmax, multinomial": lambda: torch.multinomial(
            torch.softmax(x.masked_fill(~mask, -torch.inf), -1), 1
        )[0],
        "torch Gumbel keys, topk(256)": gumbel,
    }


def softmax(logits: np.ndarray[Any, Any]) -> Callable[[], object]:
    """Return one softmax of the row."""
    import torch

    x = torch.from_numpy(logits)
    return lambda: torch.softmax(x, -1)


def both_allowed(allowed: np.ndarray[Any, Any], ours: Any, theirs: Any) -> bool:
    """Tell whether both tokens are allowed."""
    return bool(allowed[0, int(ours.token[0])] and allowed[0, int(theirs[0])])


def called(v: int) -> Subject:
    """Step with a Python function as the checker; the mask of the same answers gives the same step."""
    logits, allowed, words = row(v)
    return Subject(
        lambda: constrain.awrs_step(logits, lambda r, t: allowed[r, t], seed=1, estimator="rawrs"),
        {"with the mask": lambda: constrain.awrs_step(logits, words, seed=1, estimator="rawrs")},
        equal={"with the mask": same},
        yardsticks={"torch.softmax": softmax(logits)} if installed("torch") else {},
        missing=absent("torch"),
    )


def masses(v: int) -> Subject:
    """Make the integer distribution, 8 bytes per token; softmax writes 4."""
    logits, _, _ = row(v)

    def reference() -> Any:
        with use_backend("reference"):
            return constrain.masses(logits)

    peers: dict[str, Callable[[], object]] = {"reference": reference}
    equal: dict[str, Any] = {"reference": same}
    if installed("torch"):
        peers["torch.softmax"] = softmax(logits)
        # torch's float32 sum is off by some 1e-5 of the largest probability; ours agrees with float64 to 1e-8.
        equal["torch.softmax"] = lambda a, b: bool(np.abs(a / a.sum() - b.numpy()).max() < 1e-4)
    return Subject(lambda: constrain.masses(logits), peers, equal=equal, missing=absent("torch"))


def draws(v: int) -> Subject:
    """Load a row and draw tokens without replacement."""
    logits, _, _ = row(v)
    sampler = constrain.Sampler(1, v, seed=1)

    def ours() -> Any:
        sampler.load(logits)
        return sampler.draw(DRAWS)[0]

    def load() -> Any:
        return sampler.load(logits)

    peers: dict[str, Callable[[], object]] = {}
    if installed("torch"):
        import torch

        x = torch.from_numpy(logits)
        peers["torch softmax, multinomial"] = lambda: torch.multinomial(torch.softmax(x, -1), DRAWS)
    return Subject(
        ours,
        peers,
        equal=dict.fromkeys(peers, lambda a, b: len(set(a[0].tolist())) == len(set(b[0].tolist())) == DRAWS),
        yardsticks={"the load alone": load},
        missing=absent("torch"),
    )
