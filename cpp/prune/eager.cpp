// SPDX-License-Identifier: Apache-2.0
// See eager.h. Rows are folded in blocks of fixed size, so threads never change a result.
#include "prune/eager.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "kernels/prune_canonical.h"
#include "tokops/thread_pool.h"

namespace tokops::prune {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kBlock = 64;

// Blocks of about 50 us: a canonical dot runs at some 4 elements per ns.
int64_t grain_of(int64_t d) { return std::max<int64_t>(kBlock, 200000 / std::max<int64_t>(d, 1)); }

void fold(const Segment& segment, const void* row, double square, std::span<double> nearest) {
  const int64_t n = segment.rows.count;
  parallel_for(n, grain_of(segment.d), [&](int64_t begin, int64_t end) {
    std::vector<double> wide(static_cast<std::size_t>(segment.d));
    std::array<double, kBlock> distance;
    for (int64_t i = begin; i < end; i += kBlock) {
      const int64_t stop = std::min(i + kBlock, end);
      canonical_distances(segment, row, square, i, stop, wide.data(), distance.data());
      for (int64_t j = i; j < stop; ++j) {
        double& best = nearest[static_cast<std::size_t>(j)];
        best = std::min(best, distance[static_cast<std::size_t>(j - i)]);
      }
    }
  });
}

}  // namespace

void canonical_distances(const Segment& segment, const void* row, double square, int64_t begin, int64_t end,
                         double* wide, double* out) {
  const PruneCanonical& kernel = prune_canonical();
  kernel.widen(segment.type, row, segment.d, wide);
  for (int64_t i = begin; i < end; i += kBlock) {
    std::array<const void*, kBlock> rows;
    const int64_t count = std::min(kBlock, end - i);
    for (int64_t j = 0; j < count; ++j) {
      rows[static_cast<std::size_t>(j)] = segment.rows.row(i + j);
    }
    double* to = out + (i - begin);
    kernel.dots(segment.type, rows.data(), count, wide, segment.d, to);
    for (int64_t j = 0; j < count; ++j) {
      to[j] = segment.distance(to[j], segment.rows.square[i + j], square);
    }
  }
}

int64_t select_eager(const Segment& segment, Scratch& scratch, std::span<Pick> picks) {
  const int64_t n = segment.rows.count;
  const auto nearest = scratch.take<double>(static_cast<std::size_t>(n));
  const auto taken = scratch.take<bool>(static_cast<std::size_t>(n));
  std::fill(nearest.begin(), nearest.end(), kInfinity);
  std::fill(taken.begin(), taken.end(), false);
  for (const int64_t anchor : segment.anchors) {
    const int64_t row = anchor - segment.anchor_shift;
    taken[static_cast<std::size_t>(row)] = true;
    fold(segment, segment.rows.row(row), segment.rows.square[row], nearest);
  }
  for (int64_t i = 0; i < segment.outside.count; ++i) {
    fold(segment, segment.outside.row(i), segment.outside.square[i], nearest);
  }
  int64_t count = 0;
  while (count < segment.k) {
    Pick best{n, 0};
    if (count == 0 && !segment.has_kept()) {
      best = first_pick(segment, scratch);
    } else {
      for (int64_t i = 0; i < n; ++i) {
        if (!taken[static_cast<std::size_t>(i)]) {
          const double score = segment.score(nearest[static_cast<std::size_t>(i)], i);
          if (best.row == n || score > best.gap) {
            best = {i, score};
          }
        }
      }
      if (best.gap < segment.min_distance) {
        break;
      }
    }
    picks[static_cast<std::size_t>(count++)] = best;
    taken[static_cast<std::size_t>(best.row)] = true;
    if (count < segment.k) {
      fold(segment, segment.rows.row(best.row), segment.rows.square[best.row], nearest);
    }
  }
  return count;
}

}  // namespace tokops::prune
