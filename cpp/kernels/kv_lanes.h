// SPDX-License-Identifier: Apache-2.0
// What the kv kernels share: native vectors of kWidth lanes (16 lanes are kParts of them), exp on them, and loads of
// 16-bit and 32-bit floats, in order or as odd and even elements. For kernel files only; everything has internal
// linkage and reads exactly what its comment says.
#pragma once

#include "kernels/vec.h"
#include "tokops/exp32.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tokops {
namespace TOKOPS_ISA {
namespace {

#define TOKOPS_INLINE __attribute__((always_inline)) inline

#if TOKOPS_LEVEL >= 4
constexpr int kWidth = 16;
#elif TOKOPS_LEVEL == 3
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif
constexpr int kLanes = 16;
constexpr int kParts = kLanes / kWidth;

typedef float vf __attribute__((vector_size(4 * kWidth)));
typedef uint32_t vu __attribute__((vector_size(4 * kWidth)));
typedef int32_t vi __attribute__((vector_size(4 * kWidth)));
typedef uint16_t vh __attribute__((vector_size(2 * kWidth)));

TOKOPS_INLINE vf as_float(vu bits) { return reinterpret_cast<vf>(bits); }
TOKOPS_INLINE vf splat(float value) { return vf{} + value; }

// exp32 of tokops/exp32.h, operation for operation.
TOKOPS_INLINE vf exp_lanes(vf x) {
  const vf rounded = x * kLog2E + kExpRound;
  const vf n = rounded - kExpRound;
  const vf r = (x - n * kLn2High) - n * kLn2Low;
  vf series = r * kExpC4 + kExpC3;
  series = series * r + kExpC2;
  series = series * r + kExpC1;
  series = series * r + kExpC0;
  const vf value = ((r * r) * series + r) + 1.0f;
  const vu power = (reinterpret_cast<vu>(rounded) << 23) + (127u << 23);
  const vu inside = reinterpret_cast<vu>(x >= kExpLowest);
  return as_float(reinterpret_cast<vu>(value * as_float(power)) & inside);
}

// Lanes (i, i + 8), then + 4, + 2, + 1 of 16 lanes.
TOKOPS_INLINE float tree_sum(const vf (&part)[kParts]) {
  float lane[kLanes];
  memcpy(lane, part, sizeof(lane));
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      lane[i] += lane[i + half];
    }
  }
  return lane[0];
}

#if TOKOPS_LEVEL >= 4
#define TOKOPS_ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define TOKOPS_EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#elif TOKOPS_LEVEL == 3
#define TOKOPS_ODD 1, 3, 5, 7, 9, 11, 13, 15
#define TOKOPS_EVEN 0, 2, 4, 6, 8, 10, 12, 14
#else
#define TOKOPS_ODD 1, 3, 5, 7
#define TOKOPS_EVEN 0, 2, 4, 6
#endif

// One struct per element type: Item, in_order (kWidth items), pairs (2 kWidth items, odd and even apart).
struct Float32 {
  using Item = float;
  static TOKOPS_INLINE vf in_order(const void* from) {
    vf v;
    load(v, from);
    return v;
  }
  static TOKOPS_INLINE void pairs(const void* from, vf& odd, vf& even) {
    const vf low = in_order(from);
    const vf high = in_order(static_cast<const float*>(from) + kWidth);
    odd = __builtin_shufflevector(low, high, TOKOPS_ODD);
    even = __builtin_shufflevector(low, high, TOKOPS_EVEN);
  }
  static TOKOPS_INLINE float one(Item item) { return item; }
};

// kWidth 16-bit items as words; gcc turns the generic conversion of 8 bytes into scalar code.
TOKOPS_INLINE vu widen_halves(const void* from) {
#if TOKOPS_LEVEL == 3
  return reinterpret_cast<vu>(_mm256_cvtepu16_epi32(_mm_loadu_si128(static_cast<const __m128i*>(from))));
#elif TOKOPS_LEVEL == 2 && defined(__x86_64__)
  return reinterpret_cast<vu>(_mm_cvtepu16_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(from))));
#else
  vh halves;
  load(halves, from);
  return __builtin_convertvector(halves, vu);
#endif
}

struct BFloat16 {
  using Item = uint16_t;
  static TOKOPS_INLINE vf in_order(const void* from) { return as_float(widen_halves(from) << 16); }
  static TOKOPS_INLINE void pairs(const void* from, vf& odd, vf& even) {
    vu bits;
    load(bits, from);
    odd = as_float(bits & 0xffff0000u);
    even = as_float(bits << 16);
  }
  static TOKOPS_INLINE float one(Item item) { return float_from_bf16(item); }
};

struct Float16 {
  using Item = uint16_t;
#if TOKOPS_LEVEL >= 4
  static TOKOPS_INLINE vf in_order(const void* from) {
    return reinterpret_cast<vf>(_mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(static_cast<const __m256i*>(from))));
  }
#elif TOKOPS_LEVEL == 3
  static TOKOPS_INLINE vf in_order(const void* from) {
    return reinterpret_cast<vf>(_mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(from))));
  }
#else
  // The magnitude shifted into a float's place is 2^112 times too small; the product is exact, also for subnormals.
  static TOKOPS_INLINE vf from_words(vu wide) {
    const vu magnitude = (wide & 0x7fffu) << 13;
    const vu number = reinterpret_cast<vu>(as_float(magnitude) * 0x1p112f);
    const vu special = reinterpret_cast<vu>(magnitude >= 0x0f800000u);
    return as_float((special & (magnitude | 0x7f800000u)) | (~special & number) | ((wide & 0x8000u) << 16));
  }
  static TOKOPS_INLINE vf in_order(const void* from) { return from_words(widen_halves(from)); }
  static TOKOPS_INLINE void pairs(const void* from, vf& odd, vf& even) {
    vu bits;
    load(bits, from);
    odd = from_words(bits >> 16);
    even = from_words(bits & 0xffffu);
  }
#endif
#if TOKOPS_LEVEL >= 3
  static TOKOPS_INLINE void pairs(const void* from, vf& odd, vf& even) {
    const vf low = in_order(from);
    const vf high = in_order(static_cast<const uint16_t*>(from) + kWidth);
    odd = __builtin_shufflevector(low, high, TOKOPS_ODD);
    even = __builtin_shufflevector(low, high, TOKOPS_EVEN);
  }
#endif
  static TOKOPS_INLINE float one(Item item) { return float_from_f16(item); }
};

}  // namespace
}  // namespace TOKOPS_ISA
}  // namespace tokops
