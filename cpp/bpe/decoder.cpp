// SPDX-License-Identifier: Apache-2.0
#include "bpe/decoder.h"

#include <cstring>

namespace tokops::bpe {

Decoding decode(const Vocabulary& vocabulary, std::span<const int64_t> ids, bool skip_special_tokens) {
  Decoding decoding;
  decoding.parts.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto spelling = vocabulary.spell(ids[i]);
    if (!spelling.known) {
      decoding.place = static_cast<int64_t>(i);
      break;
    }
    if (!(skip_special_tokens && spelling.special)) {
      decoding.parts.push_back(spelling.bytes);
      decoding.size += spelling.bytes.size();
    }
  }
  return decoding;
}

void write(const Decoding& decoding, uint8_t* out) noexcept {
  constexpr std::size_t kChunk = ByteTable::kPadding;
  std::size_t left = decoding.size;
  for (const Bytes part : decoding.parts) {
    if (part.size() <= kChunk && left >= kChunk) {
      std::memcpy(out, part.data(), kChunk);  // what is too much is overwritten by the next part
    } else if (!part.empty()) {
      std::memcpy(out, part.data(), part.size());
    }
    out += part.size();
    left -= part.size();
  }
}

}  // namespace tokops::bpe
