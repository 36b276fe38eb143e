// SPDX-License-Identifier: Apache-2.0
// Fast float32 dots of a block of rows against a block of rows: the screen in front of the canonical distances.
// Rounding is free here, its size is not: the result differs from the exact dot of a and b by at most
// depth(d) * 2^-24 * |a| |b| for rows whose lengths lie in [2^-40, 2^40] (products neither overflow nor vanish).
#pragma once

#include <stdint.h>

#include "kernels/table.h"
#include "tokops/dtype.h"

namespace tokops {

struct PruneDot {
  // out[i * b_count + j] = a[i] . b[j]; a_count, b_count <= 4
  void (*tile)(DType type, const void* const* a, int64_t a_count, const void* const* b, int64_t b_count, int64_t d,
               float* out);
  // Roundings on the longest path of one dot.
  int64_t (*depth)(DType type, int64_t d);
};

TOKOPS_KERNEL_TABLE(PruneDot, prune_dot)

}  // namespace tokops
