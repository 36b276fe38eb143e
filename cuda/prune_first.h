// SPDX-License-Identifier: Apache-2.0
// The steps before the greedy loop, spread over the whole device: squares and unit rows (one pass), the sum of the
// directions for init="medoid", and the value of each row for the first pick (one pass over the segment per row).
#pragma once

#include "cuda/prune_dots.h"

namespace tokops::cuda {

// Squares of the rows and outside rows; for kRounded their unit rows, as unit_rows.h describes them.
struct PrepareStep {
  static constexpr int kThreads = kPrepareThreads;
  using Shared = DotShared<kThreads>;

  template <class Source, class Block>
  static TOKOPS_HD void body(Block& block, Shared& shared, const MaxminTask& task) {
    constexpr int kGroups = kThreads / kLanes;
    const int64_t first = block.index() * kGroups;
    const auto place = [&](int t, const RowTable*& from, int64_t& row) {
      const int64_t i = first + t;
      from = i < task.x.count ? &task.x : &task.outside;
      row = i < task.x.count ? i : i - task.x.count;
      return row < from->count;
    };
    block.each([&](int t) {
      const RowTable* from = nullptr;
      int64_t row = 0;
      double sum = 0;
      if (place(t / kLanes, from, row)) {
        const typename Source::Item* const values = row_at<Source>(*from, row);
        for (int64_t c = t % kLanes; c < task.d; c += kLanes) {
          const float value = Source::widen(values[c]);
          sum = exact_multiply_add(value, value, sum);
        }
      }
      shared.partial[0][t] = sum;
    });
    block.each([&](int t) {
      const RowTable* from = nullptr;
      int64_t row = 0;
      if (t < kGroups && place(t, from, row)) {
        const double square = halving_sum(&shared.partial[0][t * kLanes]);
        (from == &task.x ? task.square : task.outside_square)[row] = square;
        shared.score[t] = square;
      }
    });
    if (task.metric != Metric::kRounded) {
      return;
    }
    block.each([&](int t) {
      const RowTable* from = nullptr;
      int64_t row = 0;
      if (place(t / kLanes, from, row)) {
        const typename Source::Item* const values = row_at<Source>(*from, row);
        uint16_t* const unit = (from == &task.x ? task.unit : task.outside_unit) + row * task.d;
        const double length = prune::round_to(task.type, sqrt(shared.score[t / kLanes]));
        for (int64_t c = t % kLanes; c < task.d; c += kLanes) {
          const double quotient = length == 0 ? 0.0 : static_cast<double>(Source::widen(values[c])) / length;
          const auto value = static_cast<float>(prune::round_to(task.type, quotient));
          unit[c] = task.type == DType::kBFloat16 ? bf16_from_float(value) : f16_from_float(value);
        }
      }
    });
  }
};

// total[s][c] = sum over the rows of x[c] / |x| (euclidean: x[c]), in row order; zero rows are skipped.
struct TotalStep {
  static constexpr int kThreads = kTotalThreads;
  struct Shared {};

  template <class Source, class Block>
  static TOKOPS_HD void body(Block& block, Shared& /*shared*/, const MaxminTask& task) {
    const int64_t tiles = ceil_div(task.d, kThreads);
    const int64_t s = block.index() / tiles;
    const SegmentBounds bounds = segment_bounds(task, s);
    block.each([&](int t) {
      const int64_t c = (block.index() - s * tiles) * kThreads + t;
      double total = 0;
      for (int64_t row = bounds.begin; c < task.d && row < bounds.end; ++row) {
        const double length = task.metric == Metric::kEuclidean ? 1.0 : sqrt(task.square[row]);
        if (length != 0) {
          total += static_cast<double>(Source::widen(row_at<Source>(task.x, row)[c])) / length;
        }
      }
      if (c < task.d) {
        task.total[s * task.d + c] = total;
      }
    });
  }
};

// nearest[row] = distance to the nearest other row; for kFarthestPair the farthest later row. One block per row.
struct FirstStep {
  static constexpr int kThreads = kMaxminThreads;
  using Shared = DotShared<kThreads>;

  template <class Source, class Block>
  static TOKOPS_HD void body(Block& block, Shared& shared, const MaxminTask& task) {
    const int64_t row = block.index();
    const int64_t s =
        task.offsets != nullptr ? lower_bound(task.offsets, task.segments + 1, row + 1) - 1 : row / task.x.per_item;
    if (s < 0 || s >= task.segments) {
      return;
    }
    const SegmentBounds bounds = segment_bounds(task, s);
    if (bounds.bad || bounds.has_kept() || bounds.k == 0 || row < bounds.begin || row >= bounds.end) {
      return;
    }
    const bool pair = task.first == First::kFarthestPair;
    const RowTable table = compared_rows(task);
    const double square = task.square[row];
    const double none = pair ? -INFINITY : INFINITY;
    block.each([&](int t) { shared.score[t] = none; });
    for_each_dot<Source>(block, shared, table, task.d, OtherRow<Source>{row_at<Source>(table, row)},
                         pair ? row + 1 : bounds.begin, bounds.end, [&](int t, int64_t other, double g) {
                           const double distance = distance_of(task, g, task.square[other], square);
                           if (other != row && (pair ? distance > shared.score[t] : distance < shared.score[t])) {
                             shared.score[t] = distance;
                           }
                         });
    block.each([&](int t) {
      shared.score[t] = pair ? shared.score[t] : -shared.score[t];
      shared.index[t] = 0;
    });
    find_best(block, shared);
    block.each([&](int t) {
      if (t == 0) {
        task.nearest[row] = pair ? shared.best_score : -shared.best_score;
      }
    });
  }
};

}  // namespace tokops::cuda
