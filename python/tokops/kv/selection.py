# SPDX-License-Identifier: Apache-2.0
"""The result of a selection: ids, how many, and what share of the attention they hold."""

from dataclasses import dataclass
from typing import Any

# Float32 rounding of logits, exponentials and sums moves 1 - mass by less than this at widths up to 1024.
ROUNDING = 2.0**-18


@dataclass(frozen=True, eq=False)
class Selection:
    """Token ids chosen for one query per batch row, with the mass they retain.

    Attributes
    ----------
    indices : int32 [B, g, m]
        Absolute token ids of list g, ascending, padded with -1. g is 1, Hkv or Hq; list r serves the query
        heads h with ``h * g // Hq == r``. m = min(n, n_sink + k + n_local).
    counts : int32 [B, g]
        Valid ids per list.
    mass : float32 [B, Hq]
        Share of the head's softmax over all valid tokens that falls on its list.
    lse : float32 [B, Hq]
        Log of the sum of exponentials of the scaled logits over all valid tokens; -inf when there are none.
    kth : float32 [B, g]
        The vote of the last chosen candidate; -inf when every candidate was taken or k is 0.
    vote_slack : float32 [B]
        How far a wrongly ranked vote can be from ``kth``; 0 because every vote is exact.
    status : int32 [B]
        0, or 1 when a token with a NaN or +inf logit was left out of the row.
    """

    indices: Any
    counts: Any
    mass: Any
    lse: Any
    kth: Any
    vote_slack: Any
    status: Any

    def error_bound(self, max_value_norm: float) -> Any:
        """Bound the change of the attention output caused by reading only the list.

        ``|o - o_S| <= 2 * (1 - mass) * max_j |V_j|`` in any norm; 2**-17 of the norm is added for rounding.

        Parameters
        ----------
        max_value_norm : float
            The largest norm of a value row of the head, in the norm of interest.

        Returns
        -------
        float32 [B, Hq], in the library of ``mass``.
        """
        return ((1.0 - self.mass).clip(0.0, 1.0) + ROUNDING) * (2.0 * max_value_norm)
