// SPDX-License-Identifier: Apache-2.0
// PieceCounter: how often each piece of texts occurs. Order of insertion is the order of the pieces.
#pragma once

#include <cstdint>
#include <vector>

#include "bpe/byte_table.h"
#include "bpe/splitter.h"

namespace tokops::bpe {

class PieceCounter {
 public:
  void add(const Splitter& splitter, Bytes text) {
    Cursor cursor = splitter.start(text.data(), static_cast<int64_t>(text.size()));
    for (Piece piece = splitter.next(cursor); piece.end > piece.begin; piece = splitter.next(cursor)) {
      add_piece(text.subspan(static_cast<std::size_t>(piece.begin), static_cast<std::size_t>(piece.end - piece.begin)),
                1);
    }
  }

  void add(const PieceCounter& other) {
    for (uint32_t i = 0; i < other.counts_.size(); ++i) {
      add_piece(other.pieces_[i], other.counts_[i]);
    }
  }

  [[nodiscard]] uint32_t size() const noexcept { return static_cast<uint32_t>(counts_.size()); }
  [[nodiscard]] Bytes piece(uint32_t i) const noexcept { return pieces_[i]; }
  [[nodiscard]] uint64_t count(uint32_t i) const noexcept { return counts_[i]; }

 private:
  void add_piece(Bytes piece, uint64_t count) {
    const uint32_t i = pieces_.insert(piece.data(), piece.size());
    if (i == counts_.size()) {
      counts_.push_back(0);
    }
    counts_[i] += count;
  }

  ByteTable pieces_;
  std::vector<uint64_t> counts_;
};

}  // namespace tokops::bpe
