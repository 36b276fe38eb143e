// SPDX-License-Identifier: Apache-2.0
#include "bpe/specials.h"

#include <algorithm>
#include <cstring>

namespace tokops::bpe {
namespace {

uint8_t first_byte(const TokenId& text) noexcept { return static_cast<uint8_t>(text.bytes[0]); }

}  // namespace

SpecialTexts::SpecialTexts(std::vector<TokenId> texts) : texts_(std::move(texts)) {
  std::erase_if(texts_, [](const TokenId& text) { return text.bytes.empty(); });
  std::sort(texts_.begin(), texts_.end(), [](const TokenId& a, const TokenId& b) {
    if (first_byte(a) != first_byte(b)) {
      return first_byte(a) < first_byte(b);
    }
    return a.bytes.size() != b.bytes.size() ? a.bytes.size() > b.bytes.size() : a.bytes < b.bytes;
  });
  for (const TokenId& text : texts_) {
    ++start_[first_byte(text) + std::size_t{1}];
  }
  for (std::size_t b = 0; b < 256; ++b) {
    start_[b + 1] += start_[b];
  }
  if (!texts_.empty() && first_byte(texts_.front()) == first_byte(texts_.back())) {
    only_first_byte_ = first_byte(texts_.front());
  }
}

SpecialTexts::Match SpecialTexts::find(const uint8_t* text, int64_t size, int64_t from) const noexcept {
  if (texts_.empty()) {
    return {size, nullptr};
  }
  for (int64_t p = from; p < size; ++p) {
    if (only_first_byte_ >= 0) {
      const void* hit = std::memchr(text + p, only_first_byte_, static_cast<std::size_t>(size - p));
      if (hit == nullptr) {
        break;
      }
      p = static_cast<const uint8_t*>(hit) - text;
    }
    for (uint32_t i = start_[text[p]]; i < start_[text[p] + std::size_t{1}]; ++i) {
      const std::string& bytes = texts_[i].bytes;
      if (bytes.size() <= static_cast<std::size_t>(size - p) &&
          std::memcmp(text + p, bytes.data(), bytes.size()) == 0) {
        return {p, &texts_[i]};
      }
    }
  }
  return {size, nullptr};
}

}  // namespace tokops::bpe
