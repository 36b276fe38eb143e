// SPDX-License-Identifier: Apache-2.0
#include "kv/heads.h"

#include <algorithm>

namespace tokops::kv {

float float_at(const TensorView& view, int64_t at) noexcept {
  switch (view.dtype) {
    case DType::kFloat32: return view.as<const float>()[at];
    case DType::kFloat16: return float_from_f16(view.as<const uint16_t>()[at]);
    default: return float_from_bf16(view.as<const uint16_t>()[at]);
  }
}

QueryLanes::QueryLanes(const TensorView& q, Scratch& scratch)
    : heads_(q.shape[1]), stride_((q.shape[2] + 31) / 32 * 32) {
  const int64_t batch = q.shape[0];
  lanes_ = scratch.take<float>(static_cast<std::size_t>(batch * heads_ * stride_));
  std::fill(lanes_.begin(), lanes_.end(), 0.0f);
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t h = 0; h < heads_; ++h) {
      float* const to = lanes_.data() + (b * heads_ + h) * stride_;
      const int64_t from = b * q.strides[0] + h * q.strides[1];
      for (int64_t d = 0; d < q.shape[2]; ++d) {
        const int64_t chunk = d / 32 * 32;
        const int64_t lane = d % 32 / 2;
        to[chunk + (d % 2 == 0 ? 16 : 0) + lane] = float_at(q, from + d);
      }
    }
  }
}

}  // namespace tokops::kv
