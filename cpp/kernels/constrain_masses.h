// SPDX-License-Identifier: Apache-2.0
// Integer masses of logits: chunk maxima, chunk sums, masses of one chunk.
// t = logit * inverse (one rounding), -inf outside the support; mass = trunc(exp32(t - top) * 2^44), int64.
// A chunk is 256 consecutive tokens. Sums are integers, so lanes, levels and order cannot change them.
// `open` is a bitmap (bit i & 31 of word i >> 5) or null; only its tokens count. Nothing reads past n elements.
#pragma once

#include <stdint.h>

#include "kernels/table.h"
#include "tokops/dtype.h"

namespace tokops {

constexpr int64_t kMassChunk = 256;

// One row of logits: float32, float16 or bfloat16, unit stride.
struct LogitRow {
  const void* data;
  int64_t n;
  DType dtype;
  float inverse;
};

struct ConstrainMasses {
  // maxima[c] = largest t of chunk c (-inf when its support is empty). False: NaN or +inf somewhere in the row.
  bool (*chunk_maxima)(const LogitRow& row, float* maxima) noexcept;
  // sums[c] = mass of chunk c, of its open tokens only when `open` is given; returns the mass of the whole row.
  // maxima bound the chunks from above: those at most top - 31 are skipped. No open token may exceed top.
  int64_t (*chunk_sums)(const LogitRow& row, float top, const float* maxima, const uint32_t* open,
                        int64_t* sums) noexcept;
  // masses[i] of tokens begin .. begin + count - 1; a token above top gets the mass 2^44.
  void (*masses)(const LogitRow& row, float top, int64_t begin, int64_t count, int64_t* masses) noexcept;
  // The first open token of largest t and its t; -1 and -inf when nothing open is in the support.
  int64_t (*open_argmax)(const LogitRow& row, const uint32_t* open, float* best) noexcept;
  // The t of one token.
  float (*scaled)(const LogitRow& row, int64_t token) noexcept;
};

TOKOPS_KERNEL_TABLE(ConstrainMasses, constrain_masses)

}  // namespace tokops
