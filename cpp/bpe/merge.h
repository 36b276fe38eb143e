// SPDX-License-Identifier: Apache-2.0
// Merger: bytes of one piece to tokens, by repeated joins of the pair of lowest priority, leftmost on ties.
// Short pieces by scanning an array on the stack, longer ones by a linked list and a heap: O(n log n), at most
// 40 bytes of scratch per byte of the piece. One Merger per call; its buffers are kept between pieces.
#pragma once

#include <cstdint>
#include <vector>

#include "bpe/piece_memory.h"
#include "bpe/vocabulary.h"

namespace tokops::bpe {

class Merger {
 public:
  // `text_bytes`: about how much will be merged; 0 remembers nothing.
  explicit Merger(const Vocabulary& vocabulary, std::size_t text_bytes = 0)
      : vocabulary_(vocabulary), memory_(text_bytes) {}

  // Appends the tokens (numbers, not ids). -1, or the offset of the first byte without a token.
  int64_t merge(Bytes piece, std::vector<uint32_t>& tokens);

 private:
  static constexpr std::size_t kShort = 64;

  void merge_anew(Bytes piece, std::vector<uint32_t>& tokens);
  void merge_short(Bytes piece, std::vector<uint32_t>& tokens) const;
  void merge_long(Bytes piece, std::vector<uint32_t>& tokens);
  void offer(uint32_t at);

  struct Part {
    uint32_t token;
    uint32_t priority;  // of joining with the next part; kNoPriority when there is none
    uint32_t joined;    // what they join to
    uint32_t previous;
    uint32_t next;
  };

  const Vocabulary& vocabulary_;
  PieceMemory memory_;
  std::vector<Part> parts_;
  std::vector<uint64_t> heap_;  // priority << 32 | place; an entry is stale when its part says another priority
};

}  // namespace tokops::bpe
