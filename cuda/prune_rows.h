// SPDX-License-Identifier: Apache-2.0
// What the max-min kernels know about rows and segments: element access, the canonical dot product by 16 threads, and
// the bounds of a segment, read from device memory and never trusted.
// The dot product is that of the CPU: lane c mod 16 sums the columns c ascending, then halves 8, 4, 2, 1. A product of
// two float32 is exact in float64, so its fused multiply-add gives the same bits.
#pragma once

#include <math.h>

#include "cuda/block.h"
#include "cuda/launch.h"
#include "prune/distance.h"
#include "tokops/dtype.h"

namespace tokops::cuda {

enum class Metric { kCosine, kEuclidean, kRounded };  // kRounded: unit rows of a 16-bit type, every step rounded
enum class First { kIsolated, kFarthestPair, kMedoid };

struct RowTable {
  const void* data;
  int64_t item_stride, row_stride, per_item, count;  // strides in elements; rows of all items are numbered end to end
};

struct MaxminTask {
  RowTable x, outside;             // outside: kept before, not among the rows
  const int64_t* offsets;          // [segments + 1] or null: items, or one segment
  const int64_t* budgets;          // [segments] or null: k
  const int64_t* anchors;          // ascending rows that are kept already, or null
  const int64_t* outside_offsets;  // [segments + 1] or null
  const int64_t* first_rows;       // [segments] or null
  const float* weights;            // [rows] or null
  int64_t anchor_count, d, k, width, segments;
  double min_distance;
  DType type;
  Metric metric;
  First first;
  bool pick_order, batch;
  int64_t* indices;
  float* gaps;
  int64_t* counts;  // kBadSegment where the data is wrong
  double *square, *outside_square;
  double* nearest;
  float* gap;      // of each picked row
  int32_t* picks;  // of each segment at its first row, in order of choice
  double* total;
  uint16_t *unit, *outside_unit;  // unit rows, for kRounded
};

constexpr int64_t kBadSegment = -1;

struct Float32Rows {
  using Item = float;
  static TOKOPS_HD float widen(Item item) { return item; }
};
struct Float16Rows {
  using Item = uint16_t;
  static TOKOPS_HD float widen(Item item) { return float_from_f16(item); }
};
struct BFloat16Rows {
  using Item = uint16_t;
  static TOKOPS_HD float widen(Item item) { return float_from_bf16(item); }
};

template <class Source>
TOKOPS_HD const typename Source::Item* row_at(const RowTable& table, int64_t row) {
  const int64_t item = row < table.per_item ? 0 : row / table.per_item;
  return static_cast<const typename Source::Item*>(table.data) + item * table.item_stride +
         (row - item * table.per_item) * table.row_stride;
}

// The rows whose dot products give distances.
TOKOPS_HD RowTable compared_rows(const MaxminTask& task) {
  return task.metric == Metric::kRounded ? RowTable{task.unit, 0, task.d, task.x.count, task.x.count} : task.x;
}

TOKOPS_HD RowTable compared_outside(const MaxminTask& task) {
  return task.metric == Metric::kRounded
             ? RowTable{task.outside_unit, 0, task.d, task.outside.count, task.outside.count}
             : task.outside;
}

TOKOPS_HD double exact_multiply_add(float a, float b, double sum) {
#if defined(__CUDA_ARCH__)
  return fma(static_cast<double>(a), static_cast<double>(b), sum);
#else
  return sum + static_cast<double>(a) * static_cast<double>(b);
#endif
}

TOKOPS_HD double halving_sum(const double* lanes) {
  double sum[kLanes / 2];
  for (int i = 0; i < kLanes / 2; ++i) {
    sum[i] = lanes[i] + lanes[i + kLanes / 2];
  }
  for (int half = kLanes / 4; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      sum[i] += sum[i + half];
    }
  }
  return sum[0];
}

TOKOPS_HD bool is_finite(double value) { return value - value == 0; }

TOKOPS_HD double distance_of(const MaxminTask& task, double g, double s_a, double s_b) {
  switch (task.metric) {
    case Metric::kEuclidean: return prune::euclidean_distance(g, s_a, s_b);
    case Metric::kRounded: return prune::rounded_distance(task.type, g, s_a == 0 && s_b == 0);
    default: return prune::cosine_distance(g, s_a, s_b);
  }
}

struct SegmentBounds {
  int64_t begin, end;                  // rows
  int64_t outside_begin, outside_end;  // outside rows
  int64_t anchor_begin, anchor_end;    // places in anchors
  int64_t k;
  int64_t first_row;  // -1: by rule
  bool bad;

  TOKOPS_HD bool has_kept() const { return anchor_end > anchor_begin || outside_end > outside_begin; }
};

// First place in ascending `values` that is not below `value`.
TOKOPS_HD int64_t lower_bound(const int64_t* values, int64_t count, int64_t value) {
  int64_t low = 0;
  while (low < count) {
    const int64_t middle = low + (count - low) / 2;
    if (values[middle] < value) {
      low = middle + 1;
    } else {
      count = middle;
    }
  }
  return low;
}

TOKOPS_HD SegmentBounds segment_bounds(const MaxminTask& task, int64_t s) {
  SegmentBounds bounds{};
  bounds.begin = task.offsets != nullptr ? task.offsets[s] : s * task.x.per_item;
  bounds.end = task.offsets != nullptr ? task.offsets[s + 1] : bounds.begin + task.x.per_item;
  bounds.bad = bounds.begin < 0 || bounds.end < bounds.begin || bounds.end > task.x.count;
  if (bounds.bad) {
    bounds.begin = bounds.end = 0;
  }
  if (task.outside_offsets != nullptr) {
    bounds.outside_begin = task.outside_offsets[s];
    bounds.outside_end = task.outside_offsets[s + 1];
    if (bounds.outside_begin < 0 || bounds.outside_end < bounds.outside_begin ||
        bounds.outside_end > task.outside.count) {
      bounds.bad = true;
      bounds.outside_begin = bounds.outside_end = 0;
    }
  }
  if (task.anchors != nullptr) {
    bounds.anchor_begin = lower_bound(task.anchors, task.anchor_count, bounds.begin);
    bounds.anchor_end = lower_bound(task.anchors, task.anchor_count, bounds.end);
    for (int64_t a = bounds.anchor_begin; a < bounds.anchor_end; ++a) {
      const int64_t anchor = task.anchors[a];
      bounds.bad |=
          anchor < bounds.begin || anchor >= bounds.end || (a > bounds.anchor_begin && anchor <= task.anchors[a - 1]);
    }
  }
  bounds.k = task.budgets != nullptr ? task.budgets[s] : task.k;
  bounds.bad |= bounds.k < 0 || bounds.k > bounds.end - bounds.begin - (bounds.anchor_end - bounds.anchor_begin) ||
                (task.batch && bounds.k > task.width);
  bounds.first_row = task.first_rows != nullptr ? task.first_rows[s] : -1;
  bounds.bad |= task.first_rows != nullptr && bounds.k > 0 &&
                (bounds.first_row < 0 || bounds.first_row >= bounds.end - bounds.begin);
  return bounds;
}

// Places of a segment in the results: its picks, or all it asked for when it is bad.
TOKOPS_HD int64_t places_of(const MaxminTask& task, int64_t s) {
  if (task.counts[s] != kBadSegment) {
    return task.counts[s];
  }
  const int64_t k = task.budgets != nullptr ? task.budgets[s] : task.k;
  const int64_t rows = task.offsets != nullptr ? task.offsets[s + 1] - task.offsets[s] : task.x.per_item;
  const int64_t most = rows < task.width ? rows : task.width;
  return k < 0 || most < 0 ? 0 : k < most ? k : most;
}

}  // namespace tokops::cuda
