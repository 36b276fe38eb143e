// SPDX-License-Identifier: Apache-2.0
#include "kv/topk.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kv/ranges.h"
#include "tokops/row_topk.h"
#include "tokops/thread_pool.h"

namespace tokops::kv {
namespace {

constexpr int64_t kGrainBytes = 1 << 18;  // about 50 us of one thread

bool is_nan(const TensorView& x, int64_t at) noexcept {
  switch (x.dtype) {
    case DType::kFloat32: return std::isnan(x.as<const float>()[at]);
    case DType::kFloat64: return std::isnan(x.as<const double>()[at]);
    case DType::kFloat16: return (x.as<const uint16_t>()[at] & 0x7fffu) > 0x7c00u;
    case DType::kInt32: return false;
    default: return (x.as<const uint16_t>()[at] & 0x7fffu) > 0x7f80u;
  }
}

Status find_nan(const TopkArguments& a) noexcept {
  for (int64_t row = 0; row < a.x.shape[0]; ++row) {
    const Range range = range_of(a.starts, a.lens, row, a.x.shape[1]);
    for (int64_t column = range.begin; column < range.end; ++column) {
      if (is_nan(a.x, row * a.x.strides[0] + column)) {
        return {.code = kTopkNan, .row = row, .column = column};
      }
    }
  }
  return {};
}

void copy_values(const TopkArguments& a, int64_t row, const int32_t* ids) noexcept {
  const int64_t item = item_size(a.x.dtype);
  const bool widen = a.x.dtype == DType::kUInt16;
  for (int64_t i = 0; i < a.k; ++i) {
    const int64_t to = row * a.k + i;
    const int64_t from = row * a.x.strides[0] + ids[i];
    if (widen) {
      a.values.as<float>()[to] = ids[i] < 0 ? 0.0f : float_from_bf16(a.x.as<const uint16_t>()[from]);
    } else if (ids[i] < 0) {
      std::memset(a.values.as<char>() + to * item, 0, static_cast<std::size_t>(item));
    } else {
      std::memcpy(a.values.as<char>() + to * item, a.x.as<const char>() + from * item, static_cast<std::size_t>(item));
    }
  }
}

void topk_row(const TopkArguments& a, int64_t row) {
  Scratch scratch;
  const Range range = range_of(a.starts, a.lens, row, a.x.shape[1]);
  int32_t* const ids = a.ids.as<int32_t>() + row * a.k;
  const char* const x = a.x.as<const char>() + (row * a.x.strides[0] + range.begin) * item_size(a.x.dtype);
  const TopkResult result = row_topk(x, a.x.dtype, range.size(), static_cast<int32_t>(range.begin), a.k,
                                     {.largest = a.largest, .by_value = a.by_value}, ids, scratch);
  std::fill(ids + result.count, ids + a.k, -1);
  if (a.values.present()) {
    copy_values(a, row, ids);
  }
}

}  // namespace

Status topk(const TopkArguments& a) {
  const int64_t rows = a.x.shape[0];
  const int64_t n = a.x.shape[1];
  if (a.x.size() == 0 && a.k == 0 && !a.starts.present() && !a.lens.present()) {
    return {};  // any number of empty rows costs nothing
  }
  Status status = check_ranges(a.starts, a.lens, rows, n, kTopkBadRange);
  if (status.ok() && a.refuse_nan) {
    status = find_nan(a);
  }
  if (!status.ok()) {
    return status;
  }
  if (rows == 1) {  // not inside parallel_for, so that a long row may use the threads itself
    topk_row(a, 0);
    return status;
  }
  const int64_t row_bytes = std::max<int64_t>(1, n * item_size(a.x.dtype));
  parallel_for(rows, std::max<int64_t>(1, kGrainBytes / row_bytes), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      topk_row(a, row);
    }
  });
  return status;
}

}  // namespace tokops::kv
