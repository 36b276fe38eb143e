// SPDX-License-Identifier: Apache-2.0
// The max-min greedy in its plain form: every distance canonical, one row of distances per pick.
// O(k n d) time after the first pick; 17 bytes per row and 8 d bytes of scratch per thread.
#pragma once

#include <span>

#include "prune/segment.h"
#include "tokops/scratch.h"

namespace tokops::prune {

// Writes at most segment.k picks in order of choice; returns how many.
int64_t select_eager(const Segment& segment, Scratch& scratch, std::span<Pick> picks);

// The first pick of a segment without kept rows, by segment.first.
Pick first_pick(const Segment& segment, Scratch& scratch);

// out[i - begin] = canonical distance of the given row (with its square) to row i of the segment.
// `wide` holds d doubles.
void canonical_distances(const Segment& segment, const void* row, double square, int64_t begin, int64_t end,
                         double* wide, double* out);

}  // namespace tokops::prune
