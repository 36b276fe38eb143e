// SPDX-License-Identifier: Apache-2.0
// A tile of kHeads x kKeys accumulators of 16 lanes stays in registers: a key chunk is widened once for the heads of
// the tile, a query chunk is loaded once for its keys. All accumulators of a tile are reduced together by
// transposing halves, which adds the same pairs as the halving tree. The last rows of a list repeat the last
// pointer; the last chunk of a row is copied to a zeroed buffer. Rows ahead are prefetched.
#include "kernels/kv_score.h"

#include "kernels/kv_lanes.h"

namespace tokops {
namespace TOKOPS_ISA {
namespace {

#if TOKOPS_LEVEL >= 4
constexpr int kTile = 16;  // 16 of 32 registers
#elif TOKOPS_LEVEL == 3
constexpr int kTile = 4;  // 8 of 16
#else
constexpr int kTile = 2;  // 8 of 16
#endif
constexpr int kMaxHeads = kTile < 4 ? kTile : 4;
constexpr int kChunk = 2 * kLanes;
constexpr int kAhead = 16;

// Sums of the 16 lanes of each accumulator, in accumulator order.
TOKOPS_INLINE void reduce(vf (&acc)[kTile][kParts], float* sums) {
#if TOKOPS_LEVEL >= 4
  vf half[8];
  for (int i = 0; i < 8; ++i) {
    const vf a = acc[2 * i][0];
    const vf b = acc[2 * i + 1][0];
    half[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
              __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  }
  for (int i = 0; i < 4; ++i) {
    const vf a = half[2 * i];
    const vf b = half[2 * i + 1];
    half[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
              __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  }
  for (int i = 0; i < 2; ++i) {
    const vf a = half[2 * i];
    const vf b = half[2 * i + 1];
    half[i] = __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29) +
              __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
  }
  store(sums,
        __builtin_shufflevector(half[0], half[1], TOKOPS_EVEN) + __builtin_shufflevector(half[0], half[1], TOKOPS_ODD));
#elif TOKOPS_LEVEL == 3
  vf whole[4];
  for (int i = 0; i < 4; ++i) {
    whole[i] = acc[i][0] + acc[i][1];
  }
  for (int i = 0; i < 2; ++i) {
    const vf a = whole[2 * i];
    const vf b = whole[2 * i + 1];
    whole[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11) +
               __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
  }
  const vf joined = __builtin_shufflevector(whole[0], whole[1], 0, 1, 4, 5, 8, 9, 12, 13) +
                    __builtin_shufflevector(whole[0], whole[1], 2, 3, 6, 7, 10, 11, 14, 15);
  for (int i = 0; i < 4; ++i) {
    sums[i] = joined[2 * i] + joined[2 * i + 1];
  }
#else
  for (int i = 0; i < kTile; ++i) {
    const vf four = (acc[i][0] + acc[i][2]) + (acc[i][1] + acc[i][3]);
    sums[i] = (four[0] + four[2]) + (four[1] + four[3]);
  }
#endif
}

// acc[head * kKeys + key] += one chunk of 32 elements.
template <class Type, int kHeads>
TOKOPS_INLINE void add_chunk(const void* const (&at)[kTile / kHeads], const float* q, int64_t q_stride,
                             vf (&acc)[kTile][kParts]) {
  constexpr int kKeys = kTile / kHeads;
#pragma GCC unroll 4
  for (int part = 0; part < kParts; ++part) {
    vf odd[kKeys];
    vf even[kKeys];
#pragma GCC unroll 16
    for (int key = 0; key < kKeys; ++key) {
      Type::pairs(static_cast<const typename Type::Item*>(at[key]) + part * 2 * kWidth, odd[key], even[key]);
    }
#pragma GCC unroll 4
    for (int head = 0; head < kHeads; ++head) {
      vf q_odd;
      vf q_even;
      load(q_odd, q + head * q_stride + part * kWidth);
      load(q_even, q + head * q_stride + kLanes + part * kWidth);
#pragma GCC unroll 16
      for (int key = 0; key < kKeys; ++key) {
        acc[head * kKeys + key][part] += odd[key] * q_odd;
        acc[head * kKeys + key][part] += even[key] * q_even;
      }
    }
  }
}

template <class Type, int kHeads>
TOKOPS_INLINE void dot_tile(const void* const (&rows)[kTile / kHeads], int64_t width, const float* q, int64_t q_stride,
                            float* sums) {
  using Item = typename Type::Item;
  constexpr int kKeys = kTile / kHeads;
  vf acc[kTile][kParts] = {};
  int64_t column = 0;
  const void* at[kKeys];
  for (; column + kChunk <= width; column += kChunk) {
#pragma GCC unroll 16
    for (int key = 0; key < kKeys; ++key) {
      at[key] = static_cast<const Item*>(rows[key]) + column;
    }
    add_chunk<Type, kHeads>(at, q + column, q_stride, acc);
  }
  if (column < width) {
    Item tail[kKeys][kChunk] = {};
    for (int key = 0; key < kKeys; ++key) {
      memcpy(tail[key], static_cast<const Item*>(rows[key]) + column,
             static_cast<size_t>(width - column) * sizeof(Item));
      at[key] = tail[key];
    }
    add_chunk<Type, kHeads>(at, q + column, q_stride, acc);
  }
  reduce(acc, sums);
}

template <class Type, int kHeads>
void dot_heads(const void* const* rows, int64_t count, int64_t width, const float* q, int64_t q_stride, float scale,
               float* out, int64_t out_stride) {
  constexpr int kKeys = kTile / kHeads;
  const int64_t row_bytes = width * static_cast<int64_t>(sizeof(typename Type::Item));
  for (int64_t j = 0; j < count; j += kKeys) {
    const void* tile[kKeys];
    for (int key = 0; key < kKeys; ++key) {
      tile[key] = rows[j + key < count ? j + key : count - 1];
      const int64_t ahead = j + key + kAhead;
      if (ahead < count) {
        for (int64_t line = 0; line < row_bytes; line += 64) {
          __builtin_prefetch(static_cast<const char*>(rows[ahead]) + line);
        }
      }
    }
    float sums[kTile];
    dot_tile<Type, kHeads>(tile, width, q, q_stride, sums);
    const int64_t valid = count - j < kKeys ? count - j : kKeys;
    for (int head = 0; head < kHeads; ++head) {
      for (int64_t key = 0; key < valid; ++key) {
        out[head * out_stride + j + key] = sums[head * kKeys + key] * scale;
      }
    }
  }
}

template <class Type>
void dot_group(const void* const* rows, int64_t count, int64_t width, const float* q, int64_t q_stride, int64_t heads,
               float scale, float* out, int64_t out_stride) {
  while (heads > 0) {
    int64_t done = 1;
    if (kMaxHeads >= 4 && heads >= 4) {
      done = kMaxHeads;
      dot_heads<Type, kMaxHeads>(rows, count, width, q, q_stride, scale, out, out_stride);
    } else if (heads >= 2) {
      done = 2;
      dot_heads<Type, 2>(rows, count, width, q, q_stride, scale, out, out_stride);
    } else {
      dot_heads<Type, 1>(rows, count, width, q, q_stride, scale, out, out_stride);
    }
    heads -= done;
    q += done * q_stride;
    out += done * out_stride;
  }
}

void dot(DType type, const void* const* rows, int64_t count, int64_t width, const float* q, int64_t q_stride,
         int64_t heads, float scale, float* out, int64_t out_stride) noexcept {
  switch (type) {
    case DType::kFloat32: return dot_group<Float32>(rows, count, width, q, q_stride, heads, scale, out, out_stride);
    case DType::kFloat16: return dot_group<Float16>(rows, count, width, q, q_stride, heads, scale, out, out_stride);
    default: return dot_group<BFloat16>(rows, count, width, q, q_stride, heads, scale, out, out_stride);
  }
}

}  // namespace

extern const KvScore kv_score;
const KvScore kv_score = {.dot = dot};

}  // namespace TOKOPS_ISA
}  // namespace tokops
