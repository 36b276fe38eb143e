# SPDX-License-Identifier: Apache-2.0
"""One constrained step of a batch: the public function of the family."""

from __future__ import annotations

from typing import Any

from .. import _cpu
from .._arrays import is_array
from .._ops import Entry
from .checker import make_checker
from .options import MIN_P, TEMPERATURE, TOP_K, TOP_P, checked_options, checked_shape
from .result import StepResult
from .sampler import Sampler

Entry("constrain.awrs_step", doc="constrain")


def awrs_step(
    logits: Any,
    check: Any,
    *,
    seed: int,
    estimator: str = "auto",
    streams: Any = None,
    steps: Any = 0,
    temperature: float = TEMPERATURE,
    top_k: int = TOP_K,
    top_p: float = TOP_P,
    min_p: float = MIN_P,
    mask: Any = None,
    max_rejects: int | None = None,
    max_accepts: int = 2,
    extra: int = 1,
    eps: float = 0.0,
    mask_after: int | None = None,
    tail: bool = True,
) -> StepResult:
    """Draw one token per row from ``p f / Z`` by asking about few tokens, and return its weight.

    ``p`` is the row's distribution in integer masses, ``f`` what the checker allows, ``Z = sum p f``. Tokens
    are drawn without replacement and only those drawn are checked; the pattern of answers gives a weight W
    with ``E[W 1(token = t)] = p[t] f[t]`` for every t.

    Parameters
    ----------
    logits : float32 | float16 | bfloat16 [b, v] or [v]
        1 <= v <= 524287, unit last stride. [v] counts as b = 1.
    check : callable, sequence of State, or mask
        ``fn(rows: int64[n], tokens: int64[n]) -> bool[n]`` on numpy arrays, called once per round with the
        candidates of all unfinished rows, rows ascending; or one State (None = unconstrained) per row; or
        bool[b, v] or packed int32 | uint32 [b, ceil(v/32)], bit ``i & 31`` of word ``i >> 5``.
    seed : int
        In [0, 2^64).
    estimator : "auto" | "rawrs" | "desraj" | "paper" | "gawrs" | "none" | "exact"
        How the weight is made; "auto" decides from the row and the state's mask cost. "none" gives no weight.
    streams, steps : int64[b] or sequence of int (``steps`` also int)
        Sequence id (default 0 .. b - 1) and position: with the seed they fix the row's random numbers.
    temperature, top_k, top_p, min_p
        As in :class:`Sampler`. At temperature 0 the estimator is "auto" or "none" and num = den = 1.
    mask : as the mask form of ``check``, optional
        A further constraint known beforehand.
    max_rejects : int, optional
        KILLED after so many refusals; the weights stay unbiased. At least 2 (1 for "none").
    max_accepts : int
        Accepts that "gawrs" waits for, at least 2.
    extra, eps : int, float
        "desraj" checks ``extra`` more tokens, fewer once the unseen mass is at most ``eps``.
    mask_after : int, optional
        Switch to the state's mask after so many refusals. Not with "gawrs".
    tail : bool
        Whether tokens below 2^-44 of the best are tried when all others were refused.

    Returns
    -------
    StepResult
        Arrays of length b in the library of ``logits``.

    Raises
    ------
    TypeError, ValueError
        Wrong argument, by name. What ``check`` raises passes through.

    Notes
    -----
    O(v) per row, plus about O(v/4096 + 256) per draw. Equal bits on every backend, thread count and batch
    split.

    References
    ----------
    Lipkin et al., Fast Controlled Generation from Language Models with Adaptive Weighted Rejection Sampling
    (2025).
    """
    op = "constrain.awrs_step"
    shape = checked_shape(op, temperature, top_k, top_p, min_p)
    options = checked_options(
        op, shape.greedy, estimator, max_rejects, max_accepts, extra, eps, mask_after, tail
    )
    batch, vocab = _cpu.constrain_shape(op, logits)
    sampler = Sampler.__new__(Sampler)
    sampler._set(op, batch, vocab, seed, streams, shape)
    if not is_array(check):
        make_checker(op, check, batch, vocab)  # wrong arguments are told before any work
    # With a mask and an exact draw, one pass over the row gives both the total and the allowed mass.
    fused = is_array(check) and mask is None and not shape.greedy and options.estimator in ("auto", "exact")
    if fused:
        sampler._load(logits, steps, check, "check")
    else:
        sampler._load(logits, steps, mask, "mask")
    return sampler._step(op, check, options, loaded=fused)
