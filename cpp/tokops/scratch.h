// SPDX-License-Identifier: Apache-2.0
// Bump allocator for the temporary arrays of one call: 64-byte aligned, freed together, never zeroed.
// take() throws std::bad_alloc (MemoryError in Python). Not shared between threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <vector>

namespace tokops {

class Scratch {
 public:
  template <class T>
  [[nodiscard]] std::span<T> take(std::size_t count) {
    static_assert(alignof(T) <= kAlign && std::is_trivially_destructible_v<T>);
    if (count > (std::numeric_limits<std::size_t>::max() - kAlign) / sizeof(T)) {
      throw std::bad_alloc();
    }
    const std::size_t bytes = (count * sizeof(T) + kAlign - 1) / kAlign * kAlign;
    if (bytes > left_) {
      grow(bytes);
    }
    T* start = reinterpret_cast<T*>(next_);
    next_ += bytes;
    left_ -= bytes;
    return {start, count};
  }

 private:
  static constexpr std::size_t kAlign = 64;
  static constexpr std::size_t kBlock = std::size_t{1} << 16;

  struct Release {
    void operator()(std::byte* block) const noexcept { ::operator delete(block, std::align_val_t{kAlign}); }
  };

  void grow(std::size_t bytes) {
    const std::size_t size = bytes > kBlock ? bytes : kBlock;
    blocks_.reserve(blocks_.size() + 1);
    blocks_.emplace_back(static_cast<std::byte*>(::operator new(size, std::align_val_t{kAlign})));
    next_ = blocks_.back().get();
    left_ = size;
  }

  std::vector<std::unique_ptr<std::byte, Release>> blocks_;
  std::byte* next_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace tokops
