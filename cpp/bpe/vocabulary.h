// SPDX-License-Identifier: Apache-2.0
// Vocabulary: tokens, the pairs that join, and the ids of all tokens with the special ones. Immutable once made;
// threads share it without a lock.
// Tokens are numbered by ascending id, so that for rank vocabularies the number is the merge priority.
// Memory: about 40 bytes per token and 32 per pair of tokens that joins.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bpe/byte_table.h"
#include "bpe/pair_table.h"

namespace tokops::bpe {

struct TokenId {
  std::string bytes;
  uint32_t id;
};

class Vocabulary {
 public:
  // `ranks` in any order, tokens and ids unique. Any pair whose concatenation is a token joins, lowest id first.
  Vocabulary(std::vector<TokenId> ranks, const std::vector<TokenId>& specials);
  // Only the listed pairs join, in the order of the list. Every part and every concatenation is a token.
  Vocabulary(std::vector<TokenId> ranks, const std::vector<TokenId>& specials,
             const std::vector<std::pair<std::string, std::string>>& merges);

  // Number of the token with these bytes, ByteTable::kNone without one; the empty token is never found.
  [[nodiscard]] uint32_t find(const uint8_t* data, std::size_t length) const noexcept {
    return length == 0 ? ByteTable::kNone : tokens_.find(data, length);
  }
  [[nodiscard]] uint32_t byte(uint8_t value) const noexcept { return bytes_[value]; }
  [[nodiscard]] Join join(uint32_t left, uint32_t right) const noexcept { return pairs_.find(left, right); }
  // join(byte(left), byte(right)), which must be tokens, from a table of all pairs.
  [[nodiscard]] Join join_bytes(uint8_t left, uint8_t right) const noexcept {
    return byte_joins_[static_cast<std::size_t>(left) << 8 | right];
  }
  [[nodiscard]] uint32_t id(uint32_t number) const noexcept { return ids_[number]; }

  // Bytes of an id, special tokens included.
  struct Spelling {
    Bytes bytes;
    bool known = false;
    bool special = false;
  };
  [[nodiscard]] Spelling spell(int64_t id) const noexcept;

  [[nodiscard]] int64_t memory_bytes() const noexcept;

 private:
  struct Place {
    uint32_t number = ByteTable::kNone;  // in tokens_, or in specials_
    bool special = false;
  };

  void number_tokens(std::vector<TokenId>& ranks, const std::vector<TokenId>& specials);
  void fill_byte_joins();
  void add_place(uint32_t id, Place place);

  ByteTable tokens_;
  ByteTable specials_;
  PairTable pairs_;
  std::vector<uint32_t> ids_;
  std::array<uint32_t, 256> bytes_;
  std::vector<Join> byte_joins_;
  std::vector<Place> places_;                       // by id, for ids below kDense
  std::unordered_map<uint32_t, Place> far_places_;  // ids beyond
};

}  // namespace tokops::bpe
