// SPDX-License-Identifier: Apache-2.0
// Max-heap of rows by an upper bound of their score: larger bound first, equal bounds by lower row.
// One 64-bit key per entry: the bound as float32, rounded up so that it never falls below the score, above the
// complement of the row. Fixed capacity, memory from the caller.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "tokops/dtype.h"

namespace tokops::prune {

class RowQueue {
 public:
  explicit RowQueue(std::span<uint64_t> memory) : memory_(memory) {}

  [[nodiscard]] static uint64_t key(double bound, int32_t row) noexcept {
    auto rounded = static_cast<float>(bound);
    if (static_cast<double>(rounded) < bound) {
      rounded = std::nextafter(rounded, std::numeric_limits<float>::infinity());
    }
    const uint32_t bits = bits_of(rounded + 0.0f);  // -0 becomes 0
    const uint32_t ordered = (bits >> 31) != 0 ? ~bits : bits | 0x80000000u;
    return static_cast<uint64_t>(ordered) << 32 | static_cast<uint32_t>(~row);
  }
  [[nodiscard]] static int32_t row_of(uint64_t entry) noexcept {
    return static_cast<int32_t>(~static_cast<uint32_t>(entry));
  }

  void clear() noexcept { size_ = 0; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] uint64_t top() const noexcept { return memory_[0]; }
  void push(uint64_t entry) noexcept {
    memory_[size_++] = entry;
    std::push_heap(memory_.begin(), end());
  }
  uint64_t pop() noexcept {
    std::pop_heap(memory_.begin(), end());
    return memory_[--size_];
  }

 private:
  [[nodiscard]] std::span<uint64_t>::iterator end() const noexcept {
    return memory_.begin() + static_cast<std::ptrdiff_t>(size_);
  }

  std::span<uint64_t> memory_;
  std::size_t size_ = 0;
};

}  // namespace tokops::prune
