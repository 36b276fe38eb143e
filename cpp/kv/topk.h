// SPDX-License-Identifier: Apache-2.0
// Top-k of each row inside its valid range: exact, ties to the lowest column, NaN never chosen.
// Rows run in parallel; a single long row is split by row_topk. Status tells a bad range, or a NaN where refused.
#pragma once

#include "tokops/span.h"
#include "tokops/status.h"

namespace tokops::kv {

enum TopkCode { kTopkOk, kTopkBadRange, kTopkNan };

struct TopkArguments {
  TensorView x;       // [rows, n], unit last stride
  TensorView starts;  // int32[rows] or absent
  TensorView lens;    // int32[rows] or absent
  int64_t k;
  bool largest;
  bool by_value;
  bool refuse_nan;
  TensorView ids;     // int32[rows, k], padded with -1
  TensorView values;  // [rows, k] in x's dtype (float32 for uint16), padded with 0; may be absent
};

// kTopkBadRange: row, column = first column, value = one past the last. kTopkNan: row and column.
// Nothing is written unless the status is ok.
Status topk(const TopkArguments& arguments);

}  // namespace tokops::kv
