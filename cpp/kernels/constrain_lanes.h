// SPDX-License-Identifier: Apache-2.0
// Lanes of the mass kernels: as many float32 as a register of the level has, the three ways to widen a logit, and
// exp32 to an integer mass. exp32 rounds after every operation (no fused multiply-add), hence equal bits on every
// level. A mass is below 2^45: with v = 2^44 exp32, high = trunc(v 2^-22) and low = trunc(v - high 2^22) are exact
// and fit int32, and so do their sums over the lanes of a chunk; no 64-bit conversion is needed.
// Below -31 the mass is 0 without a test: x is clamped at -31.5, where 2^44 exp32 is below 1.
// For kernel files only; everything is local to the file that includes it.
#pragma once

#include "kernels/vec.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tokops::TOKOPS_ISA {
namespace {

#define TOKOPS_INLINE __attribute__((always_inline)) inline

#if TOKOPS_LEVEL >= 4
constexpr int64_t kLanes = 16;
#elif TOKOPS_LEVEL == 3
constexpr int64_t kLanes = 8;
#else
constexpr int64_t kLanes = 4;
#endif
typedef float Floats __attribute__((vector_size(kLanes * 4)));
typedef int32_t Ints __attribute__((vector_size(kLanes * 4)));
typedef uint32_t Bits __attribute__((vector_size(kLanes * 4)));
typedef uint16_t Halves __attribute__((vector_size(kLanes * 2)));
typedef int64_t Longs __attribute__((vector_size(kLanes * 8)));

constexpr float kClamp = -31.5f;
constexpr float kInfinity = __builtin_inff();

TOKOPS_INLINE Floats splat(float value) {
  return value - Floats{};  // a broadcast that vector extensions can say
}

template <class To, class From>
TOKOPS_INLINE To as(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof(to));
  return to;
}

// a > b ? a : b, so b when a is NaN: what the machine's maximum does.
TOKOPS_INLINE Floats larger(const Floats& a, const Floats& b) {
#if defined(__x86_64__) && TOKOPS_LEVEL >= 4
  return as<Floats>(_mm512_maskz_max_ps(0xffff, as<__m512>(a), as<__m512>(b)));
#elif defined(__x86_64__) && TOKOPS_LEVEL == 3
  return as<Floats>(_mm256_max_ps(as<__m256>(a), as<__m256>(b)));
#elif defined(__x86_64__)
  return as<Floats>(_mm_max_ps(as<__m128>(a), as<__m128>(b)));
#else
  return a > b ? a : b;
#endif
}

// a < b ? a : b, so b when a is NaN.
TOKOPS_INLINE Floats smaller(const Floats& a, const Floats& b) {
#if defined(__x86_64__) && TOKOPS_LEVEL >= 4
  return as<Floats>(_mm512_maskz_min_ps(0xffff, as<__m512>(a), as<__m512>(b)));
#elif defined(__x86_64__) && TOKOPS_LEVEL == 3
  return as<Floats>(_mm256_min_ps(as<__m256>(a), as<__m256>(b)));
#elif defined(__x86_64__)
  return as<Floats>(_mm_min_ps(as<__m128>(a), as<__m128>(b)));
#else
  return a < b ? a : b;
#endif
}

// How the three element types are widened; index in elements.
struct Float32 {
  static constexpr bool kHalf = false;
  static constexpr int64_t kBytes = 4;
  static TOKOPS_INLINE Floats widen(const void* from) {
    Floats v;
    load(v, from);
    return v;
  }
  static TOKOPS_INLINE float one(const void* data, int64_t i) { return static_cast<const float*>(data)[i]; }
};

struct BFloat16 {
  static constexpr bool kHalf = false;
  static constexpr int64_t kBytes = 2;
  static TOKOPS_INLINE Floats widen(const void* from) {
    Halves half;
    load(half, from);
    return as<Floats>(__builtin_convertvector(half, Bits) << 16);
  }
  static TOKOPS_INLINE float one(const void* data, int64_t i) {
    return float_from_bf16(static_cast<const uint16_t*>(data)[i]);
  }
};

struct Float16 {
  static constexpr bool kHalf = true;
  static constexpr int64_t kBytes = 2;
  static TOKOPS_INLINE Floats widen(const void* from) {
#if defined(__x86_64__) && TOKOPS_LEVEL >= 4
    return as<Floats>(_mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(static_cast<const __m256i*>(from))));
#elif defined(__x86_64__) && TOKOPS_LEVEL == 3
    return as<Floats>(_mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(from))));
#else
    uint16_t half[kLanes];
    memcpy(half, from, sizeof(half));
    Floats v;
    for (int i = 0; i < kLanes; ++i) {
      v[i] = float_from_f16(half[i]);
    }
    return v;
#endif
  }
  static TOKOPS_INLINE float one(const void* data, int64_t i) {
    return float_from_f16(static_cast<const uint16_t*>(data)[i]);
  }
};

TOKOPS_INLINE float largest(const Floats& v) {
#if defined(__x86_64__)
  __m128 part[kLanes / 4];
  memcpy(part, &v, sizeof(v));
  for (int64_t half = kLanes / 8; half > 0; half /= 2) {
    for (int64_t i = 0; i < half; ++i) {
      part[i] = _mm_max_ps(part[i], part[i + half]);
    }
  }
  const __m128 two = _mm_max_ps(part[0], _mm_movehl_ps(part[0], part[0]));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
#else
  float best = v[0];
  for (int i = 1; i < kLanes; ++i) {
    best = v[i] > best ? v[i] : best;
  }
  return best;
#endif
}

// All ones in the lanes whose token, from i on, is open. i is a multiple of the lanes.
TOKOPS_INLINE Ints open_lanes(const uint32_t* open, int64_t i) {
  const uint32_t bits = open[i >> 5] >> (i & 31);
  Bits bit;
  for (int lane = 0; lane < kLanes; ++lane) {
    bit[lane] = 1u << lane;
  }
  return (bit & bits) != 0;
}

// Masses as high * 2^22 + low.
struct Masses {
  Ints high;
  Ints low;
};

constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to the nearest even integer
constexpr uint32_t kMagicBits = 0x4b400000u;

TOKOPS_INLINE Masses lane_masses(const Floats& x) {
  const Floats inside = larger(x, splat(kClamp));
  const Floats shifted = inside * 1.44269504f + kMagic;
  const Floats n = shifted - kMagic;
  Floats r = inside - n * 0.693145751953125f;
  r = r - n * 1.42860677e-6f;
  Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const Floats y = p * (r * r) + r + 1.0f;
  const Bits power = (as<Bits>(shifted) + (22u + 127u - kMagicBits)) << 23;  // 2^(n + 22)
  const Floats scaled = y * as<Floats>(power);
  Masses result;
  result.high = __builtin_convertvector(scaled, Ints);
  const Floats rest = scaled - __builtin_convertvector(result.high, Floats);
  result.low = __builtin_convertvector(rest * 4194304.0f, Ints);
  return result;
}

TOKOPS_INLINE Longs as_longs(const Masses& mass) {
  return (__builtin_convertvector(mass.high, Longs) << 22) + __builtin_convertvector(mass.low, Longs);
}

TOKOPS_INLINE int64_t total(const Masses& mass) {
  const Longs value = as_longs(mass);
  int64_t lane[kLanes];
  memcpy(lane, &value, sizeof(value));
  int64_t sum = 0;
  for (const int64_t one : lane) {
    sum += one;
  }
  return sum;
}

}  // namespace
}  // namespace tokops::TOKOPS_ISA
