# SPDX-License-Identifier: Apache-2.0
"""Ancestors: mean copies, what each method promises, and wrong weights."""

from __future__ import annotations

import numpy as np
import pytest

from tokops.constrain import order_weight, resample
from tokops.reference.constrain.walk import RESAMPLE, word

METHODS = ["multinomial", "stratified", "systematic", "residual"]
WEIGHTS = np.array([0.1, 0.0, 2.0, 0.7, 0.2, 0.0])


@pytest.mark.parametrize("method", METHODS)
def test_mean_copies_are_proportional(method: str) -> None:
    n, repeats = 10, 3000
    copies = np.zeros((repeats, 6))
    for step in range(repeats):
        copies[step] = np.bincount(resample(WEIGHTS, n, method=method, seed=5, step=step), minlength=6)
    expected = n * WEIGHTS / WEIGHTS.sum()
    spread = copies.std(0) / np.sqrt(repeats)
    assert (np.abs(copies.mean(0) - expected) <= 4.8 * spread + 1e-12).all()
    assert (copies.sum(1) == n).all()
    assert (copies[:, [1, 5]] == 0).all()
    if method in ("systematic", "residual"):
        assert (copies >= np.floor(expected)).all()
    if method == "systematic":
        assert (copies <= np.ceil(expected)).all()


def test_multinomial_uses_the_stated_words() -> None:
    c = np.cumsum(WEIGHTS / WEIGHTS.sum())
    u = [(word(5, 1 << 63, 9, RESAMPLE, j) >> 11) * 2.0**-53 for j in range(20)]
    wanted = [int(np.argmax(c > x)) for x in u]
    assert resample(WEIGHTS, 20, seed=5, step=9).tolist() == wanted


def test_extremes() -> None:
    for method in METHODS:
        assert resample([1e308, 1e308], 4, method=method, seed=0).shape == (4,)
        assert resample([3.0], 5, method=method, seed=0).tolist() == [0] * 5
        assert resample([1.0], 0, method=method, seed=0).tolist() == []


@pytest.mark.parametrize("weights", [[0.0, 0.0], [-1.0, 2.0], [np.nan, 1.0], [np.inf], []])
def test_wrong_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises((ValueError, TypeError), match="'weights'"):
        resample(weights, 3, seed=0)


def test_other_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="'method'"):
        resample([1.0], 1, method="best", seed=0)
    with pytest.raises(TypeError, match="'weights'"):
        resample([[1.0]], 1, seed=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"masses": [1, 2]}, "'masses'"),
        ({"masses": [1.0, np.nan]}, "'masses'"),
        ({"masses": [1.0, -1.0]}, "'masses'"),
        ({"accepted": [True]}, "'accepted'"),
        ({"accepted": [1, 0]}, "'accepted'"),
        ({"estimator": "gawrs"}, "'estimator'"),
        ({"max_rejects": 1}, "'max_rejects'"),
    ],
)
def test_order_weight_refuses_by_name(arguments: dict, message: str) -> None:
    call = {"masses": [0.5, 0.5], "accepted": [True, False], **arguments}
    with pytest.raises((TypeError, ValueError), match=f"constrain.order_weight: argument {message}"):
        order_weight(call.pop("masses"), call.pop("accepted"), **call)
