// SPDX-License-Identifier: Apache-2.0
// Ids to bytes. Short tokens are copied as 16 bytes at once while the output has room for them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bpe/vocabulary.h"

namespace tokops::bpe {

// The bytes of each id, one after the other. `place` is the position of the first id without a token, or -1.
struct Decoding {
  std::vector<Bytes> parts;
  std::size_t size = 0;
  int64_t place = -1;
};

[[nodiscard]] Decoding decode(const Vocabulary& vocabulary, std::span<const int64_t> ids, bool skip_special_tokens);

// Writes decoding.size bytes.
void write(const Decoding& decoding, uint8_t* out) noexcept;

}  // namespace tokops::bpe
