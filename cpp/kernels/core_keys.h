// SPDX-License-Identifier: Apache-2.0
// Leaf loops of top-k: order keys of a run of values, and the pairs (key, id) that reach a threshold.
// `type` is float32, float16, bfloat16, int32 (32-bit keys) or float64 (64-bit keys); reverse as in order_key.h.
// Integers only: every level gives the same pairs, in ascending id order.
#pragma once

#include <stdint.h>

#include "kernels/table.h"
#include "tokops/dtype.h"

namespace tokops {

struct CoreKeys {
  // Writes the pairs with key >= threshold of x[0, n) with ids first, first + 1, ...; returns how many.
  // keys and ids must have room for n + 16 entries: whole vectors are stored and then overwritten.
  int64_t (*pairs32)(const void* x, DType type, int64_t n, int32_t first, uint32_t reverse, uint32_t threshold,
                     uint32_t* keys, int32_t* ids) noexcept;
  int64_t (*pairs64)(const double* x, int64_t n, int32_t first, uint64_t reverse, uint64_t threshold, uint64_t* keys,
                     int32_t* ids) noexcept;
};

TOKOPS_KERNEL_TABLE(CoreKeys, core_keys)

}  // namespace tokops
