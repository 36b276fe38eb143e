// SPDX-License-Identifier: Apache-2.0
// ByteTable: byte strings numbered in order of insertion, found by open addressing.
// Strings up to 8 bytes are compared inside the 16-byte entry; longer ones by a 64-bit hash, then by their bytes in
// the arena. Half full at most. find() touches one cache line for short strings and never allocates. Behind each
// string of the table at least kPadding more bytes may be read.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <stdexcept>
#include <vector>

namespace tokops::bpe {

using Bytes = std::span<const uint8_t>;

class ByteTable {
 public:
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  static constexpr std::size_t kPadding = 16;

  explicit ByteTable(int64_t expected = 0) { resize(expected); }

  [[nodiscard]] int64_t size() const noexcept { return static_cast<int64_t>(offsets_.size()) - 1; }
  [[nodiscard]] Bytes operator[](uint32_t index) const noexcept {
    return {arena_.data() + offsets_[index], static_cast<std::size_t>(offsets_[index + 1] - offsets_[index])};
  }
  [[nodiscard]] int64_t memory_bytes() const noexcept {
    return static_cast<int64_t>(entries_.capacity() * sizeof(Entry) + arena_.capacity() + offsets_.capacity() * 8);
  }

  // Number of the string, kNone when it is not there.
  [[nodiscard]] uint32_t find(const uint8_t* data, std::size_t length) const noexcept {
    const uint64_t key = key_of(data, length);
    for (std::size_t slot = slot_of(key, length);; slot = (slot + 1) & mask_) {
      const Entry& entry = entries_[slot];
      if (entry.index == kNone) {
        return kNone;
      }
      if (entry.key == key && entry.length == length && (length <= 8 || same(entry.index, data, length))) {
        return entry.index;
      }
    }
  }

  // Number of the string, inserted when it is new. Throws std::length_error beyond 2^32 - 2 strings.
  uint32_t insert(const uint8_t* data, std::size_t length) {
    if (const uint32_t found = find(data, length); found != kNone) {
      return found;
    }
    if (size() >= int64_t{kNone} - 1 || length >= kNone) {
      throw std::length_error("ByteTable");
    }
    if (static_cast<std::size_t>(size() + 1) * 2 > entries_.size()) {
      resize(2 * (size() + 1));
    }
    const auto index = static_cast<uint32_t>(size());
    arena_.insert(arena_.end() - kPadding, data, data + length);
    offsets_.push_back(static_cast<int64_t>(arena_.size() - kPadding));
    place({key_of(data, length), static_cast<uint32_t>(length), index});
    return index;
  }

 private:
  struct Entry {
    uint64_t key;
    uint32_t length;
    uint32_t index;
  };

  static uint64_t load64(const uint8_t* p) noexcept {
    uint64_t word;
    std::memcpy(&word, p, 8);
    return word;
  }
  static uint64_t load32(const uint8_t* p) noexcept {
    uint32_t word;
    std::memcpy(&word, p, 4);
    return word;
  }
  static uint64_t mix(uint64_t x) noexcept {
    x *= 0x9E3779B97F4A7C15u;
    return x ^ x >> 32;
  }

  // Up to 8 bytes: the bytes themselves (with the length they are exact); more: a hash.
  static uint64_t key_of(const uint8_t* data, std::size_t length) noexcept {
    if (length <= 3) {
      return length == 0 ? 0
                         : data[0] | static_cast<uint64_t>(data[length / 2]) << 8 * (length / 2) |
                               static_cast<uint64_t>(data[length - 1]) << 8 * (length - 1);
    }
    if (length <= 8) {
      return load32(data) | load32(data + length - 4) << 8 * (length - 4);
    }
    uint64_t hash = length;
    for (std::size_t i = 0; i + 8 < length; i += 8) {
      hash = mix(hash ^ load64(data + i));
    }
    return mix(hash ^ load64(data + length - 8));
  }

  [[nodiscard]] std::size_t slot_of(uint64_t key, std::size_t length) const noexcept {
    return static_cast<std::size_t>(mix(key ^ static_cast<uint64_t>(length) << 56) >> 16) & mask_;
  }
  [[nodiscard]] bool same(uint32_t index, const uint8_t* data, std::size_t length) const noexcept {
    return std::memcmp(arena_.data() + offsets_[index], data, length) == 0;
  }
  void place(const Entry& entry) noexcept {
    std::size_t slot = slot_of(entry.key, entry.length);
    while (entries_[slot].index != kNone) {
      slot = (slot + 1) & mask_;
    }
    entries_[slot] = entry;
  }
  void resize(int64_t expected) {
    std::size_t capacity = 16;
    while (capacity < 2 * static_cast<std::size_t>(expected)) {
      capacity *= 2;
    }
    std::vector<Entry> old(capacity, Entry{0, 0, kNone});
    old.swap(entries_);
    mask_ = capacity - 1;
    for (const Entry& entry : old) {
      if (entry.index != kNone) {
        place(entry);
      }
    }
  }

  std::vector<Entry> entries_;
  std::size_t mask_ = 0;
  std::vector<uint8_t> arena_ = std::vector<uint8_t>(kPadding);
  std::vector<int64_t> offsets_{0};
};

}  // namespace tokops::bpe
