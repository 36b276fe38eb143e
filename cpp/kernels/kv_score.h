// SPDX-License-Identifier: Apache-2.0
// Dot products of a group of query heads with listed key rows, in the fixed order that decides ids:
// 16 lanes, lane i of a chunk of 32 elements adds the product of element 2i + 1, then of element 2i; lanes are halved
// (i, i + 8), + 4, + 2, + 1. Product and sum are rounded separately, so every level gives the same bits.
#pragma once

#include <stdint.h>

#include "kernels/table.h"
#include "tokops/dtype.h"

namespace tokops {

struct KvScore {
  // out[h * out_stride + j] = scale * dot(q head h, row j), j < count. Rows hold `width` items of `type` (float32,
  // float16, anything else bfloat16); nothing past them is read. q holds, per head, chunks of 16 odd and then 16
  // even elements, padded with zeros to a multiple of 32, q_stride floats apart.
  void (*dot)(DType type, const void* const* rows, int64_t count, int64_t width, const float* q, int64_t q_stride,
              int64_t heads, float scale, float* out, int64_t out_stride) noexcept;
};

TOKOPS_KERNEL_TABLE(KvScore, kv_score)

}  // namespace tokops
