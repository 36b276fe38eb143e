// SPDX-License-Identifier: Apache-2.0
// Softmax pieces on rows of logits in the fixed order: element i of a block belongs to lane i % 16, lanes are halved
// at the end. exp is tokops/exp32.h: 0 for -inf and NaN. Same bits on every level.
#pragma once

#include <stdint.h>

#include "kernels/table.h"

namespace tokops {

struct BlockStats {
  float maximum;  // -inf when no element is a number
  float sum;      // of exp(x - maximum)
  bool unusable;  // an element is NaN or +inf
};

struct KvSoftmax {
  // Statistics of x[0, count); weights (may be null) gets exp(x - maximum).
  BlockStats (*stats)(const float* x, int64_t count, float* weights) noexcept;
  // votes[j] = sum over heads, in order, of exp(x[h][j] - maximum[h]) * inverse[h].
  void (*votes)(const float* x, int64_t stride, int64_t heads, int64_t count, const float* maximum,
                const float* inverse, float* votes) noexcept;
  // Sum of exp(x - maximum) * inverse over x[0, count).
  float (*mass)(const float* x, int64_t count, float maximum, float inverse) noexcept;
  // x = cap * tanh(x / cap).
  void (*softcap)(float* x, int64_t count, float cap) noexcept;
};

TOKOPS_KERNEL_TABLE(KvSoftmax, kv_softmax)

}  // namespace tokops
