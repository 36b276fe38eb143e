# SPDX-License-Identifier: Apache-2.0
"""What one constrained step returns, row by row."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

OK, NO_VALID, KILLED, BAD_LOGITS = 0, 1, 2, 3


class StepResult(NamedTuple):
    """One drawn token per row with its weight; arrays of length b in the library of the logits.

    Attributes
    ----------
    token : int64
        -1 unless ``status`` is OK.
    logw : float64
        ``log(num) - log(den) - log(div) + log_scale``; -inf when ``num`` is 0; never NaN.
    status : int8
        OK, NO_VALID (nothing that the model supports is valid), KILLED (``max_rejects`` refusals), BAD_LOGITS
        (NaN or +inf in the row).
    checks : int32
        Distinct tokens that the row asked the checker about.
    num, den, div : int64
        The weight as the exact ratio ``num / (den * div)``.
    log_scale : float64
        0.0 except after a tail tier.
    lo, hi : int64
        Certified: ``lo <= Z * T <= hi`` in units of ``exp(log_scale)``, where T is the row's total mass
        (``den``, except for "gawrs" and "none", whose ``den`` is a count).
        0, 0 when nothing is known to be valid and nothing is left.
    """

    token: Any
    logw: Any
    status: Any
    checks: Any
    num: Any
    den: Any
    div: Any
    log_scale: Any
    lo: Any
    hi: Any


FIELD_DTYPES = [np.dtype(letter) for letter in ("i8", "f8", "i1", "i4", "i8", "i8", "i8", "f8", "i8", "i8")]
