// SPDX-License-Identifier: Apache-2.0
// The valid columns [begin, end) of each row, from optional int32 starts and lens; default all n columns.
#pragma once

#include <cstdint>

#include "tokops/span.h"
#include "tokops/status.h"

namespace tokops::kv {

struct Range {
  int64_t begin;
  int64_t end;
  [[nodiscard]] int64_t size() const noexcept { return end - begin; }
};

inline Range range_of(const TensorView& starts, const TensorView& lens, int64_t row, int64_t n) noexcept {
  const int64_t begin = starts.present() ? starts.as<const int32_t>()[row] : 0;
  const int64_t end = lens.present() ? begin + lens.as<const int32_t>()[row] : n;
  return {begin, end};
}

// The first row whose range does not fit into [0, n): `code` with row, column = begin, value = end.
inline Status check_ranges(const TensorView& starts, const TensorView& lens, int64_t rows, int64_t n,
                           int code) noexcept {
  for (int64_t row = 0; row < rows; ++row) {
    const Range range = range_of(starts, lens, row, n);
    if (range.begin < 0 || range.end < range.begin || range.end > n) {
      return {.code = code, .row = row, .column = range.begin, .value = range.end};
    }
  }
  return {};
}

}  // namespace tokops::kv
