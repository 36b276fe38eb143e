# SPDX-License-Identifier: Apache-2.0
"""Parity inputs of the constrain family: sizes around chunks and lanes, hostile logits, all estimators."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.cases import Case, bf16

SIZES = [*range(1, 18), 31, 32, 33, 63, 64, 65, 255, 256, 257, 4095, 4096, 4097]
STEPS = {
    "rawrs": {"estimator": "rawrs"},
    "rawrs-3": {"estimator": "rawrs", "max_rejects": 3},
    "desraj": {"estimator": "desraj", "extra": 3, "eps": 0.0625},
    "desraj-4": {"estimator": "desraj", "extra": 2, "max_rejects": 4},
    "paper": {"estimator": "paper"},
    "gawrs": {"estimator": "gawrs", "max_accepts": 3},
    "gawrs-5": {"estimator": "gawrs", "max_rejects": 5},
    "none": {"estimator": "none"},
    "none-1": {"estimator": "none", "max_rejects": 1},
    "exact": {"estimator": "exact"},
    "auto": {},
    "top-k": {"top_k": 7, "temperature": 0.7},
    "top-p": {"top_p": 0.8, "estimator": "rawrs"},
    "min-p": {"min_p": 0.01, "temperature": 1.3, "estimator": "desraj"},
    "all-three": {"top_k": 20, "top_p": 0.9, "min_p": 0.001, "estimator": "none"},
    "greedy": {"temperature": 0.0},
    "greedy-2": {"temperature": 0, "estimator": "none", "max_rejects": 2, "top_k": 5},
    "no-tail": {"estimator": "rawrs", "tail": False},
}


def cases() -> Iterator[Case]:
    yield from masses_cases()
    yield from step_cases()
    yield from order_cases()
    yield from error_cases()


def hostile(v: int) -> np.ndarray:
    """Rows of one width that differ in kind."""
    rng = np.random.default_rng(v)
    wide = rng.normal(size=v) * 30
    flat = np.zeros(v)
    holes = np.where(rng.random(v) < 0.7, -np.inf, rng.normal(size=v))
    lowest = np.where(rng.random(v) < 0.5, np.finfo(np.float32).min, rng.normal(size=v) * 5)
    ties = rng.integers(-3, 3, v) / 2
    signed_zero = np.where(rng.random(v) < 0.5, -0.0, 0.0)
    tiny = np.where(np.arange(v) == v // 2, 0.0, -90.0 - np.arange(v) % 3)
    nan, infinite, empty = flat.copy(), flat.copy(), np.full(v, -np.inf)
    nan[v // 2], infinite[v - 1] = np.nan, np.inf
    denormal = rng.normal(size=v) * 1e-40
    rows = [wide, flat, holes, lowest, ties, signed_zero, tiny, nan, infinite, empty, denormal, wide - 1e5]
    with np.errstate(over="ignore"):
        return np.array(rows, np.float32)


def masses_cases() -> Iterator[Case]:
    for v in SIZES:
        yield Case("constrain.masses", f"hostile-{v}", (hostile(v),))
    logits = np.random.default_rng(0).normal(size=(3, 777)).astype(np.float32) * 6
    for temperature in (0.01, 0.7, 1.7, 1e-6, 1e6):
        yield Case("constrain.masses", f"temperature-{temperature}", (logits, temperature))
    with np.errstate(over="ignore"):
        half = hostile(300).astype(np.float16)
        low = np.where(np.arange(300) % 2, np.float16(-65504), np.float16(-65472))
        brain = bf16(hostile(300))
    for name, array in (("float16", half), ("float16-lowest", low), ("bfloat16", brain)):
        for temperature in (1.0, 2.0, 1e6):
            yield Case("constrain.masses", f"{name}-{temperature}", (array, temperature))
    yield Case("constrain.masses", "no-rows", (logits[:0],))
    yield Case("constrain.masses", "one-axis", (logits[1],))
    yield Case("constrain.masses", "strided-rows", (logits[::2, 5:700],))


def packed(allowed: np.ndarray) -> np.ndarray:
    """Packed words of bool[b, v]; bits past v are set, they must not count."""
    padded = np.ones((len(allowed), -(-allowed.shape[1] // 32) * 32), bool)
    padded[:, : allowed.shape[1]] = allowed
    return np.packbits(padded, axis=1, bitorder="little").view(np.uint32)


def step_cases() -> Iterator[Case]:
    for v in (1, 5, 33, 300):
        logits = hostile(v)
        allowed = np.random.default_rng(v + 1).random(logits.shape) < (0.5 if v < 33 else 0.1)
        as_torch_or_numpy = allowed.copy()

        def check(
            rows: np.ndarray, tokens: np.ndarray, allowed: np.ndarray = as_torch_or_numpy
        ) -> np.ndarray:
            return allowed[rows, tokens]

        for name, options in STEPS.items():
            base = {"seed": 5, "steps": 3, **options}
            yield Case("constrain.awrs_step", f"{name}-{v}-callable", (logits, check), base)
            if v == 300:
                yield Case("constrain.awrs_step", f"{name}-{v}-packed", (logits, packed(allowed)), base)
        prior = np.random.default_rng(v + 2).random(logits.shape) < 0.6
        for name in ("rawrs", "desraj", "gawrs-5", "exact", "top-p", "greedy"):
            options = {
                "seed": 1 << 63,
                "streams": np.arange(len(logits)) * 10**15,
                "mask": prior,
                **STEPS[name],
            }
            yield Case("constrain.awrs_step", f"{name}-{v}-prior", (logits, allowed), options)
            options = {**options, "mask": packed(prior).view(np.int32), "steps": np.arange(len(logits))}
            yield Case("constrain.awrs_step", f"{name}-{v}-packed-prior", (logits, check), options)
    chain = np.array([[0.0, -100.0, -300.0, -900.0]], np.float32)
    last = np.array([[False, False, False, True]])
    for name in ("rawrs", "gawrs", "exact", "none", "auto", "greedy", "no-tail"):
        yield Case("constrain.awrs_step", f"three-tiers-{name}", (chain, last), {"seed": 0, **STEPS[name]})
    wide = np.random.default_rng(9).normal(size=(5, 9000)).astype(np.float32) * 3
    allowed = np.random.default_rng(10).random(wide.shape) < 0.02
    for dtype in (np.float32, np.float16):
        for name in ("rawrs", "gawrs", "exact", "top-p"):
            options = {"seed": 77, **STEPS[name]}
            yield Case(
                "constrain.awrs_step",
                f"wide-{np.dtype(dtype)}-{name}",
                (wide.astype(dtype), allowed),
                options,
            )
    yield Case("constrain.awrs_step", "bfloat16", (bf16(wide), allowed), {"seed": 77})
    yield Case("constrain.awrs_step", "no-rows", (wide[:0], allowed[:0]), {"seed": 77})
    yield Case("constrain.awrs_step", "strided", (wide[::2, 3:99], allowed[::2, 3:99]), {"seed": 77})
    yield Case("constrain.awrs_step", "one-axis", (wide[0], allowed[0]), {"seed": 77, "estimator": "rawrs"})


def error_cases() -> Iterator[Case]:
    logits = np.zeros((2, 40), np.float32)
    allowed = np.ones((2, 40), bool)
    wrong = {
        "float64": ((logits.astype(np.float64), allowed), {}, TypeError),
        "integers": ((logits.astype(np.int32), allowed), {}, TypeError),
        "no-tokens": ((logits[:, :0], allowed[:, :0]), {}, ValueError),
        "three-axes": ((logits[None], allowed), {}, ValueError),
        "too-wide": ((np.zeros((1, 1 << 19), np.float16), np.ones((1, 1 << 19), bool)), {}, ValueError),
        "mask-width": ((logits, allowed[:, :39]), {}, ValueError),
        "mask-rows": ((logits, allowed[:1]), {"estimator": "rawrs"}, ValueError),
        "mask-dtype": ((logits, allowed.astype(np.int64)), {"estimator": "rawrs"}, TypeError),
        "streams-length": ((logits, allowed), {"streams": [1, 2, 3]}, ValueError),
        "streams-type": ((logits, allowed), {"streams": [1.0, 2.0]}, TypeError),
        "steps-range": ((logits, allowed), {"steps": 1 << 32}, ValueError),
        "check-type": ((logits, 3), {}, TypeError),
        "states-length": ((logits, [None]), {}, ValueError),
        "not-states": ((logits, [1, 2]), {}, TypeError),
        "estimator": ((logits, allowed), {"estimator": "awrs"}, ValueError),
        "greedy-estimator": ((logits, allowed), {"temperature": 0, "estimator": "rawrs"}, ValueError),
        "paper-limit": ((logits, allowed), {"estimator": "paper", "max_rejects": 4}, ValueError),
        "gawrs-mask-after": ((logits, allowed), {"estimator": "gawrs", "mask_after": 4}, ValueError),
    }
    for name, value in {
        "temperature": (-1.0, 1e-7, 1e7, float("nan")),
        "top_k": (-1,),
        "top_p": (0.0, 1.5, float("nan")),
        "min_p": (-0.1, 1.1),
        "max_rejects": (1, 0),
        "max_accepts": (1,),
        "extra": (0,),
        "eps": (-0.1, 1.0),
        "mask_after": (0,),
        "seed": (-1, 1 << 64),
    }.items():
        for i, bad in enumerate(value):
            wrong[f"{name}-{i}"] = ((logits, allowed), {name: bad}, ValueError)
    for name, (args, kwargs, error) in wrong.items():
        yield Case("constrain.awrs_step", f"refuses-{name}", args, {"seed": 1, **kwargs}, error=error)
    yield Case("constrain.awrs_step", "refuses-no-seed", (logits, allowed), {}, error=TypeError)
    yield Case("constrain.masses", "refuses-float64", (logits.astype(np.float64),), error=TypeError)
    yield Case("constrain.masses", "refuses-columns", (logits.T,), error=ValueError)
    yield Case("constrain.masses", "refuses-greedy", (logits, 0.0), error=ValueError)


def order_cases() -> Iterator[Case]:
    rng = np.random.default_rng(12)
    for n in (0, 1, 2, 9, 40):
        for share in (0.0, 0.2, 0.7):
            masses, accepted = rng.random(n), rng.random(n) < share
            for name in ("rawrs", "rawrs-3", "desraj", "desraj-4", "none", "none-1"):
                yield Case("constrain.order_weight", f"{name}-{n}-{share}", (masses, accepted), STEPS[name])
            yield Case("constrain.order_weight", f"total-{n}-{share}", (masses, accepted), {"total": 50.0})
