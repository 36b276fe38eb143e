// SPDX-License-Identifier: Apache-2.0
// Rows divided by their length as a 16-bit computation does it (precision="input"): the length and each quotient
// are rounded once, directly from float64. A zero row stays zero. One copy of the rows in their own type.
#pragma once

#include "prune/segment.h"
#include "tokops/scratch.h"

namespace tokops::prune {

// Contiguous rows of the same type with the same squares.
Rows unit_rows(const Rows& rows, DType type, int64_t d, Scratch& scratch);

}  // namespace tokops::prune
