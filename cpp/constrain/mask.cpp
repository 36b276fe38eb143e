// SPDX-License-Identifier: Apache-2.0
#include "constrain/mask.h"

#include <algorithm>
#include <cstring>

namespace tokops::constrain {
namespace {

void clear_tail(int64_t vocab, uint32_t* words) noexcept {
  if (vocab % 32 != 0) {
    words[vocab / 32] &= (1u << (vocab % 32)) - 1;
  }
}

}  // namespace

void fill_words(int64_t vocab, uint32_t* words) noexcept {
  std::fill(words, words + (vocab + 31) / 32, 0xffffffffu);
  clear_tail(vocab, words);
}

void pack_mask_row(const TensorView& mask, int64_t row, int64_t vocab, uint32_t* words) noexcept {
  const int64_t count = (vocab + 31) / 32;
  if (mask.dtype != DType::kBool) {
    std::memcpy(words, mask.as<const uint32_t>() + row * mask.strides[0], static_cast<std::size_t>(count) * 4);
    clear_tail(vocab, words);
    return;
  }
  const auto* bytes = mask.as<const uint8_t>() + row * mask.strides[0];
  std::fill(words, words + count, 0u);
  int64_t i = 0;
  for (; i + 8 <= vocab; i += 8) {
    uint64_t eight;
    std::memcpy(&eight, bytes + i, 8);
    // The product's top byte gathers byte k's lowest bit at bit k.
    words[i >> 5] |= static_cast<uint32_t>(eight * 0x0102040810204080u >> 56) << (i & 31);
  }
  for (; i < vocab; ++i) {
    words[i >> 5] |= static_cast<uint32_t>(bytes[i] != 0) << (i & 31);
  }
}

bool mask_bit(const TensorView& mask, int64_t row, int64_t token) noexcept {
  if (mask.dtype == DType::kBool) {
    return mask.as<const uint8_t>()[row * mask.strides[0] + token] != 0;
  }
  return (mask.as<const uint32_t>()[row * mask.strides[0] + (token >> 5)] >> (token & 31) & 1u) != 0;
}

}  // namespace tokops::constrain
