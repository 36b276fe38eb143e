// SPDX-License-Identifier: Apache-2.0
// Greedy max-min selection over segments: flat rows, ragged rows with offsets, or a batch of items.
// Picks, gaps and counts are pure functions of a segment's bytes and options: same bits for every instruction-set
// level, thread count and batch. Ties go to the lowest row; no row is taken twice.
// A failed call leaves the outputs as they were.
#pragma once

#include <cstdint>

#include "prune/segment.h"
#include "tokops/span.h"
#include "tokops/status.h"

namespace tokops::prune {

enum MaxminCode : int {
  kMaxminNonFinite = 1,      // row, column of x
  kMaxminOutsideNonFinite,   // row, column of anchor_features
  kMaxminBadWeight,          // row
  kMaxminBadOffsets,         // row = segment
  kMaxminBadOutsideOffsets,  // row = segment
  kMaxminBadAnchor,          // row = position, value
  kMaxminBadBudget,          // row = segment, value = budget, column = free rows
  kMaxminBadFirst,           // row = segment, value
  kMaxminBadWidth,           // value = places needed
};

struct MaxminOptions {
  int64_t k = 0;      // without budgets
  int64_t width = 0;  // places in all, or per item of a batch
  Metric metric = Metric::kCosine;
  First first = First::kIsolated;
  double min_distance = 0;
  bool pick_order = false;
};

// Views as the reader gives them: x is [items, n, d] with unit last stride; absent ones are not present().
struct MaxminTensors {
  TensorView x;
  TensorView offsets;          // int64[segments + 1]
  TensorView budgets;          // int64[segments]
  TensorView anchors;          // int64[a], ascending; rows of all items numbered end to end
  TensorView outside;          // [items, a, d]
  TensorView outside_offsets;  // int64[segments + 1], over the rows of all items
  TensorView weights;          // float32[items, n], contiguous
  TensorView first_rows;       // int64[segments]
  TensorView indices;          // int64[items or 1, width]
  TensorView gaps;             // float32, same
  TensorView counts;           // int64[segments]
};

Status maxmin(const MaxminTensors& tensors, const MaxminOptions& options);

}  // namespace tokops::prune
