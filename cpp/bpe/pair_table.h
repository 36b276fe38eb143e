// SPDX-License-Identifier: Apache-2.0
// PairTable: which two adjacent tokens join, with what priority, into which token.
// Open addressing, half full at most; find() never allocates.
#pragma once

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
  PairTable() { resize(16); }

  [[nodiscard]] Join find(uint32_t left, uint32_t right) const noexcept {
    const uint64_t key = static_cast<uint64_t>(left) << 32 | right;
    for (std::size_t slot = slot_of(key);; slot = (slot + 1) & mask_) {
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
    return static_cast<int64_t>(entries_.capacity() * sizeof(Entry));
  }

 private:
  struct Entry {
    uint64_t key;
    Join join;
  };

  [[nodiscard]] std::size_t slot_of(uint64_t key) const noexcept {
    key *= 0x9E3779B97F4A7C15u;
    return static_cast<std::size_t>(key >> 24 ^ key >> 44) & mask_;
  }
  void place(const Entry& entry) {
    std::size_t slot = slot_of(entry.key);
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
    for (const Entry& entry : old) {
      if (entry.join.priority != kNoPriority) {
        place(entry);
      }
    }
  }

  std::vector<Entry> entries_;
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
};

}  // namespace tokops::bpe
