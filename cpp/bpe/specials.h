// SPDX-License-Identifier: Apache-2.0
// SpecialTexts: finds the leftmost occurrence of any of a set of texts, the longest when several start there.
// Time O(n) plus, at each place whose byte starts a text, a comparison with the texts that start with it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bpe/vocabulary.h"

namespace tokops::bpe {

class SpecialTexts {
 public:
  // Empty texts never match.
  explicit SpecialTexts(std::vector<TokenId> texts);

  struct Match {
    int64_t begin;  // the size of the text when there is none
    const TokenId* text;
  };
  [[nodiscard]] Match find(const uint8_t* text, int64_t size, int64_t from) const noexcept;

 private:
  std::vector<TokenId> texts_;         // by first byte, then longest first
  std::array<uint32_t, 257> start_{};  // texts that start with byte b: [start_[b], start_[b + 1])
  int only_first_byte_ = -1;           // when all start with the same byte
};

}  // namespace tokops::bpe
