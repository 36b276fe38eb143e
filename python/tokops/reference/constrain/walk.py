# SPDX-License-Identifier: Apache-2.0
"""One row's walk: tokens drawn without replacement in proportion to their integer masses.

A draw takes a 64-bit word z, u = high half of z * R, and picks the first open token in id order whose running
mass sum exceeds u. R, the mass of what is open, is an exact integer throughout. Error of a token's
probability against mass / R: at most 2^-64 absolute.
When nothing with mass is left the walk can go on in the next tier: masses relative to the best open token.
"""

from __future__ import annotations

import numpy as np

from ..rng import mul_high, uint64
from .masses import relative_masses

WALK, PHANTOM, EXACT, RESAMPLE = range(4)  # purposes of random words


def word(seed: int, stream: int, step: int, purpose: int, j: int) -> int:
    """Return the j-th 64-bit word of a purpose at one step of one sequence."""
    return uint64(seed, stream, step << 32 | purpose << 28 | j)


class Walk:
    """What is still open in a row, its masses in the present tier, and the words used so far."""

    def __init__(
        self,
        scaled: np.ndarray,
        kept: np.ndarray,
        allowed: np.ndarray,
        key: tuple[int, int, int],
        greedy: bool,
    ) -> None:
        self.scaled, self.key, self.greedy = scaled, key, greedy
        self.top = scaled.max()
        self.masses = relative_masses(scaled, self.top)
        self.total = int(self.masses[kept].sum())
        self.open = kept & allowed
        self.tier = 0
        self.log_scale = 0.0
        self.used = [0, 0, 0, 0]

    @property
    def remaining(self) -> int:
        """Mass of the open tokens."""
        return int(self.masses[self.open].sum())

    def word(self, purpose: int) -> int:
        """Return the next word of a purpose."""
        j = self.used[purpose]
        self.used[purpose] += 1
        return word(*self.key, purpose, j)

    def pick(self, purpose: int) -> int:
        """Return an open token with probability mass / remaining; it stays open."""
        if self.greedy:
            return int(np.argmax(np.where(self.open, self.scaled, -np.inf)))
        u = mul_high(self.word(purpose), self.remaining)
        running = np.cumsum(np.where(self.open, self.masses, 0))
        return int(np.searchsorted(running, u, side="right"))

    def draw(self) -> tuple[int, int]:
        """Pick a token and close it; return it with its mass."""
        token = self.pick(WALK)
        self.open[token] = False
        return token, self.mass(token)

    def mass(self, token: int) -> int:
        """Return the mass of a token in the present tier."""
        return int(self.masses[token])

    def next_tier(self) -> bool:
        """Measure the open tokens against the best of them; False when nothing is open."""
        if not self.open.any():
            return False
        top = self.scaled[self.open].max()
        self.masses = relative_masses(np.where(self.open, self.scaled, np.float32(-np.inf)), top)
        self.tier += 1
        self.log_scale = float(top) - float(self.top)
        return True
