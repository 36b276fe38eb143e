// SPDX-License-Identifier: Apache-2.0
// PairTable: which two adjacent tokens join, with what priority, into which token.
// Open addressing, half full at most; find() never allocates. Most pairs that are asked for do not join, so a filter
// of 16 to 32 bits per pair, small enough for the second-level cache, answers them before the table is touched.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

namespace tokops::bpe {

struct Join {
  uint32_t priority;  // lower joins first
  uint32_t token;
};
constexpr uint32_t kNoPriority = std::numeric_limits<uint32_t>::max();

class PairTable {
 public:
  PairTable() { resize(128); }

  [[nodiscard]] Join find(uint32_t left, uint32_t right) const noexcept {
    const uint64_t key = static_cast<uint64_t>(left) << 32 | right;
    const uint64_t hash = hash_of(key);
    if ((filter_[hash >> filter_shift_] >> (hash >> (filter_shift_ - 6) & 63) & 1) == 0) {
      return {kNoPriority, 0};
    }
    for (std::size_t slot = slot_of(hash);; slot = (slot + 1) & mask_) {
      if (entries_[slot].join.priority == kNoPriority || entries_[slot].key == key) {
        return entries_[slot].join;
      }
    }
  }

  // Keeps the lower priority when the pair is there.
  void insert(uint32_t left, uint32_t right, Join join) {
    if (2 * (size_ + 1) > entries_.size()) {
      resize(2 * entries_.size());
    }
    place({static_cast<uint64_t>(left) << 32 | right, join});
  }

  [[nodiscard]] int64_t memory_bytes() const noexcept {
    return static_cast<int64_t>(entries_.capacity() * sizeof(Entry) + filter_.capacity() * 8);
  }

 private:
  struct Entry {
    uint64_t key;
    Join join;
  };

  static uint64_t hash_of(uint64_t key) noexcept {
    key *= 0x9E3779B97F4A7C15u;
    return key ^ key >> 32;
  }
  [[nodiscard]] std::size_t slot_of(uint64_t hash) const noexcept { return static_cast<std::size_t>(hash) & mask_; }
  void place(const Entry& entry) {
    const uint64_t hash = hash_of(entry.key);
    filter_[hash >> filter_shift_] |= uint64_t{1} << (hash >> (filter_shift_ - 6) & 63);
    std::size_t slot = slot_of(hash);
    while (entries_[slot].join.priority != kNoPriority && entries_[slot].key != entry.key) {
      slot = (slot + 1) & mask_;
    }
    if (entries_[slot].join.priority == kNoPriority) {
      ++size_;
      entries_[slot] = entry;
    } else if (entry.join.priority < entries_[slot].join.priority) {
      entries_[slot] = entry;
    }
  }
  void resize(std::size_t capacity) {
    std::vector<Entry> old(capacity, Entry{0, {kNoPriority, 0}});
    old.swap(entries_);
    mask_ = capacity - 1;
    size_ = 0;
    filter_.assign(capacity / 8, 0);  // 8 bits per slot, so 16 or more per pair
    filter_shift_ = 64 - std::countr_zero(filter_.size());
    for (const Entry& entry : old) {
      if (entry.join.priority != kNoPriority) {
        place(entry);
      }
    }
  }

  std::vector<Entry> entries_;
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
  std::vector<uint64_t> filter_;
  int filter_shift_ = 0;
};

}  // namespace tokops::bpe
