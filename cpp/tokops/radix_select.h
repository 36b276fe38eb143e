// SPDX-License-Identifier: Apache-2.0
// The k-th largest of unsigned keys by radix search, and a stable radix sort of (key, id) pairs.
// Both O(n) for any keys: a pass fixes the 11 highest bits in which the remaining keys still differ.
// Scratch: a copy of the keys and 4 x 2048 counters; the sort a second copy of the pairs.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <span>

#include "tokops/scratch.h"

namespace tokops {

template <class Key>
struct KthKey {
  Key key = 0;
  int64_t equal = 0;  // how many of the k largest have exactly this key
};

namespace detail {

constexpr int kDigitBits = 11;
constexpr std::size_t kBins = std::size_t{1} << kDigitBits;
constexpr std::size_t kFewKeys = 256;

// The k-th largest of few keys by partial sorting; reorders them.
template <class Key>
KthKey<Key> kth_of_few(std::span<Key> keys, int64_t k) {
  std::nth_element(keys.begin(), keys.begin() + (k - 1), keys.end(), std::greater<Key>());
  const Key key = keys[static_cast<std::size_t>(k - 1)];
  const auto above = std::count_if(keys.begin(), keys.end(), [key](Key other) { return other > key; });
  return {key, k - above};
}

}  // namespace detail

// 1 <= k <= keys.size().
template <class Key>
KthKey<Key> find_kth_key(std::span<const Key> keys, int64_t k, Scratch& scratch) {
  using detail::kBins;
  auto left = scratch.take<Key>(keys.size());
  std::copy(keys.begin(), keys.end(), left.begin());
  std::span<uint32_t> counts;
  while (left.size() > detail::kFewKeys) {
    Key any = 0;
    Key all = ~Key{0};
    for (const Key key : left) {
      any |= key;
      all &= key;
    }
    const int differing = static_cast<int>(std::bit_width(static_cast<Key>(any ^ all)));
    if (differing == 0) {
      return {any, k};
    }
    const int shift = std::max(0, differing - detail::kDigitBits);
    const auto digit = [shift](Key key) { return static_cast<std::size_t>(key >> shift) & (kBins - 1); };
    if (counts.empty()) {
      counts = scratch.take<uint32_t>(4 * kBins);
    }
    std::fill(counts.begin(), counts.end(), 0u);
    // Four tables, so that equal digits in a row do not wait for each other's store.
    for (std::size_t i = 0; i < left.size(); ++i) {
      ++counts[(i & 3) * kBins + digit(left[i])];
    }
    std::size_t bin = kBins;
    int64_t inside = 0;
    do {
      --bin;
      k -= inside;
      inside = int64_t{counts[bin]} + counts[kBins + bin] + counts[2 * kBins + bin] + counts[3 * kBins + bin];
    } while (inside < k);
    std::size_t kept = 0;
    for (const Key key : left) {  // in place: kept never passes the read position
      left[kept] = key;
      kept += digit(key) == bin;
    }
    left = left.first(kept);
  }
  return detail::kth_of_few(left, k);
}

// Sorts pairs by descending key; equal keys keep their order.
template <class Key>
void sort_by_key_descending(std::span<Key> keys, std::span<int32_t> ids, Scratch& scratch) {
  const std::size_t n = keys.size();
  auto other_keys = scratch.take<Key>(n);
  auto other_ids = scratch.take<int32_t>(n);
  bool swapped = false;
  for (int shift = 0; shift < static_cast<int>(8 * sizeof(Key)); shift += 8) {
    std::array<std::size_t, 256> offsets{};
    const auto digit = [shift](Key key) { return static_cast<std::size_t>(~key >> shift) & 255u; };
    for (const Key key : keys) {
      ++offsets[digit(key)];
    }
    if (n == 0 || offsets[digit(keys[0])] == n) {
      continue;
    }
    std::size_t begin = 0;
    for (std::size_t& offset : offsets) {
      const std::size_t count = offset;
      offset = begin;
      begin += count;
    }
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t to = offsets[digit(keys[i])]++;
      other_keys[to] = keys[i];
      other_ids[to] = ids[i];
    }
    std::swap(keys, other_keys);
    std::swap(ids, other_ids);
    swapped = !swapped;
  }
  if (swapped) {
    std::copy(keys.begin(), keys.end(), other_keys.begin());
    std::copy(ids.begin(), ids.end(), other_ids.begin());
  }
}

}  // namespace tokops
