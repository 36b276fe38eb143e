// SPDX-License-Identifier: Apache-2.0
// Weighted sum of listed value rows for a group of heads: one float32 accumulator per head and column, rows in list
// order, product and sum rounded separately: same bits on every level.
#pragma once

#include <stdint.h>

#include "kernels/table.h"
#include "tokops/dtype.h"

namespace tokops {

struct KvAttend {
  // out[h * width + d] = sum over j < count of weights[h * weight_stride + j] * rows[j][d].
  void (*accumulate)(DType type, const void* const* rows, int64_t count, int64_t width, const float* weights,
                     int64_t weight_stride, int64_t heads, float* out) noexcept;
};

TOKOPS_KERNEL_TABLE(KvAttend, kv_attend)

}  // namespace tokops
