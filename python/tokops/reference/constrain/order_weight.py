# SPDX-License-Identifier: Apache-2.0
"""rawrs, desraj and none for a given visiting order, on float64 masses; the integer step is in step.py."""

from __future__ import annotations

import numpy as np

from .step import KILLED, NO_VALID, OK


def order_weight(
    masses: np.ndarray,
    accepted: np.ndarray,
    total: float,
    unweighted: bool,
    extra: int,
    eps: float,
    max_rejects: int,
) -> tuple[int, float, int, int]:
    """Return (position, weight, checks, status); ``total`` below 0 and ``max_rejects`` below 0 mean None."""
    whole = 0.0
    for mass in masses:
        whole += float(mass)
    whole = whole if total < 0 else total
    remaining = whole
    for position in range(len(masses)):
        before = remaining
        remaining = max(remaining - float(masses[position]), 0.0)
        if accepted[position]:
            break
        if position + 1 == max_rejects:
            return -1, 0.0, position + 1, KILLED
    else:
        return -1, 0.0, len(masses), NO_VALID
    checks = position + 1
    if unweighted:
        return position, 1.0, checks, OK
    if position == max_rejects - 1:  # the last permitted attempt
        return position, before / whole, checks, OK
    seen = float(masses[position])
    estimate = seen
    for other in range(position + 1, len(masses)):
        final = checks - position == extra or remaining <= eps * whole or other + 1 == len(masses)
        estimate = seen + (remaining if accepted[other] else 0.0)
        seen += float(masses[other]) if accepted[other] else 0.0
        remaining = max(remaining - float(masses[other]), 0.0)
        checks += 1
        if final:
            break
    return position, estimate / whole, checks, OK
