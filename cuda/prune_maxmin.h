// SPDX-License-Identifier: Apache-2.0
// Greedy max-min selection: the ids and gaps of the CPU operator, bit for bit, ties to the lowest row.
// Steps, each a launch on the stream: squares (and unit rows) of all rows; the value of each row for the first pick;
// the greedy loop, one block of 1024 threads per segment; packing of the results. Every distance is canonical, in
// float64 on CUDA cores; a pick costs one pass over the segment, the first pick "isolated" n passes spread over the
// device. Workspace 24 bytes per row, plus a 16-bit copy of the rows for precision="input".
// Shared memory 44 KiB; 64 registers, on sm_80 up to 90 bytes of them spilled. A segment with NaN, infinity or offsets
// that do not fit gets ids n (one past the end), gaps NaN and count -1.
#pragma once

#include "cuda/prune_first.h"

namespace tokops::cuda {

static_assert(sizeof(MaxminTask) <= kMaxParameters);

// The greedy loop of one segment. nearest[row] is NaN for a picked row and -inf for an anchor.
struct SelectStep {
  static constexpr int kThreads = kMaxminThreads;
  using Shared = DotShared<kThreads>;

  template <class Source, class Block>
  static TOKOPS_HD void body(Block& block, Shared& shared, const MaxminTask& task) {
    const int64_t s = block.index();
    const SegmentBounds bounds = segment_bounds(task, s);
    if (bounds.bad || uniform_bad(block, shared, task, bounds)) {
      block.each([&](int t) {
        if (t == 0) {
          task.counts[s] = kBadSegment;
        }
      });
      return;
    }
    const RowTable table = compared_rows(task);
    const RowTable outside = compared_outside(task);
    const auto fold = [&](const typename Source::Item* row, double square) {
      for_each_dot<Source>(block, shared, table, task.d, OtherRow<Source>{row}, bounds.begin, bounds.end,
                           [&](int, int64_t other, double g) {
                             const double distance = distance_of(task, g, task.square[other], square);
                             if (distance < task.nearest[other]) {
                               task.nearest[other] = distance;
                             }
                           });
    };
    int64_t count = 0;
    int64_t pick = bounds.begin;
    double gap = INFINITY;
    if (bounds.k > 0 && !bounds.has_kept()) {
      first_pick<Source>(block, shared, task, bounds, pick, gap);
    }
    block.each([&](int t) {
      for (int64_t row = bounds.begin + t; row < bounds.end; row += kThreads) {
        task.nearest[row] = INFINITY;
      }
    });
    for (int64_t a = bounds.anchor_begin; a < bounds.anchor_end; ++a) {
      const int64_t row = task.anchors[a];
      fold(row_at<Source>(table, row), task.square[row]);
    }
    for (int64_t row = bounds.outside_begin; row < bounds.outside_end; ++row) {
      fold(row_at<Source>(outside, row), task.outside_square[row]);
    }
    block.each([&](int t) {
      for (int64_t a = bounds.anchor_begin + t; a < bounds.anchor_end; a += kThreads) {
        task.nearest[task.anchors[a]] = -INFINITY;
      }
    });
    while (count < bounds.k) {
      if (count > 0 || bounds.has_kept()) {
        best_free_row(block, shared, task, bounds, pick, gap);
        if (gap < task.min_distance) {
          break;
        }
      }
      block.each([&](int t) {
        if (t == 0) {
          task.picks[bounds.begin + count] = static_cast<int32_t>(pick - bounds.begin);
          task.gap[pick] = static_cast<float>(gap);
          task.nearest[pick] = NAN;
        }
      });
      ++count;
      if (count < bounds.k) {
        fold(row_at<Source>(table, pick), task.square[pick]);
      }
    }
    block.each([&](int t) {
      if (t == 0) {
        task.counts[s] = count;
      }
    });
  }

 private:
  // Whether a row, outside row or weight of the segment may not take part.
  template <class Block>
  static TOKOPS_HD bool uniform_bad(Block& block, Shared& shared, const MaxminTask& task, const SegmentBounds& bounds) {
    block.each([&](int t) {
      if (t == 0) {
        shared.bad = 0;
      }
    });
    block.each([&](int t) {
      uint32_t bad = 0;
      for (int64_t row = bounds.begin + t; row < bounds.end; row += kThreads) {
        const float weight = task.weights != nullptr ? task.weights[row] : 1.0f;
        bad += !is_finite(task.square[row]) || !is_finite(static_cast<double>(weight)) || weight < 0;
      }
      for (int64_t row = bounds.outside_begin + t; row < bounds.outside_end; row += kThreads) {
        bad += !is_finite(task.outside_square[row]);
      }
      block.add(&shared.bad, bad);
    });
    return block.uniform(shared.bad) != 0;
  }

  // The row with the largest score, of those that nearest[] does not mark; the lowest of equal ones.
  template <class Block>
  static TOKOPS_HD void best_free_row(Block& block, Shared& shared, const MaxminTask& task, const SegmentBounds& bounds,
                                      int64_t& pick, double& gap, bool weighted = true) {
    const int64_t n = bounds.end - bounds.begin;
    block.each([&](int t) {
      double score = -INFINITY;
      auto index = static_cast<int32_t>(n);
      for (int64_t i = t; i < n; i += kThreads) {
        const double nearest = task.nearest[bounds.begin + i];
        const double weight =
            weighted && task.weights != nullptr ? static_cast<double>(task.weights[bounds.begin + i]) : 1.0;
        const bool free = !weighted || nearest > -INFINITY;  // false for NaN
        const double own = nearest * weight;
        if (free && prune::comes_before(own, i, score, index)) {
          score = own;
          index = static_cast<int32_t>(i);
        }
      }
      shared.score[t] = score;
      shared.index[t] = index;
    });
    find_best(block, shared);
    pick = bounds.begin + block.uniform(shared.best_index);
    gap = block.uniform(shared.best_score);
  }

  template <class Source, class Block>
  static TOKOPS_HD void first_pick(Block& block, Shared& shared, const MaxminTask& task, const SegmentBounds& bounds,
                                   int64_t& pick, double& gap) {
    const int64_t n = bounds.end - bounds.begin;
    if (bounds.first_row >= 0) {
      pick = bounds.begin + bounds.first_row;
      return;
    }
    if (n == 1) {
      return;
    }
    if (task.first == First::kIsolated) {
      best_free_row(block, shared, task, bounds, pick, gap);
      return;
    }
    if (task.first == First::kMedoid) {
      const double* const total = task.total + block.index() * task.d;
      for_each_dot<Source>(block, shared, task.x, task.d, OtherTotal{total}, bounds.begin, bounds.end,
                           [&](int, int64_t row, double product) {
                             const double square = task.square[row];
                             task.nearest[row] = task.metric == Metric::kEuclidean
                                                     ? 2.0 * product - static_cast<double>(n) * square
                                                 : square == 0 ? -INFINITY
                                                               : product / sqrt(square);
                           });
    }
    best_free_row(block, shared, task, bounds, pick, gap, false);
    gap = INFINITY;
  }
};

// Writes indices and gaps: picks of a segment behind those of the segments before it, or in its line of a batch.
struct PackStep {
  static constexpr int kThreads = kMaxminThreads;
  using Shared = DotShared<kThreads>;

  template <class Source, class Block>
  static TOKOPS_HD void body(Block& block, Shared& shared, const MaxminTask& task) {
    const int64_t s = block.index();
    const SegmentBounds bounds = segment_bounds(task, s);
    PerThread<Block, uint32_t> before;
    block.each([&](int t) {
      before[t] = 0;
      for (int64_t other = t; !task.batch && other < s; other += kThreads) {
        before[t] += static_cast<uint32_t>(places_of(task, other));
      }
    });
    const uint32_t all_before = exclusive_scan(block, before, shared.scan);
    const int64_t base = task.batch ? s * task.width : static_cast<int64_t>(all_before);
    const int64_t limit = task.batch ? base + task.width : task.width;
    const int64_t count = task.counts[s] == kBadSegment ? 0 : task.counts[s];
    const int64_t shift = task.offsets != nullptr ? bounds.begin : 0;
    const auto put = [&](int64_t place, int64_t row) {
      if (place < limit) {
        task.indices[place] = row + shift;
        task.gaps[place] = task.gap[bounds.begin + row];
      }
    };
    if (task.pick_order) {
      block.each([&](int t) {
        for (int64_t i = t; i < count; i += kThreads) {
          put(base + i, task.picks[bounds.begin + i]);
        }
      });
    } else if (count > 0) {
      int64_t done = base;
      for (int64_t tile = bounds.begin; tile < bounds.end; tile += kThreads) {
        block.each([&](int t) { before[t] = tile + t < bounds.end && picked(task.nearest[tile + t]) ? 1u : 0u; });
        const uint32_t all = exclusive_scan(block, before, shared.scan);
        block.each([&](int t) {
          if (tile + t < bounds.end && picked(task.nearest[tile + t])) {
            put(done + before[t], tile + t - bounds.begin);
          }
        });
        done += all;
      }
    }
    const int64_t end = task.batch || s + 1 == task.segments ? limit : base + places_of(task, s);
    block.each([&](int t) {
      for (int64_t place = base + count + t; place < end && place < limit; place += kThreads) {
        task.indices[place] = task.x.per_item;
        task.gaps[place] = NAN;
      }
    });
  }

 private:
  static TOKOPS_HD bool picked(double nearest) { return nearest != nearest; }
};

// Calls run(step, blocks) for each launch, in order.
template <class Run>
void maxmin_steps(const MaxminTask& task, Run&& run) {
  if (task.segments == 0) {
    return;
  }
  if (task.x.count + task.outside.count > 0) {
    run(PrepareStep{}, prepare_blocks(task.x.count + task.outside.count));
  }
  if (task.x.count > 0 && task.d > 0 && task.first_rows == nullptr) {
    if (task.first == First::kMedoid) {
      run(TotalStep{}, total_blocks(task.segments, task.d));
    } else {
      run(FirstStep{}, task.x.count);
    }
  }
  run(SelectStep{}, task.segments);
  run(PackStep{}, task.segments);
}

template <class F>
void with_rows(DType type, F&& f) {
  switch (type) {
    case DType::kFloat32: f(Float32Rows{}); break;
    case DType::kFloat16: f(Float16Rows{}); break;
    default: f(BFloat16Rows{}); break;
  }
}

// Puts the task on the stream; every number of blocks is at most kMaxGrid.
void launch_maxmin(const MaxminTask& task, void* stream);

}  // namespace tokops::cuda
