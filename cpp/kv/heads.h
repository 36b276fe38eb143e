// SPDX-License-Identifier: Apache-2.0
// Views the score and attention loops share: token rows of a KV head, and queries laid out for the dot kernel.
#pragma once

#include <cstdint>

#include "tokops/scratch.h"
#include "tokops/span.h"

namespace tokops::kv {

constexpr int64_t kBlock = 512;  // tokens per block of statistics, ids per range of attention

// keys or values [B, Hkv, n, width], any leading strides, unit last stride.
struct TokenRows {
  explicit TokenRows(const TensorView& view) noexcept : view_(&view), item_(item_size(view.dtype)) {}

  [[nodiscard]] DType type() const noexcept { return view_->dtype; }
  [[nodiscard]] int64_t width() const noexcept { return view_->shape[3]; }
  [[nodiscard]] const void* row(int64_t batch, int64_t head, int64_t token) const noexcept {
    const int64_t at = batch * view_->strides[0] + head * view_->strides[1] + token * view_->strides[2];
    return view_->as<const char>() + at * item_;
  }
  // Pointers to tokens first, first + 1, ...
  void run(int64_t batch, int64_t head, int64_t first, int64_t count, const void** rows) const noexcept {
    for (int64_t i = 0; i < count; ++i) {
      rows[i] = row(batch, head, first + i);
    }
  }
  void list(int64_t batch, int64_t head, const int32_t* ids, int64_t count, const void** rows) const noexcept {
    for (int64_t i = 0; i < count; ++i) {
      rows[i] = row(batch, head, ids[i]);
    }
  }

 private:
  const TensorView* view_;
  int64_t item_;
};

// q [B, Hq, D] as float32, per head in chunks of 16 odd then 16 even elements, zero-padded to a multiple of 32.
class QueryLanes {
 public:
  QueryLanes(const TensorView& q, Scratch& scratch);
  [[nodiscard]] const float* head(int64_t batch, int64_t head) const noexcept {
    return lanes_.data() + (batch * heads_ + head) * stride_;
  }
  [[nodiscard]] int64_t stride() const noexcept { return stride_; }

 private:
  std::span<float> lanes_;
  int64_t heads_;
  int64_t stride_;
};

// The float32 value of element `at` of a float32, float16, bfloat16 or uint16 (bfloat16 bits) view.
[[nodiscard]] float float_at(const TensorView& view, int64_t at) noexcept;

}  // namespace tokops::kv
