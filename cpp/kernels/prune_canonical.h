// SPDX-License-Identifier: Apache-2.0
// The canonical dot product g of the prune family: float64 products of exactly widened elements, column c added to
// lane c mod 16 in ascending order, then the halving tree of vec.h. A product of two float32 is exact in float64, so
// every level gives the same bits. The shape of these sums is part of the public contract: never change it.
#pragma once

#include <stdint.h>

#include "kernels/table.h"
#include "tokops/dtype.h"

namespace tokops {

struct PruneCanonical {
  // out[c] = row[c] for c < d
  void (*widen)(DType type, const void* row, int64_t d, double* out);
  // out[i] = g(rows[i], other) for i < count
  void (*dots)(DType type, const void* const* rows, int64_t count, const double* other, int64_t d, double* out);
  // g(row, row)
  double (*square)(DType type, const void* row, int64_t d);
  // Rounds row[c] / length to bfloat16 from column `from` on, 16 at a time; stops at the first 16 columns of which one
  // needs care (subnormal, or a float32 quotient half way between two results) and returns where; d when done.
  int64_t (*unit_bf16)(const void* row, int64_t from, int64_t d, float length, void* out);
};

TOKOPS_KERNEL_TABLE(PruneCanonical, prune_canonical)

}  // namespace tokops
