// SPDX-License-Identifier: Apache-2.0
// Trainer: exact BPE training on counted words, with incremental pair counts.
// Each step takes the pair with the largest count (ties: lowest left id, then lowest right id) and joins it from left
// to right in every word. Counts are uint64 and equal those of a full recount, overlapping positions included.
// Time O(n log n) in all for n letters and merges; memory about 24 bytes per letter and 60 per distinct pair.
#pragma once

#include <cstdint>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "bpe/byte_table.h"

namespace tokops::bpe {

class Trainer {
 public:
  struct Options {
    int64_t vocab_size;
    uint64_t min_frequency;
    int64_t max_token_length;  // bytes, or characters
    bool characters;
  };

  // Words as ids of `vocab`: offsets[w] .. offsets[w + 1] of `ids`. The caller has checked the ranges.
  Trainer(std::span<const int32_t> ids, std::span<const int64_t> offsets, std::span<const uint64_t> counts,
          const std::vector<std::string>& vocab, const Options& options);

  // Up to `merges` more merges; false when training has ended.
  bool advance(int64_t merges);

  [[nodiscard]] const std::vector<std::pair<uint32_t, uint32_t>>& merges() const noexcept { return merges_; }
  [[nodiscard]] const std::vector<uint64_t>& counts() const noexcept { return merge_counts_; }
  [[nodiscard]] int64_t vocab_size() const noexcept { return static_cast<int64_t>(spellings_.size()); }
  [[nodiscard]] const std::string& token(int64_t id) const noexcept { return spellings_[static_cast<std::size_t>(id)]; }

 private:
  static constexpr uint32_t kNowhere = 0xFFFFFFFF;

  struct Letter {
    uint32_t id;  // kNowhere once it has been joined to the letter before
    uint32_t previous;
    uint32_t next;
    uint32_t word;
  };
  struct Pair {
    uint32_t left;
    uint32_t right;
    uint64_t count;
    std::vector<uint32_t> places;  // of the left letter; entries may be stale
  };
  struct Candidate {
    uint64_t count;
    uint32_t left;
    uint32_t right;
    uint32_t pair;
    // True when `other` goes first: std::priority_queue puts the largest on top.
    bool operator<(const Candidate& other) const noexcept {
      if (count != other.count) {
        return count < other.count;
      }
      return left != other.left ? left > other.left : right > other.right;
    }
  };

  [[nodiscard]] uint32_t pair_of(uint32_t left, uint32_t right);
  uint32_t token_for(uint32_t left, uint32_t right);
  void add(uint32_t place);
  void remove(uint32_t place);
  void join(uint32_t pair);
  [[nodiscard]] int64_t length_of(const std::string& token) const noexcept;

  Options options_;
  std::vector<Letter> letters_;
  std::vector<uint64_t> word_counts_;
  std::vector<Pair> pairs_;
  ByteTable pair_numbers_;  // key: both ids as 8 bytes
  std::vector<uint32_t> grown_;
  std::priority_queue<Candidate> queue_;
  std::vector<std::string> spellings_;
  std::vector<int64_t> lengths_;
  ByteTable tokens_;
  std::vector<uint32_t> token_ids_;  // of each entry of tokens_
  std::vector<std::pair<uint32_t, uint32_t>> merges_;
  std::vector<uint64_t> merge_counts_;
};

}  // namespace tokops::bpe
