// SPDX-License-Identifier: Apache-2.0
// A strided view of somebody else's n-dimensional memory: what the bindings hand to family code.
// Owns nothing and is valid for one call. Strides count elements. An optional tensor that was not given
// has rank -1 (present() is false).
#pragma once

#include <array>
#include <cstdint>

#include "tokops/dtype.h"

namespace tokops {

constexpr int kMaxRank = 8;

struct TensorView {
  void* data = nullptr;
  std::array<int64_t, kMaxRank> shape;    // set for axes below rank
  std::array<int64_t, kMaxRank> strides;  // elements
  int rank = -1;
  DType dtype = DType::kUInt8;
  bool writable = false;
  int32_t device_type = 1;  // DLPack's numbering: 1 CPU, 2 CUDA
  int32_t device_id = 0;

  [[nodiscard]] bool present() const noexcept { return rank >= 0; }

  // Number of elements; the reader has checked that the product fits.
  [[nodiscard]] int64_t size() const noexcept {
    int64_t count = 1;
    for (int axis = 0; axis < rank; ++axis) {
      count *= shape[static_cast<std::size_t>(axis)];
    }
    return rank < 0 ? 0 : count;
  }

  [[nodiscard]] int64_t bytes() const noexcept { return size() * item_size(dtype); }

  template <class T>
  [[nodiscard]] T* as() const noexcept {
    return static_cast<T*>(data);
  }
};

}  // namespace tokops
