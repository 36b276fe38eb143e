// SPDX-License-Identifier: Apache-2.0
#include "tokops/row_topk.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>

#include "kernels/core_keys.h"
#include "tokops/order_key.h"
#include "tokops/radix_select.h"
#include "tokops/rng.h"
#include "tokops/thread_pool.h"

namespace tokops {
namespace {

constexpr int64_t kSmallRow = 2048;      // below: keep every value
constexpr int64_t kBlock = 4096;         // values per kernel call of a serial pass
constexpr int64_t kWideBlock = 1 << 16;  // values per thread block of a long row
constexpr int64_t kLongRow = 1 << 18;
constexpr int64_t kRoom = 16;  // what the kernel may write past the last pair

template <class Key>
struct Row {
  const void* x;
  DType type;
  int64_t n;
  int32_t first;
  Key reverse;

  [[nodiscard]] const void* at(int64_t i) const noexcept { return static_cast<const char*>(x) + i * item_size(type); }
  int64_t pairs(int64_t begin, int64_t end, Key threshold, Key* keys, int32_t* ids) const noexcept {
    const auto id = static_cast<int32_t>(first + begin);
    if constexpr (sizeof(Key) == 8) {
      return core_keys().pairs64(static_cast<const double*>(at(begin)), end - begin, id, reverse, threshold, keys, ids);
    } else {
      return core_keys().pairs32(at(begin), type, end - begin, id, reverse, threshold, keys, ids);
    }
  }
  // Keeps every number; a float key of 0 is a NaN.
  [[nodiscard]] Key lowest() const noexcept { return type == DType::kInt32 ? 0 : 1; }
};

template <class Key>
struct Pairs {
  std::span<Key> keys;
  std::span<int32_t> ids;
  int64_t count = 0;
};

template <class Key>
Pairs<Key> take_pairs(int64_t capacity, Scratch& scratch) {
  const auto size = static_cast<std::size_t>(capacity + kRoom);
  return {scratch.take<Key>(size), scratch.take<int32_t>(size), 0};
}

// A key that about `target` values reach, from values at scattered positions; how many reach it is only a guess.
template <class Key>
Key guess_threshold(const Row<Key>& row, int64_t k, int64_t& target, Scratch& scratch) {
  const int64_t size = row.n >= (1 << 19) ? 4096 : 1024;
  auto sample = scratch.take<Key>(static_cast<std::size_t>(size + kRoom));
  int32_t ignored[1 + kRoom];
  for (int64_t i = 0; i < size; ++i) {
    const auto at = static_cast<int64_t>(
        mul_high(static_cast<uint64_t>(i + 1) * 0x9e3779b97f4a7c15u, static_cast<uint64_t>(row.n)));
    Key key[1 + kRoom];
    sample[static_cast<std::size_t>(i)] = row.pairs(at, at + 1, 0, key, ignored) != 0 ? key[0] : 0;
  }
  const double expected = static_cast<double>(k) * static_cast<double>(size) / static_cast<double>(row.n);
  const auto rank = static_cast<int64_t>(expected + 3.0 * std::sqrt(expected) + 4.0);
  target = rank * row.n / size;
  if (rank >= size) {
    return row.lowest();
  }
  const auto middle = sample.begin() + rank;
  std::nth_element(sample.begin(), middle, sample.begin() + size, std::greater<Key>());
  return std::max(*middle, row.lowest());
}

// Pairs that reach the threshold, or count = -1 when there are more than the capacity.
template <class Key>
Pairs<Key> collect(const Row<Key>& row, Key threshold, int64_t capacity, Scratch& scratch) {
  Pairs<Key> found = take_pairs<Key>(capacity, scratch);
  for (int64_t begin = 0; begin < row.n; begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, row.n);
    if (found.count + (end - begin) > capacity) {
      found.count = -1;
      return found;
    }
    found.count += row.pairs(begin, end, threshold, found.keys.data() + found.count, found.ids.data() + found.count);
  }
  return found;
}

// The same by thread blocks, each into its own part, moved together in block order.
template <class Key>
Pairs<Key> collect_parallel(const Row<Key>& row, Key threshold, Scratch& scratch) {
  const int64_t blocks = (row.n + kWideBlock - 1) / kWideBlock;
  const int64_t part = kWideBlock + kRoom;
  Pairs<Key> found = take_pairs<Key>(blocks * part, scratch);
  auto counts = scratch.take<int64_t>(static_cast<std::size_t>(blocks));
  parallel_for(blocks, 1, [&](int64_t from, int64_t to) {
    for (int64_t block = from; block < to; ++block) {
      const int64_t begin = block * kWideBlock;
      counts[static_cast<std::size_t>(block)] =
          row.pairs(begin, std::min(begin + kWideBlock, row.n), threshold, found.keys.data() + block * part,
                    found.ids.data() + block * part);
    }
  });
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t count = counts[static_cast<std::size_t>(block)];
    std::copy_n(found.keys.data() + block * part, count, found.keys.data() + found.count);
    std::copy_n(found.ids.data() + block * part, count, found.ids.data() + found.count);
    found.count += count;
  }
  return found;
}

template <class Key>
Pairs<Key> candidates(const Row<Key>& row, int64_t k, Scratch& scratch) {
  if (row.n > kSmallRow && k <= row.n / 4) {
    int64_t target = 0;
    const Key threshold = guess_threshold(row, k, target, scratch);
    if (threshold > row.lowest()) {
      Pairs<Key> found = row.n >= kLongRow ? collect_parallel(row, threshold, scratch)
                                           : collect(row, threshold, 2 * target + 2 * kBlock, scratch);
      if (found.count >= k) {
        return found;
      }
    }
  }
  return row.n >= kLongRow ? collect_parallel(row, row.lowest(), scratch) : collect(row, row.lowest(), row.n, scratch);
}

template <class Key>
TopkResult select(const Row<Key>& row, int64_t k, bool by_value, int32_t* ids, Scratch& scratch) {
  Pairs<Key> found = candidates(row, k, scratch);
  TopkResult result{.count = std::min(k, found.count)};
  if (result.count == 0) {
    return result;
  }
  const auto size = static_cast<std::size_t>(found.count);
  const KthKey<Key> kth = find_kth_key(std::span<const Key>(found.keys.first(size)), result.count, scratch);
  result.kth_key = kth.key;
  int64_t equal_left = kth.equal;
  int64_t kept = 0;
  for (int64_t i = 0; i < found.count; ++i) {  // in place: kept <= i
    const Key key = found.keys[static_cast<std::size_t>(i)];
    const bool equal = key == kth.key && equal_left > 0;
    const bool keep = key > kth.key || equal;
    equal_left -= equal;
    found.keys[static_cast<std::size_t>(kept)] = key;
    found.ids[static_cast<std::size_t>(kept)] = found.ids[static_cast<std::size_t>(i)];
    kept += keep;
  }
  const auto chosen = static_cast<std::size_t>(kept);
  if (by_value) {
    sort_by_key_descending(found.keys.first(chosen), found.ids.first(chosen), scratch);
  }
  std::copy_n(found.ids.data(), kept, ids);
  return result;
}

}  // namespace

TopkResult row_topk(const void* x, DType type, int64_t n, int32_t first, int64_t k, TopkOptions options, int32_t* ids,
                    Scratch& scratch) {
  if (n == 0 || k == 0) {
    return {};
  }
  if (type == DType::kFloat64) {
    const Row<uint64_t> row{x, type, n, first, options.largest ? 0 : ~uint64_t{0}};
    return select(row, k, options.by_value, ids, scratch);
  }
  const Row<uint32_t> row{x, type, n, first, options.largest ? 0 : ~uint32_t{0}};
  return select(row, k, options.by_value, ids, scratch);
}

}  // namespace tokops
