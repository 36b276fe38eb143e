// SPDX-License-Identifier: Apache-2.0
// Blocks of canonical dot products, 16 threads each, and the choice of the best of one candidate per thread.
// 64 products at a time in a block of 1024 threads, four sets between two barriers; columns are read 16 at a time.
#pragma once

#include "cuda/prune_rows.h"

namespace tokops::cuda {

template <int kThreads>
struct DotShared {
  union {
    double partial[kMaxminUnroll][kThreads];
    uint32_t scan[2][kThreads];
  };
  double score[kThreads];
  int32_t index[kThreads];
  double best_score;
  int32_t best_index;
  uint32_t bad;
};

static_assert(sizeof(DotShared<kMaxminThreads>) <= kStaticShared);

// Calls use(t, row, g) for the rows [begin, end) of a table, on one thread each; g is the dot product with `other`,
// a row of float32 values or of float64 totals. Two barriers per 256 rows.
template <class Source, class Block, class Shared, class Other, class Use>
TOKOPS_HD void for_each_dot(Block& block, Shared& shared, const RowTable& table, int64_t d, const Other& other,
                            int64_t begin, int64_t end, Use&& use) {
  constexpr int kGroups = Block::kThreads / kLanes;
  constexpr int kRows = kGroups * kMaxminUnroll;
  for (int64_t tile = begin; tile < end; tile += kRows) {
    block.each([&](int t) {
      const int lane = t % kLanes;
      const typename Source::Item* rows[kMaxminUnroll];
      double sums[kMaxminUnroll];
      for (int r = 0; r < kMaxminUnroll; ++r) {
        const int64_t row = tile + r * kGroups + t / kLanes;
        rows[r] = row_at<Source>(table, row < end ? row : tile);  // a row too many is summed and not used
        sums[r] = 0;
      }
      for (int64_t c = lane; c < d; c += kLanes) {
        const auto value = other(c);
        for (int r = 0; r < kMaxminUnroll; ++r) {
          sums[r] = other.add(Source::widen(rows[r][c]), value, sums[r]);
        }
      }
      for (int r = 0; r < kMaxminUnroll; ++r) {
        shared.partial[r][t] = sums[r];
      }
    });
    block.each([&](int t) {
      if (t < kRows && tile + t < end) {
        use(t, tile + t, halving_sum(&shared.partial[t / kGroups][(t % kGroups) * kLanes]));
      }
    });
  }
}

template <class Source>
struct OtherRow {
  const typename Source::Item* row;
  TOKOPS_HD float operator()(int64_t c) const { return Source::widen(row[c]); }
  static TOKOPS_HD double add(float a, float b, double sum) { return exact_multiply_add(a, b, sum); }
};

// Products with a float64 total are rounded before the sum: no fused multiply-add.
struct OtherTotal {
  const double* total;
  TOKOPS_HD double operator()(int64_t c) const { return total[c]; }
  static TOKOPS_HD double add(float a, double b, double sum) {
#if defined(__CUDA_ARCH__)
    return __dadd_rn(sum, __dmul_rn(static_cast<double>(a), b));
#else
    return sum + static_cast<double>(a) * b;
#endif
  }
};

// The pair (score[t], index[t]) that comes first of all threads, in shared.best_score and shared.best_index.
template <class Block, class Shared>
TOKOPS_HD void find_best(Block& block, Shared& shared) {
  static_assert(Block::kThreads == 32 * 32);
  for (int count = Block::kThreads, step = 32; count > 1; count /= step) {
    const int left = count / step;
    block.each([&](int t) {
      if (t < left) {  // reads only what it will overwrite, or what nobody does
        double score = shared.score[t];
        int32_t index = shared.index[t];
        for (int i = t + left; i < count; i += left) {
          if (prune::comes_before(shared.score[i], shared.index[i], score, index)) {
            score = shared.score[i];
            index = shared.index[i];
          }
        }
        shared.score[t] = score;
        shared.index[t] = index;
      }
    });
  }
  block.each([&](int t) {
    if (t == 0) {
      shared.best_score = shared.score[0];
      shared.best_index = shared.index[0];
    }
  });
}

}  // namespace tokops::cuda
