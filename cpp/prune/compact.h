// SPDX-License-Identifier: Apache-2.0
// Gather of kept positions: dense rows to a fixed width with padding, and ragged rows end to end.
// Elements are copied as bytes, neighbouring kept positions by one memcpy. Rows run in parallel; O(bytes written).
// A failed call leaves the outputs as they were.
#pragma once

#include <cstdint>

#include "tokops/span.h"
#include "tokops/status.h"

namespace tokops::prune {

enum CompactCode : int {
  kCompactBadPosition = 1,  // row, column, value: out of range, or a position behind -1
  kCompactTooNarrow,        // row, value = places needed
  kCompactBadOffsets,       // row = sequence
  kCompactNotGrouped,       // row = position, value
};

// x [b, s, inner] with unit last stride; keep bool [b, s] or int64 [b, k] with a tail of -1; pad: one element;
// out [b, width, inner], mask [b, width], index int64 [b, width] (-1 behind), lengths int64 [b].
// A row that keeps nothing keeps position 0 when min_keep is 1 (and s > 0).
Status compact(const TensorView& x, const TensorView& keep, const TensorView& pad, int64_t min_keep,
               const TensorView& out, const TensorView& mask, const TensorView& index, const TensorView& lengths);

// x [n, inner]; offsets int32 or int64 [sequences + 1]; keep bool [n] or int64 [m] grouped by sequence;
// out [m, inner], out_offsets like offsets, index int64 [m].
Status compact_ragged(const TensorView& x, const TensorView& offsets, const TensorView& keep, const TensorView& out,
                      const TensorView& out_offsets, const TensorView& index);

}  // namespace tokops::prune
