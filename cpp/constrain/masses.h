// SPDX-License-Identifier: Apache-2.0
// The integer masses of every row of a batch of logits. A row that is bad or empty is all 0.
// Time O(b v), rows in parallel; 8 KiB of stack per thread, no allocation.
#pragma once

#include "kernels/constrain_masses.h"
#include "tokops/span.h"

namespace tokops::constrain {

constexpr int64_t kMaxVocab = (int64_t{1} << 19) - 1;  // every sum of masses fits int64
constexpr int64_t kMaxChunks = (kMaxVocab + kMassChunk - 1) / kMassChunk;

// Row `row` of logits [b, v] with unit last stride.
[[nodiscard]] LogitRow logit_row(const TensorView& logits, int64_t row, float inverse) noexcept;

// Rows that one thread should take so that a block is worth its wake-up.
[[nodiscard]] int64_t row_grain(int64_t vocab) noexcept;

// The largest entry of maxima.
[[nodiscard]] float largest_of(const float* maxima, int64_t chunks) noexcept;

[[nodiscard]] constexpr int64_t chunks_of(int64_t vocab) { return (vocab + kMassChunk - 1) / kMassChunk; }

void masses(const TensorView& logits, float inverse, int64_t* out);

}  // namespace tokops::constrain
