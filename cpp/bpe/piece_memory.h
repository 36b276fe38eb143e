// SPDX-License-Identifier: Apache-2.0
// PieceMemory: what short pieces merged to, for the length of one call. Words come again; merging them again costs
// hundreds of nanoseconds each. Direct mapped with the whole piece as the tag, so a hit is exact and a collision only
// forgets. Scratch of at most 512 KiB, in proportion to the text; none for texts below 4 KiB.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "bpe/byte_table.h"

namespace tokops::bpe {

class PieceMemory {
 public:
  explicit PieceMemory(std::size_t text_bytes) {
    if (text_bytes >= kSmallestText) {
      std::size_t entries = kMostEntries;
      while (entries > text_bytes / 16) {
        entries /= 2;
      }
      entries_.resize(entries);
    }
  }

  // The entry of the piece, which may hold another one; null for pieces that are not remembered.
  struct Entry {
    uint8_t length = 0;  // 0: empty
    uint8_t count = 0;
    std::array<uint8_t, 30> piece{};  // padded with zeros
    std::array<uint32_t, 8> tokens{};
  };
  [[nodiscard]] Entry* find(Bytes piece, bool& hit) noexcept {
    hit = false;
    if (entries_.empty() || piece.size() > sizeof(Entry::piece) || piece.empty()) {
      return nullptr;
    }
    Entry wanted;
    wanted.length = static_cast<uint8_t>(piece.size());
    std::memcpy(wanted.piece.data(), piece.data(), piece.size());
    uint64_t words[4];
    std::memcpy(words, &wanted, sizeof words);  // length, count 0 and the piece
    const uint64_t hash =
        (words[0] ^ words[1] * 3) * 0x9E3779B97F4A7C15u + (words[2] ^ words[3] * 5) * 0xC2B2AE3D27D4EB4Fu;
    Entry& entry = entries_[static_cast<std::size_t>(hash >> 40) & (entries_.size() - 1)];
    hit = entry.length == wanted.length && entry.piece == wanted.piece;
    return &entry;
  }

  static void remember(Entry& entry, Bytes piece, const uint32_t* tokens, std::size_t count) noexcept {
    if (count > entry.tokens.size()) {
      return;
    }
    entry.length = static_cast<uint8_t>(piece.size());
    entry.count = static_cast<uint8_t>(count);
    entry.piece.fill(0);
    std::memcpy(entry.piece.data(), piece.data(), piece.size());
    std::memcpy(entry.tokens.data(), tokens, count * sizeof *tokens);
  }

 private:
  static constexpr std::size_t kSmallestText = 4096;
  static constexpr std::size_t kMostEntries = 8192;

  std::vector<Entry> entries_;
};

}  // namespace tokops::bpe
