# SPDX-License-Identifier: Apache-2.0
"""The integer distribution that every draw and weight of the family is exact for."""

from __future__ import annotations

from typing import Any

from .._ops import FLOATS, INT64, Arg, Op
from .._scalars import real
from .options import inverse_temperature

MASSES = Op(
    "constrain_masses",
    schema="(Tensor logits, float inverse) -> Tensor",
    args={"logits": Arg(FLOATS, "b? v", strides="rows")},
    returns={"masses": Arg(INT64, "b? v")},
    public="constrain.masses",
    reference="constrain.masses:masses_op",
    doc="constrain",
)


def masses(logits: Any, temperature: float = 1.0) -> Any:
    """Return the integer mass of every token.

    With ``t = logits * float32(1/temperature)`` and ``m = max(t)``, a token has mass ``trunc(exp32(t - m) * 2^44)``,
    0 when ``t - m <= -31``; ``p = mass / sum of masses`` by definition.

    Parameters
    ----------
    logits : float32 | float16 | bfloat16 [b, v] or [v]
        1 <= v <= 524287, unit last stride. Logits of -1e30 and below (float16: the lowest finite value) mean -inf.
    temperature : float
        In [1e-6, 1e6].

    Returns
    -------
    int64 [b, v] or [v]
        In the library and on the device of ``logits``. A row with NaN or +inf, or without a finite logit, is 0.

    Raises
    ------
    TypeError, ValueError
        Wrong dtype or rank; v out of range; temperature out of range.

    Notes
    -----
    O(b v) time, no scratch. Same bits on every backend, instruction set and thread count.
    """
    real("constrain.masses", "temperature", temperature, 1e-6, 1e6)
    return MASSES(logits, inverse_temperature("constrain.masses", temperature))
