// SPDX-License-Identifier: Apache-2.0
#include "constrain/masses.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tokops/thread_pool.h"

namespace tokops::constrain {

LogitRow logit_row(const TensorView& logits, int64_t row, float inverse) noexcept {
  const char* start = static_cast<const char*>(logits.data);
  return {start + row * logits.strides[0] * item_size(logits.dtype), logits.shape[1], logits.dtype, inverse};
}

int64_t row_grain(int64_t vocab) noexcept { return std::max<int64_t>(1, 65536 / std::max<int64_t>(vocab, 1)); }

float largest_of(const float* maxima, int64_t chunks) noexcept { return *std::max_element(maxima, maxima + chunks); }

void masses(const TensorView& logits, float inverse, int64_t* out) {
  const int64_t vocab = logits.shape[1];
  const ConstrainMasses& kernel = constrain_masses();
  parallel_for(logits.shape[0], row_grain(vocab), [&](int64_t begin, int64_t end) {
    std::array<float, kMaxChunks> maxima;
    for (int64_t i = begin; i < end; ++i) {
      const LogitRow row = logit_row(logits, i, inverse);
      int64_t* result = out + i * vocab;
      const bool fine = kernel.chunk_maxima(row, maxima.data());
      const float top = fine ? largest_of(maxima.data(), chunks_of(vocab)) : -INFINITY;
      if (top == -INFINITY) {
        std::fill(result, result + vocab, 0);
      } else {
        kernel.masses(row, top, 0, vocab, result);
      }
    }
  });
}

}  // namespace tokops::constrain
