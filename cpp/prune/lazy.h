// SPDX-License-Identifier: Apache-2.0
// The max-min greedy with lazy, screened distances. The score of a row only falls, so a row whose bound from earlier
// picks is below the best one need not see later picks. Picks and gaps are canonical: those of select_eager.
// Evaluates a fraction of the k n dots on redundant rows; 64 bytes of scratch per row.
#pragma once

#include <span>

#include "prune/screen.h"
#include "prune/segment.h"
#include "tokops/scratch.h"

namespace tokops::prune {

// Writes at most segment.k picks in order of choice; returns how many. screen.usable() must hold.
int64_t select_lazy(const Segment& segment, Screen& screen, Scratch& scratch, std::span<Pick> picks);

// The row whose nearest other row is farthest away, at least two rows. Leaves the screen's state undefined.
Pick isolated_row(Screen& screen, Scratch& scratch);

}  // namespace tokops::prune
