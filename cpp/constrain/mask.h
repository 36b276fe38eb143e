// SPDX-License-Identifier: Apache-2.0
// Rows of a mask as packed words: bit i & 31 of word i >> 5, 1 = allowed; bits past v are cleared.
#pragma once

#include <cstdint>

#include "tokops/span.h"

namespace tokops::constrain {

// Writes row `row` of a bool [b, v] or packed [b, ceil(v/32)] mask into ceil(v/32) words.
void pack_mask_row(const TensorView& mask, int64_t row, int64_t vocab, uint32_t* words) noexcept;

[[nodiscard]] bool mask_bit(const TensorView& mask, int64_t row, int64_t token) noexcept;

// All bits below v set.
void fill_words(int64_t vocab, uint32_t* words) noexcept;

}  // namespace tokops::constrain
