// SPDX-License-Identifier: Apache-2.0
// A tile of kHeads x kColumns vectors of accumulators stays in registers while the rows of the list stream by; the
// rows are read once per tile of columns and group of heads. Columns past the last whole vector go one by one.
#include "kernels/kv_attend.h"

#include "kernels/kv_lanes.h"

namespace tokops {
namespace TOKOPS_ISA {
namespace {

#if TOKOPS_LEVEL >= 4
constexpr int kMaxHeads = 4;  // with 4 vectors of columns: 16 of 32 registers
#else
constexpr int kMaxHeads = 2;  // 8 of 16
#endif
constexpr int kMaxColumns = 4;
constexpr int64_t kAhead = 16;

template <class Type, int kHeads, int kColumns>
void tile(const void* const* rows, int64_t count, int64_t first, const float* weights, int64_t weight_stride,
          float* out, int64_t out_stride) {
  using Item = typename Type::Item;
  vf acc[kHeads][kColumns] = {};
  for (int64_t j = 0; j < count; ++j) {
    const Item* row = static_cast<const Item*>(rows[j]) + first;
    if (j + kAhead < count) {
      const char* ahead = reinterpret_cast<const char*>(static_cast<const Item*>(rows[j + kAhead]) + first);
      for (size_t line = 0; line < sizeof(Item) * kColumns * kWidth; line += 64) {
        __builtin_prefetch(ahead + line);
      }
    }
    vf value[kColumns];
#pragma GCC unroll 4
    for (int column = 0; column < kColumns; ++column) {
      value[column] = Type::in_order(row + column * kWidth);
    }
#pragma GCC unroll 4
    for (int head = 0; head < kHeads; ++head) {
      const float weight = weights[head * weight_stride + j];
#pragma GCC unroll 4
      for (int column = 0; column < kColumns; ++column) {
        acc[head][column] += value[column] * weight;
      }
    }
  }
  for (int head = 0; head < kHeads; ++head) {
    for (int column = 0; column < kColumns; ++column) {
      store(out + head * out_stride + first + column * kWidth, acc[head][column]);
    }
  }
}

template <class Type, int kHeads>
void heads_of(const void* const* rows, int64_t count, int64_t width, const float* weights, int64_t weight_stride,
              float* out) {
  using Item = typename Type::Item;
  int64_t first = 0;
  for (; first + kMaxColumns * kWidth <= width; first += kMaxColumns * kWidth) {
    tile<Type, kHeads, kMaxColumns>(rows, count, first, weights, weight_stride, out, width);
  }
  for (; first + kWidth <= width; first += kWidth) {
    tile<Type, kHeads, 1>(rows, count, first, weights, weight_stride, out, width);
  }
  for (; first < width; ++first) {
    for (int head = 0; head < kHeads; ++head) {
      float sum = 0.0f;
      for (int64_t j = 0; j < count; ++j) {
        sum += Type::one(static_cast<const Item*>(rows[j])[first]) * weights[head * weight_stride + j];
      }
      out[head * width + first] = sum;
    }
  }
}

template <class Type>
void group(const void* const* rows, int64_t count, int64_t width, const float* weights, int64_t weight_stride,
           int64_t heads, float* out) {
  while (heads > 0) {
    int64_t done = 1;
    if (kMaxHeads >= 4 && heads >= 4) {
      done = kMaxHeads;
      heads_of<Type, kMaxHeads>(rows, count, width, weights, weight_stride, out);
    } else if (heads >= 2) {
      done = 2;
      heads_of<Type, 2>(rows, count, width, weights, weight_stride, out);
    } else {
      heads_of<Type, 1>(rows, count, width, weights, weight_stride, out);
    }
    heads -= done;
    weights += done * weight_stride;
    out += done * width;
  }
}

void accumulate(DType type, const void* const* rows, int64_t count, int64_t width, const float* weights,
                int64_t weight_stride, int64_t heads, float* out) noexcept {
  switch (type) {
    case DType::kFloat32: return group<Float32>(rows, count, width, weights, weight_stride, heads, out);
    case DType::kFloat16: return group<Float16>(rows, count, width, weights, weight_stride, heads, out);
    default: return group<BFloat16>(rows, count, width, weights, weight_stride, heads, out);
  }
}

}  // namespace

extern const KvAttend kv_attend;
const KvAttend kv_attend = {.accumulate = accumulate};

}  // namespace TOKOPS_ISA
}  // namespace tokops
