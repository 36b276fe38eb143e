// SPDX-License-Identifier: Apache-2.0
// Kernel-internal: 16 columns of a float32, float16 or bfloat16 row as exact float32 lanes.
// load_part reads exactly `count` columns and fills the other lanes with zero.
#pragma once

#include "kernels/vec.h"
#include "tokops/dtype.h"
#if TOKOPS_LEVEL >= 3
#include <immintrin.h>
#endif

namespace tokops {
namespace TOKOPS_ISA {
namespace {

struct F32Row {
  using Item = float;
  static inline f32x16 load16(const float* at) {
    f32x16 lanes;
    load(lanes, at);
    return lanes;
  }
};

struct Bf16Row {
  using Item = uint16_t;
  static inline f32x16 load16(const uint16_t* at) {
    u16x16 half;
    load(half, at);
    const u32x16 bits = __builtin_convertvector(half, u32x16) << 16;
    f32x16 lanes;
    load(lanes, &bits);
    return lanes;
  }
};

struct F16Row {
  using Item = uint16_t;
  static inline f32x16 load16(const uint16_t* at) {
    f32x16 lanes;
#if TOKOPS_LEVEL >= 4
    const __m512 wide = _mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
    load(lanes, &wide);
#elif TOKOPS_LEVEL == 3
    const __m256 wide[2] = {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at))),
                            _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 8)))};
    load(lanes, wide);
#else
    for (int i = 0; i < 16; ++i) {
      lanes[i] = float_from_f16(at[i]);
    }
#endif
    return lanes;
  }
};

template <class Row>
inline f32x16 load_part(const typename Row::Item* at, int64_t count) {
  typename Row::Item padded[16] = {};
  memcpy(padded, at, static_cast<size_t>(count) * sizeof(padded[0]));
  return Row::load16(padded);
}

}  // namespace
}  // namespace TOKOPS_ISA
}  // namespace tokops
