// SPDX-License-Identifier: Apache-2.0
// Top-k of one row: exact, ties to the lowest index, ids ascending or best first.
// A sample guesses a threshold; one pass keeps the pairs (key, id) that reach it; a radix search over their keys finds
// the k-th key. A guess that keeps too few or too many is replaced by one that keeps all: no buffer bounds the result.
// O(n) time; scratch 32 n bytes at worst (float64; 20 n for narrower types), about 32 k bytes typically. Integers only,
// so every level and thread count gives the same ids. A row of 2^18 values and more is split over threads in fixed
// blocks.
#pragma once

#include <cstdint>

#include "tokops/dtype.h"
#include "tokops/scratch.h"

namespace tokops {

struct TopkOptions {
  bool largest = true;
  bool by_value = false;  // best first instead of ascending ids
};

struct TopkResult {
  int64_t count = 0;     // min(k, values that are not NaN)
  uint64_t kth_key = 0;  // order key of the last chosen value; 0 when count is 0
};

// Writes `count` ids, the position in x plus `first`. x has n < 2^31 values of float32, float16, bfloat16, uint16
// (bfloat16 bits), int32 or float64.
TopkResult row_topk(const void* x, DType type, int64_t n, int32_t first, int64_t k, TopkOptions options, int32_t* ids,
                    Scratch& scratch);

}  // namespace tokops
