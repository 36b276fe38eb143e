// SPDX-License-Identifier: Apache-2.0
// Top-k of each row inside its valid range: exact, ties to the lowest column, NaN never chosen; ids ascending or best
// first; the same ids as the CPU operator. One block of 1024 threads per row.
// Passes over the row: one count per 11 bits of the key until the k-th key is known (2 for 16-bit floats, 3 for 32-bit
// values, 6 for float64; fewer when a bin is taken whole), then one that writes ids in column order by block scans.
// order="value" sorts the k pairs by a stable radix sort in the workspace. No buffer bounds k or n.
// Shared memory 40 KiB; registers aimed at 64; counters are integers, so the order of atomics shows nowhere.
// A row whose range does not fit into [0, n) gets only -1: nothing outside of x is read.
#pragma once

#include "cuda/block.h"
#include "cuda/launch.h"
#include "tokops/dtype.h"
#include "tokops/order_key.h"

namespace tokops::cuda {

constexpr int64_t kReportClean = -1;
constexpr int64_t kReportBadRange = -2;

struct TopkTask {
  const void* x;          // [rows, n], unit last stride
  const int32_t* starts;  // [rows] or null
  const int32_t* lens;    // [rows] or null
  int32_t* ids;           // [rows, k]
  void* values;           // [rows, k] or null
  int64_t* report;        // [rows] or null: first NaN column, kReportClean or kReportBadRange
  void* pair_keys;        // [rows, 2, k], only for by_value
  int32_t* pair_ids;      // [rows, 2, k], only for by_value
  int64_t rows, n, k, row_stride;
  DType type;
  bool largest, by_value;
};

struct TopkShared {
  union {
    uint32_t bins[kTopkBins];
    uint32_t counters[kSortCounters];
  };
  uint32_t scan[2][kTopkThreads];
  uint32_t bin, above, inside;
};

static_assert(sizeof(TopkShared) <= kStaticShared);

// How one element type gives keys: larger value, larger key; key 0 is a NaN where the type has one.
struct Float32Keys {
  using Key = uint32_t;
  using Raw = uint32_t;
  static constexpr int kBits = 32, kLowBit = 0;
  static constexpr bool kHasNan = true;
  static TOKOPS_HD Key key(Raw raw, Key reverse) { return float_order_key(raw, kInfinity32, reverse); }
};

template <uint32_t kInfinity>
struct Half16Keys {
  using Key = uint32_t;
  using Raw = uint16_t;
  static constexpr int kBits = 32, kLowBit = 16;  // the low half follows from the sign
  static constexpr bool kHasNan = true;
  static TOKOPS_HD Key key(Raw raw, Key reverse) {
    return float_order_key(static_cast<uint32_t>(raw) << 16, kInfinity, reverse);
  }
};
using Float16Keys = Half16Keys<kInfinity16>;
using BFloat16Keys = Half16Keys<kInfinity32>;

struct Int32Keys {
  using Key = uint32_t;
  using Raw = int32_t;
  static constexpr int kBits = 32, kLowBit = 0;
  static constexpr bool kHasNan = false;
  static TOKOPS_HD Key key(Raw raw, Key reverse) { return int_order_key(raw, reverse); }
};

struct Float64Keys {
  using Key = uint64_t;
  using Raw = uint64_t;
  static constexpr int kBits = 64, kLowBit = 0;
  static constexpr bool kHasNan = true;
  static TOKOPS_HD Key key(Raw raw, Key reverse) { return double_order_key(raw, reverse); }
};

// Which keys are taken: those with (key & mask) > prefix, and of those equal to it the first `equal` by column.
template <class Key>
struct Threshold {
  Key prefix = 0;
  Key mask = 0;
  uint32_t equal = 0;
  uint32_t taken = 0;  // min(k, values that are not NaN)
};

template <class Source>
struct TopkRow {
  using Key = typename Source::Key;
  using Raw = typename Source::Raw;

  const Raw* x;
  Key reverse;
  int64_t begin, end;

  TOKOPS_HD Key key(int64_t column) const { return Source::key(x[column], reverse); }
  static TOKOPS_HD bool counts(Key key) { return !Source::kHasNan || key != 0; }
};

// Counts the digit at `shift` of the keys that still match, and finds the bin that holds the want-th largest:
// shared.bin, with shared.above keys in higher bins and shared.inside in it. Returns the number of matching keys.
template <class Block, class Row, class Key>
TOKOPS_HD uint32_t count_digit(Block& block, TopkShared& shared, const Row& row, const Threshold<Key>& threshold,
                               int shift, uint32_t bins, uint32_t want) {
  block.each([&](int t) {
    for (uint32_t bin = static_cast<uint32_t>(t); bin < kTopkBins; bin += Block::kThreads) {
      shared.bins[bin] = 0;
    }
  });
  block.each([&](int t) {
    for (int64_t column = row.begin + t; column < row.end; column += Block::kThreads) {
      const Key key = row.key(column);
      if (Row::counts(key) && (key & threshold.mask) == threshold.prefix) {
        block.add(&shared.bins[static_cast<uint32_t>(key >> shift) & (bins - 1)], 1);
      }
    }
  });
  constexpr uint32_t kOwn = kTopkBins / Block::kThreads;
  PerThread<Block, uint32_t> before;
  block.each([&](int t) {
    before[t] = 0;
    for (uint32_t i = 0; i < kOwn; ++i) {
      before[t] += shared.bins[kTopkBins - 1 - (static_cast<uint32_t>(t) * kOwn + i)];
    }
  });
  const uint32_t all = exclusive_scan(block, before, shared.scan);
  const uint32_t wanted = want < all ? want : all;
  block.each([&](int t) {
    uint32_t above = before[t];
    for (uint32_t i = 0; i < kOwn; ++i) {
      const uint32_t bin = kTopkBins - 1 - (static_cast<uint32_t>(t) * kOwn + i);
      const uint32_t inside = shared.bins[bin];
      if (above < wanted && wanted <= above + inside) {  // true for one bin of one thread
        shared.bin = bin;
        shared.above = above;
        shared.inside = inside;
      }
      above += inside;
    }
  });
  return all;
}

template <class Block, class Row, class Source>
TOKOPS_HD Threshold<typename Source::Key> find_threshold(Block& block, TopkShared& shared, const Row& row, int64_t k,
                                                         Source /*source*/) {
  using Key = typename Source::Key;
  Threshold<Key> threshold;
  uint32_t want = k < row.end - row.begin ? static_cast<uint32_t>(k) : static_cast<uint32_t>(row.end - row.begin);
  int high = Source::kBits;  // bits at and above it are fixed
  while (high > Source::kLowBit) {
    const int width = high < kTopkDigitBits ? high : kTopkDigitBits;
    const int shift = high - width;
    const uint32_t bins = 1u << width;
    const uint32_t all = count_digit(block, shared, row, threshold, shift, bins, want);
    if (high == Source::kBits) {
      want = want < all ? want : all;
      threshold.taken = want;
      if (want == all) {  // every number is taken
        threshold.equal = want;
        return threshold;
      }
    }
    const uint32_t bin = block.uniform(shared.bin);
    want -= block.uniform(shared.above);
    threshold.prefix |= static_cast<Key>(bin) << shift;
    threshold.mask |= static_cast<Key>(bins - 1) << shift;
    high = shift;
    if (block.uniform(shared.inside) == want) {  // the bin is taken whole
      break;
    }
  }
  threshold.equal = want;
  return threshold;
}

// Calls put(position, column, key) for every taken column; positions count them in column order.
template <class Block, class Row, class Key, class Put>
TOKOPS_HD void for_each_taken(Block& block, TopkShared& shared, const Row& row, const Threshold<Key>& threshold,
                              Put&& put) {
  uint32_t above_done = 0;
  uint32_t equal_done = 0;
  for (int64_t tile = row.begin; tile < row.end; tile += kTopkTile) {
    PerThread<Block, uint32_t> before;  // keys above in the high half, equal ones in the low half
    block.each([&](int t) {
      const int64_t first = tile + int64_t{t} * kTopkItems;
      uint32_t packed = 0;
      for (int64_t column = first; column < first + kTopkItems && column < row.end; ++column) {
        const Key key = row.key(column);
        const Key high = key & threshold.mask;
        if (Row::counts(key)) {
          packed += high > threshold.prefix ? 1u << 16 : high == threshold.prefix ? 1u : 0u;
        }
      }
      before[t] = packed;
    });
    const uint32_t all = exclusive_scan(block, before, shared.scan);
    block.each([&](int t) {
      const int64_t first = tile + int64_t{t} * kTopkItems;
      uint32_t above = above_done + (before[t] >> 16);
      uint32_t equal = equal_done + (before[t] & 0xffffu);
      for (int64_t column = first; column < first + kTopkItems && column < row.end; ++column) {
        const Key key = row.key(column);
        const Key high = key & threshold.mask;
        if (!Row::counts(key) || high < threshold.prefix) {
          continue;
        }
        const uint32_t position = above + (equal < threshold.equal ? equal : threshold.equal);
        if (high > threshold.prefix) {
          put(position, column, key);
          ++above;
        } else {
          if (equal < threshold.equal) {
            put(position, column, key);
          }
          ++equal;
        }
      }
    });
    above_done += all >> 16;
    equal_done += all & 0xffffu;
  }
}

// Sorts `count` pairs by descending key, equal keys in their order; an even number of passes ends where it began.
template <class Block, class Key>
TOKOPS_HD void sort_pairs(Block& block, TopkShared& shared, Key* keys, int32_t* ids, int64_t stride, int64_t count,
                          int low_bit) {
  static_assert(static_cast<int>(8 * sizeof(Key)) % (2 * kSortDigitBits) == 0);
  constexpr int kOwn = kSortCounters / Block::kThreads;
  constexpr uint32_t kDigit = (1u << kSortDigitBits) - 1;
  const int64_t run = (count + kSortThreads - 1) / kSortThreads;
  int64_t from = 0;
  for (int shift = low_bit; shift < static_cast<int>(8 * sizeof(Key)); shift += kSortDigitBits) {
    const int64_t to = stride - from;
    const auto counter = [&](int t, Key key) -> uint32_t& {
      return shared.counters[(static_cast<uint32_t>(~key >> shift) & kDigit) * kSortThreads + static_cast<uint32_t>(t)];
    };
    block.each([&](int t) {
      for (int digit = 0; t < kSortThreads && digit <= static_cast<int>(kDigit); ++digit) {
        shared.counters[digit * kSortThreads + t] = 0;
      }
    });
    block.each([&](int t) {
      for (int64_t i = t * run; t < kSortThreads && i < (t + 1) * run && i < count; ++i) {
        ++counter(t, keys[from + i]);
      }
    });
    PerThread<Block, uint32_t> before;
    block.each([&](int t) {
      before[t] = 0;
      for (int i = 0; i < kOwn; ++i) {
        before[t] += shared.counters[t * kOwn + i];
      }
    });
    (void)exclusive_scan(block, before, shared.scan);
    block.each([&](int t) {
      uint32_t next = before[t];
      for (int i = 0; i < kOwn; ++i) {
        const uint32_t here = shared.counters[t * kOwn + i];
        shared.counters[t * kOwn + i] = next;
        next += here;
      }
    });
    block.each([&](int t) {
      for (int64_t i = t * run; t < kSortThreads && i < (t + 1) * run && i < count; ++i) {
        const int64_t place = counter(t, keys[from + i])++;
        keys[to + place] = keys[from + i];
        ids[to + place] = ids[from + i];
      }
    });
    from = to;
  }
}

// First NaN column of the row, or kReportClean.
template <class Block, class Row>
TOKOPS_HD void report_nan(Block& block, TopkShared& shared, const Row& row, int64_t* report) {
  block.each([&](int t) {
    int64_t column = row.begin + t;
    while (column < row.end && Row::counts(row.key(column))) {
      column += Block::kThreads;
    }
    shared.scan[0][t] = static_cast<uint32_t>(column < row.end ? column : row.end);
  });
  block.each([&](int t) {
    if (t == 0) {
      uint32_t first = static_cast<uint32_t>(row.end);
      for (int i = 0; i < Block::kThreads; ++i) {
        first = shared.scan[0][i] < first ? shared.scan[0][i] : first;
      }
      *report = first < row.end ? static_cast<int64_t>(first) : kReportClean;
    }
  });
}

template <class Block, class Raw>
TOKOPS_HD void copy_values(Block& block, const TopkTask& task, const Raw* x, const int32_t* ids, int64_t row) {
  block.each([&](int t) {
    for (int64_t j = t; j < task.k; j += Block::kThreads) {
      const int64_t to = row * task.k + j;
      const Raw raw = ids[j] < 0 ? Raw{0} : x[ids[j]];
      if (task.type == DType::kUInt16) {
        static_cast<float*>(task.values)[to] = float_from_bf16(static_cast<uint16_t>(raw));
      } else {
        static_cast<Raw*>(task.values)[to] = raw;
      }
    }
  });
}

// The body of one block.
template <class Source, class Block>
TOKOPS_HD void topk_row(Block& block, TopkShared& shared, const TopkTask& task) {
  using Key = typename Source::Key;
  const int64_t index = block.index();
  int32_t* const ids = task.ids + index * task.k;
  TopkRow<Source> row{};
  row.x = static_cast<const typename Source::Raw*>(task.x) + index * task.row_stride;
  row.reverse = task.largest ? Key{0} : ~Key{0};
  row.begin = task.starts != nullptr ? task.starts[index] : 0;
  row.end = task.lens != nullptr ? row.begin + task.lens[index] : task.n;
  const bool bad = row.begin < 0 || row.end < row.begin || row.end > task.n;
  if (bad) {
    row.begin = row.end = 0;
  }
  if (task.report != nullptr) {
    report_nan(block, shared, row, task.report + index);
    block.each([&](int t) {
      if (bad && t == 0) {
        task.report[index] = kReportBadRange;
      }
    });
  }
  const Threshold<Key> threshold = find_threshold(block, shared, row, task.k, Source{});
  if (task.by_value) {
    Key* const keys = static_cast<Key*>(task.pair_keys) + index * 2 * task.k;
    int32_t* const columns = task.pair_ids + index * 2 * task.k;
    for_each_taken(block, shared, row, threshold, [&](uint32_t position, int64_t column, Key key) {
      keys[position] = key;
      columns[position] = static_cast<int32_t>(column);
    });
    sort_pairs(block, shared, keys, columns, task.k, threshold.taken, Source::kLowBit);
    block.each([&](int t) {
      for (int64_t j = t; j < threshold.taken; j += Block::kThreads) {
        ids[j] = columns[j];
      }
    });
  } else {
    for_each_taken(block, shared, row, threshold,
                   [&](uint32_t position, int64_t column, Key) { ids[position] = static_cast<int32_t>(column); });
  }
  block.each([&](int t) {
    for (int64_t j = threshold.taken + t; j < task.k; j += Block::kThreads) {
      ids[j] = -1;
    }
  });
  if (task.values != nullptr) {
    copy_values(block, task, row.x, ids, index);
  }
}

// Calls f(Source{}) with the keys of an element type.
template <class F>
void with_keys(DType type, F&& f) {
  switch (type) {
    case DType::kFloat32: f(Float32Keys{}); break;
    case DType::kFloat16: f(Float16Keys{}); break;
    case DType::kInt32: f(Int32Keys{}); break;
    case DType::kFloat64: f(Float64Keys{}); break;
    default: f(BFloat16Keys{}); break;
  }
}

// Puts the task on the stream; 1 <= rows <= kMaxGrid, k >= 1.
void launch_topk(const TopkTask& task, void* stream);

}  // namespace tokops::cuda
