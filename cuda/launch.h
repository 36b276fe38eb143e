// SPDX-License-Identifier: Apache-2.0
// Grids, blocks, shared memory and workspace of every kernel, as constexpr integer arithmetic.
// Plain C++: the bindings, the kernels, the simulated grid and tests without a GPU all use the same numbers.
// Workspace parts start at multiples of 16 bytes. A size that does not fit 63 bits is reported as -1.
#pragma once

#include <stdint.h>

namespace tokops::cuda {

constexpr int64_t kMaxGrid = 2147483647;      // blocks along x
constexpr int64_t kStaticShared = 48 * 1024;  // bytes a block may use without asking for more
constexpr int64_t kMaxParameters = 4096;      // bytes of kernel arguments
constexpr int64_t kAlignment = 16;            // of every part of a workspace
constexpr int64_t kTooLarge = -1;

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Adds `count` items of `item` bytes behind `size` bytes; kTooLarge stays kTooLarge.
constexpr int64_t append(int64_t size, int64_t count, int64_t item) {
  int64_t bytes = 0;
  if (size < 0 || count < 0 || __builtin_mul_overflow(count, item, &bytes) ||
      __builtin_add_overflow(bytes, kAlignment - 1, &bytes) ||
      __builtin_add_overflow(size, bytes / kAlignment * kAlignment, &size)) {
    return kTooLarge;
  }
  return size;
}

// --- kv_topk: one block per row -----------------------------------------------------------------

constexpr int kTopkThreads = 1024;
constexpr int kTopkDigitBits = 11;                    // fixed by one pass over the row
constexpr int kTopkBins = 1 << kTopkDigitBits;        // counters in shared memory
constexpr int kTopkItems = 8;                         // consecutive columns of a thread when ids are written in order
constexpr int kTopkTile = kTopkThreads * kTopkItems;  // counts of a tile fit 16 bits
constexpr int kSortThreads = 512;                     // threads that own a run of the pairs to sort
constexpr int kSortDigitBits = 4;
constexpr int kSortCounters = kSortThreads << kSortDigitBits;

static_assert(kTopkTile < (1 << 16));
static_assert(kSortCounters % kTopkThreads == 0 && kTopkBins % kTopkThreads == 0);

// Passes of the radix search over keys of `bits` bits.
constexpr int topk_passes(int bits) { return static_cast<int>(ceil_div(bits, kTopkDigitBits)); }

struct TopkWorkspace {
  int64_t report;  // int64[rows]: what nan="raise" found, see kv_topk.h
  int64_t keys;    // key[rows][2][k]: the pairs to sort and where a pass puts them
  int64_t ids;     // int32[rows][2][k]
  int64_t bytes;
};

constexpr TopkWorkspace topk_workspace(int64_t rows, int64_t k, int64_t key_bytes, bool by_value, bool report) {
  int64_t pairs = 0;
  if (__builtin_mul_overflow(rows, k, &pairs) || __builtin_mul_overflow(pairs, int64_t{2}, &pairs)) {
    return {0, 0, 0, kTooLarge};
  }
  const int64_t keys = append(0, report ? rows : 0, 8);
  const int64_t ids = append(keys, by_value ? pairs : 0, key_bytes);
  return {0, keys, ids, append(ids, by_value ? pairs : 0, 4)};
}

}  // namespace tokops::cuda
