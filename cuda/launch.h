// SPDX-License-Identifier: Apache-2.0
// Grids, blocks, shared memory and workspace of every kernel, as constexpr integer arithmetic.
// Plain C++: the bindings, the kernels, the simulated grid and tests without a GPU all use the same numbers.
// Workspace parts start at multiples of 16 bytes. A size that does not fit 63 bits is reported as -1.
#pragma once

#include <stdint.h>

#include "tokops/dtype.h"

namespace tokops::cuda {

constexpr int64_t kMaxGrid = 2147483647;      // blocks along x
constexpr int64_t kStaticShared = 48 * 1024;  // bytes a block may use without asking for more
constexpr int64_t kMaxParameters = 4096;      // bytes of kernel arguments
constexpr int64_t kAlignment = 16;            // of every part of a workspace
constexpr int64_t kTooLarge = -1;

constexpr TOKOPS_HD int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

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

// --- prune_maxmin: one block per segment, after grids over rows ---------------------------------

constexpr int kLanes = 16;            // threads of one canonical dot product
constexpr int kPrepareThreads = 256;  // 16 rows per block
constexpr int kMaxminThreads = 1024;  // 64 dot products at a time
constexpr int kMaxminUnroll = 4;      // of such sets between two barriers
constexpr int kMaxminRows = kMaxminThreads / kLanes * kMaxminUnroll;
constexpr int kTotalThreads = 256;  // columns per block of the medoid's sum

static_assert(kMaxminRows <= kMaxminThreads, "one thread finishes one dot product");

constexpr int64_t prepare_blocks(int64_t rows) { return ceil_div(rows, kPrepareThreads / kLanes); }
constexpr int64_t total_blocks(int64_t segments, int64_t d) { return segments * ceil_div(d, kTotalThreads); }

struct MaxminWorkspace {
  int64_t square;          // float64[rows]
  int64_t outside_square;  // float64[outside rows]
  int64_t nearest;         // float64[rows]
  int64_t gap;             // float32[rows]
  int64_t picks;           // int32[rows]
  int64_t total;           // float64[segments, d], for init="medoid"
  int64_t unit;            // uint16[rows, d], for precision="input"
  int64_t outside_unit;    // uint16[outside rows, d], for precision="input"
  int64_t bytes;
};

constexpr MaxminWorkspace maxmin_workspace(int64_t rows, int64_t outside_rows, int64_t segments, int64_t d, bool medoid,
                                           bool rounded) {
  MaxminWorkspace parts{};
  int64_t totals = 0;
  int64_t units = 0;
  int64_t outside_units = 0;
  if (__builtin_mul_overflow(medoid ? segments : 0, d, &totals) ||
      __builtin_mul_overflow(rounded ? rows : 0, d, &units) ||
      __builtin_mul_overflow(rounded ? outside_rows : 0, d, &outside_units)) {
    parts.bytes = kTooLarge;
    return parts;
  }
  parts.outside_square = append(0, rows, 8);
  parts.nearest = append(parts.outside_square, outside_rows, 8);
  parts.gap = append(parts.nearest, rows, 8);
  parts.picks = append(parts.gap, rows, 4);
  parts.total = append(parts.picks, rows, 4);
  parts.unit = append(parts.total, totals, 8);
  parts.outside_unit = append(parts.unit, units, 2);
  parts.bytes = append(parts.outside_unit, outside_units, 2);
  return parts;
}

}  // namespace tokops::cuda
