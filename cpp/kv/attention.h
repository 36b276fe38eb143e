// SPDX-License-Identifier: Apache-2.0
// Decode attention of one query per batch row, over listed tokens or over all valid ones, by the same loops.
// A list is cut into ranges of 512 ids; each (KV head or query head) x range gives maximum, sum and output, merged in
// range order: the same bits for every level, thread count and batch mix. A NaN or +inf logit makes its head NaN.
// Memory: 4 Dv bytes per query head and range.
#pragma once

#include "tokops/span.h"
#include "tokops/status.h"

namespace tokops::kv {

enum AttentionCode { kAttentionOk, kAttentionBadRange, kAttentionBadCount, kAttentionBadId, kAttentionDuplicate };

struct AttentionArguments {
  TensorView q;            // [B, Hq, D]
  TensorView keys;         // [B, Hkv, n, D]
  TensorView values;       // [B, Hkv, n, Dv]
  TensorView indices;      // int32[B, g, m] with g = 1, Hkv or Hq; absent: all valid tokens
  TensorView counts;       // int32[B, g] or absent
  TensorView starts;       // int32[B] or absent, without indices
  TensorView lens;         // int32[B] or absent, without indices
  TensorView sink_logits;  // float32[Hq] or absent
  float scale;
  float softcap;   // 0: none
  TensorView out;  // [B, Hq, Dv] in q's dtype (float32 for uint16)
  TensorView lse;  // float32[B, Hq]
};

// Bad range: as check_ranges. Bad count, id, duplicate: row, column = list, value. Nothing is written then.
Status attend(const AttentionArguments& arguments);

}  // namespace tokops::kv
