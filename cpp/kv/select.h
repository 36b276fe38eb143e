// SPDX-License-Identifier: Apache-2.0
// Token selection by softmax votes: scores of all valid tokens, statistics per block of 512 merged in block order,
// votes per list, exact top-k of the votes, retained mass. Fixed order of operations (tokops/exp32.h, kv_score.h):
// ids, kth and mass are the same bits for every level, thread count and batch mix.
// Time: one pass over K and two over the scores; memory 4 (Hq + g) n bytes for one row at a time.
#pragma once

#include "tokops/span.h"
#include "tokops/status.h"

namespace tokops::kv {

enum SelectCode { kSelectOk, kSelectBadRange, kSelectUnusable };

struct SelectArguments {
  TensorView q;       // [B, Hq, D]
  TensorView keys;    // [B, Hkv, n, D]
  TensorView starts;  // int32[B] or absent
  TensorView lens;    // int32[B] or absent
  int64_t k;
  int64_t n_sink;
  int64_t n_local;
  float scale;
  bool refuse_unusable;   // NaN and +inf logits: error, otherwise the token is left out and status is 1
  TensorView indices;     // int32[B, g, m], g = 1, Hkv or Hq
  TensorView counts;      // int32[B, g]
  TensorView mass;        // float32[B, Hq]
  TensorView lse;         // float32[B, Hq]
  TensorView kth;         // float32[B, g]
  TensorView vote_slack;  // float32[B]
  TensorView status;      // int32[B]
};

// kSelectBadRange: as check_ranges. kSelectUnusable: row, column = head, value = position; outputs are then undefined.
Status select(const SelectArguments& arguments);

}  // namespace tokops::kv
