# SPDX-License-Identifier: Apache-2.0
"""The price of one call: reading three tensors, and a tiny operator beside numpy's and torch's own addition."""

from __future__ import annotations

import numpy as np

from ... import _cpu, kv, use_backend
from ..case import Call, Row, Subject, absent, installed


def rows() -> list[Row]:
    """List the rows."""
    return [
        Row("core.call/3-tensors/torch", op="core.call", make=call_torch),
        Row("core.call/3-arrays/numpy", op="core.call", make=call_numpy),
        Row("kv.topk/8/numpy", op="kv.topk", make=tiny_numpy),
        Row("kv.topk/8/torch", op="kv.topk", make=tiny_torch),
    ]


def call_numpy() -> Subject:
    """Time the reader on three numpy arrays."""
    a, b, out = (np.zeros((4, 4), np.float32) for _ in range(3))
    return Subject(
        lambda: _cpu._test_touch(a, b, out),
        {"bare native call": lambda: _cpu._test_nothing(a, b, out)},
        note="reading three arrays costs the difference of the two times",
    )


def call_torch() -> Subject:
    """Time the reader on three torch tensors."""
    if not installed("torch"):
        return Subject(lambda: None, missing=absent("torch"))
    import torch

    a, b, out = (torch.zeros(4, 4) for _ in range(3))
    return Subject(
        lambda: _cpu._test_touch(a, b, out),
        {"bare native call": lambda: _cpu._test_nothing(a, b, out)},
        yardsticks={"torch.add": lambda: torch.add(a, b, out=out)},
        note="reading three tensors costs the difference to the bare native call; the budget is 400 ns",
    )


def tiny_numpy() -> Subject:
    """Time a public operator on eight numbers against ``np.add`` on them."""
    x = np.arange(8, dtype=np.float32)
    return Subject(
        lambda: kv.topk(x, 3), {"reference": reference(x)}, yardsticks={"np.add": lambda: np.add(x, x)}
    )


def tiny_torch() -> Subject:
    """Time a public operator on eight numbers against ``torch.add`` on them."""
    if not installed("torch"):
        return Subject(lambda: None, missing=absent("torch"))
    import torch

    x = torch.arange(8, dtype=torch.float32)
    return Subject(
        lambda: kv.topk(x, 3), {"reference": reference(x)}, yardsticks={"torch.add": lambda: torch.add(x, x)}
    )


def reference(x: object) -> Call:
    """Make the same call on the reference backend."""

    def call() -> object:
        with use_backend("reference"):
            return kv.topk(x, 3)

    return call
