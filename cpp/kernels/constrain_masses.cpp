// SPDX-License-Identifier: Apache-2.0
// 16 lanes of float32; 16-bit logits are widened in registers; the tail of a row goes through a padded copy of 16
// elements, so nothing is read past the row. exp32 rounds after every operation (no fused multiply-add), hence
// equal bits on every level. AVX-512 converts to int64 directly; elsewhere the integer is the significand
// shifted by the exponent, the same value.
// Below -31 the mass is 0 without a test: exp32 is clamped at -31.5, where 2^44 exp32 is below 1.
#include "kernels/constrain_masses.h"

#include "kernels/vec.h"

#if TOKOPS_LEVEL >= 3 && defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tokops::TOKOPS_ISA {
namespace {

constexpr int64_t kLanes = 16;
constexpr float kLowest = -1e30f;
constexpr float kLowestFloat16 = -65504.0f;
constexpr float kClamp = -31.5f;

#define TOKOPS_INLINE __attribute__((always_inline)) inline

TOKOPS_INLINE f32x16 splat(float value) {
  return value - f32x16{};  // a broadcast that vector extensions can say
}

// How the three element types are widened; index in elements.
struct Float32 {
  static constexpr bool kHalf = false;
  static constexpr int64_t kBytes = 4;
  static TOKOPS_INLINE f32x16 widen(const void* from) {
    f32x16 v;
    load(v, from);
    return v;
  }
  static TOKOPS_INLINE float one(const void* data, int64_t i) { return static_cast<const float*>(data)[i]; }
};

struct BFloat16 {
  static constexpr bool kHalf = false;
  static constexpr int64_t kBytes = 2;
  static TOKOPS_INLINE f32x16 widen(const void* from) {
    u16x16 half;
    load(half, from);
    const u32x16 bits = __builtin_convertvector(half, u32x16) << 16;
    f32x16 v;
    memcpy(&v, &bits, sizeof(v));
    return v;
  }
  static TOKOPS_INLINE float one(const void* data, int64_t i) {
    return float_from_bf16(static_cast<const uint16_t*>(data)[i]);
  }
};

struct Float16 {
  static constexpr bool kHalf = true;
  static constexpr int64_t kBytes = 2;
  static TOKOPS_INLINE f32x16 widen(const void* from) {
    f32x16 v;
#if TOKOPS_LEVEL >= 4 && defined(__x86_64__)
    const __m512 wide = _mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(static_cast<const __m256i*>(from)));
    memcpy(&v, &wide, sizeof(v));
#elif TOKOPS_LEVEL == 3 && defined(__x86_64__)
    const __m128i* halves = static_cast<const __m128i*>(from);
    const __m256 low = _mm256_cvtph_ps(_mm_loadu_si128(halves));
    const __m256 high = _mm256_cvtph_ps(_mm_loadu_si128(halves + 1));
    memcpy(&v, &low, sizeof(low));
    memcpy(reinterpret_cast<char*>(&v) + sizeof(low), &high, sizeof(high));
#else
    uint16_t half[16];
    memcpy(half, from, sizeof(half));
    for (int i = 0; i < 16; ++i) {
      v[i] = float_from_f16(half[i]);
    }
#endif
    return v;
  }
  static TOKOPS_INLINE float one(const void* data, int64_t i) {
    return float_from_f16(static_cast<const uint16_t*>(data)[i]);
  }
};

template <class E>
TOKOPS_INLINE float scaled_one(const LogitRow& row, int64_t i) {
  const float raw = E::one(row.data, i);
  const bool inside = raw > (E::kHalf ? kLowestFloat16 : kLowest);
  return inside ? raw * row.inverse : -__builtin_inff();
}

// Raw logits i .. i + 15; past the end of the row the lanes hold -inf.
template <class E>
TOKOPS_INLINE f32x16 raw_lanes(const LogitRow& row, int64_t i) {
  if (i + kLanes <= row.n) {
    return E::widen(static_cast<const char*>(row.data) + i * E::kBytes);
  }
  f32x16 v = splat(-__builtin_inff());
  for (int64_t lane = 0; i + lane < row.n; ++lane) {
    v[lane] = E::one(row.data, i + lane);
  }
  return v;
}

template <class E>
TOKOPS_INLINE f32x16 scaled_lanes(const LogitRow& row, int64_t i) {
  const f32x16 raw = raw_lanes<E>(row, i);
  const f32x16 floor = splat(E::kHalf ? kLowestFloat16 : kLowest);
  return raw > floor ? raw * row.inverse : splat(-__builtin_inff());
}

TOKOPS_INLINE float largest(const f32x16& v) {
  float best = v[0];
  for (int i = 1; i < 16; ++i) {
    best = v[i] > best ? v[i] : best;
  }
  return best;
}

// Lanes of `open` bits i .. i + 15 keep v, the others get `closed`. i is a multiple of 16.
TOKOPS_INLINE f32x16 where_open(const uint32_t* open, int64_t i, const f32x16& v, float closed) {
  const uint32_t bits = open[i >> 5] >> (i & 16);
#if TOKOPS_LEVEL >= 4 && defined(__x86_64__)
  __m512 wide;
  memcpy(&wide, &v, sizeof(wide));
  wide = _mm512_mask_blend_ps(static_cast<__mmask16>(bits), _mm512_set1_ps(closed), wide);
  f32x16 result;
  memcpy(&result, &wide, sizeof(result));
  return result;
#else
  constexpr u32x16 kBit = {1u,      1u << 1, 1u << 2,  1u << 3,  1u << 4,  1u << 5,  1u << 6,  1u << 7,
                           1u << 8, 1u << 9, 1u << 10, 1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15};
  return (kBit & bits) != 0 ? v : splat(closed);
#endif
}

// exp32 of clamped x in (-32, 0] as y * 2^n: y in [0.5, 2), n as the low bits of z.
struct Exponential {
  f32x16 y;
  u32x16 z;
};

constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to the nearest even integer
constexpr uint32_t kMagicBits = 0x4b400000u;

TOKOPS_INLINE Exponential exp32(const f32x16& x) {
  const f32x16 shifted = x * 1.44269504f + kMagic;
  const f32x16 n = shifted - kMagic;
  f32x16 r = x - n * 0.693145751953125f;
  r = r - n * 1.42860677e-6f;
  f32x16 p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  Exponential result;
  result.y = p * (r * r) + r + 1.0f;
  memcpy(&result.z, &shifted, sizeof(shifted));
  return result;
}

// Masses of 16 lanes as two halves of int64.
struct Masses {
  i64x8 low;
  i64x8 high;
};

TOKOPS_INLINE Masses lane_masses(const f32x16& x) {
  const f32x16 clamp = splat(kClamp);
  const Exponential e = exp32(x > clamp ? x : clamp);
  Masses result;
#if TOKOPS_LEVEL >= 4 && defined(__x86_64__)
  // y * 2^(n + 44), exact; the power's bits are (n + 44 + 127) << 23.
  const u32x16 power_bits = (e.z + (44u + 127u - kMagicBits)) << 23;
  f32x16 power;
  memcpy(&power, &power_bits, sizeof(power));
  const f32x16 value = e.y * power;
  f32x8 half[2];
  memcpy(half, &value, sizeof(value));
  result.low = __builtin_convertvector(half[0], i64x8);
  result.high = __builtin_convertvector(half[1], i64x8);
#else
  u32x16 bits;
  memcpy(&bits, &e.y, sizeof(bits));
  bits += (e.z - kMagicBits) << 23;
  const u32x16 significand = (bits & 0x7fffffu) | 0x800000u;
  const u32x16 shift = 127u - (bits >> 23);  // 0 .. 46: the value is at most 1
  u32x8 part[4];
  memcpy(part, &significand, sizeof(significand));
  memcpy(part + 2, &shift, sizeof(shift));
  const u64x8 low = (__builtin_convertvector(part[0], u64x8) << 21) >> __builtin_convertvector(part[2], u64x8);
  const u64x8 high = (__builtin_convertvector(part[1], u64x8) << 21) >> __builtin_convertvector(part[3], u64x8);
  memcpy(&result.low, &low, sizeof(low));
  memcpy(&result.high, &high, sizeof(high));
#endif
  return result;
}

// t - top of 16 lanes. Outside the support the mass is 0 by distance, but for float16, whose lowest value is near.
template <class E>
TOKOPS_INLINE f32x16 relative_lanes(const LogitRow& row, float top, int64_t i) {
  if constexpr (E::kHalf) {
    return scaled_lanes<E>(row, i) - top;
  } else {
    return raw_lanes<E>(row, i) * row.inverse - top;
  }
}

TOKOPS_INLINE int64_t total(const i64x8& v) {
  int64_t sum = 0;
  for (int i = 0; i < 8; ++i) {
    sum += v[i];
  }
  return sum;
}

template <class E>
bool chunk_maxima(const LogitRow& row, float* maxima) noexcept {
  const f32x16 infinity = splat(__builtin_inff());
  i32x16 fine = infinity == infinity;  // all lanes -1
  for (int64_t begin = 0; begin < row.n; begin += kMassChunk) {
    const int64_t end = begin + kMassChunk < row.n ? begin + kMassChunk : row.n;
    f32x16 best = splat(-__builtin_inff());
    for (int64_t i = begin; i < end; i += kLanes) {
      const f32x16 raw = raw_lanes<E>(row, i);
      const f32x16 t = raw * row.inverse;
      fine &= t < infinity;  // false for NaN and +inf
      const f32x16 inside = raw > splat(E::kHalf ? kLowestFloat16 : kLowest) ? t : -infinity;
      best = inside > best ? inside : best;
    }
    maxima[begin / kMassChunk] = largest(best);
  }
  int32_t all = -1;
  for (int i = 0; i < 16; ++i) {
    all &= fine[i];
  }
  return all != 0;
}

template <class E>
int64_t chunk_sums(const LogitRow& row, float top, const float* maxima, const uint32_t* open,
                   int64_t* sums) noexcept {
  int64_t whole = 0;
  for (int64_t begin = 0; begin < row.n; begin += kMassChunk) {
    const int64_t chunk = begin / kMassChunk;
    sums[chunk] = 0;
    if (maxima[chunk] - top <= -31.0f) {
      continue;
    }
    const int64_t end = begin + kMassChunk < row.n ? begin + kMassChunk : row.n;
    i64x8 all[2] = {};
    i64x8 part[2] = {};
    if (open == nullptr) {
      for (int64_t i = begin; i < end; i += kLanes) {
        const Masses mass = lane_masses(relative_lanes<E>(row, top, i));
        all[0] += mass.low;
        all[1] += mass.high;
      }
      sums[chunk] = total(all[0] + all[1]);
      whole += sums[chunk];
      continue;
    }
    for (int64_t i = begin; i < end; i += kLanes) {
      const f32x16 x = relative_lanes<E>(row, top, i);
      const f32x16 zero{};
      const Masses mass = lane_masses(x < zero ? x : zero);
      const uint32_t bits = open[i >> 5] >> (i & 16);
#if TOKOPS_LEVEL >= 4 && defined(__x86_64__)
      __m512i low, high, kept[2];
      memcpy(&low, &mass.low, sizeof(low));
      memcpy(&high, &mass.high, sizeof(high));
      memcpy(kept, part, sizeof(kept));
      kept[0] = _mm512_mask_add_epi64(kept[0], static_cast<__mmask8>(bits), kept[0], low);
      kept[1] = _mm512_mask_add_epi64(kept[1], static_cast<__mmask8>(bits >> 8), kept[1], high);
      memcpy(part, kept, sizeof(kept));
#else
      constexpr u64x8 kBit = {1, 2, 4, 8, 16, 32, 64, 128};
      part[0] += mass.low & ((kBit & bits) != 0);
      part[1] += mass.high & ((kBit & (bits >> 8)) != 0);
#endif
      all[0] += mass.low;
      all[1] += mass.high;
    }
    sums[chunk] = total(part[0] + part[1]);
    whole += total(all[0] + all[1]);
  }
  return whole;
}

template <class E>
void masses(const LogitRow& row, float top, int64_t begin, int64_t count, int64_t* out) noexcept {
  const f32x16 zero{};
  for (int64_t i = 0; i < count; i += kLanes) {
    const f32x16 x = relative_lanes<E>(row, top, begin + i);
    const Masses mass = lane_masses(x < zero ? x : zero);
    if (i + kLanes <= count) {
      store(out + i, mass.low);
      store(out + i + 8, mass.high);
    } else {
      int64_t lane[kLanes];
      memcpy(lane, &mass.low, sizeof(mass.low));
      memcpy(lane + 8, &mass.high, sizeof(mass.high));
      memcpy(out + i, lane, static_cast<size_t>(count - i) * sizeof(int64_t));
    }
  }
}

template <class E>
int64_t open_argmax(const LogitRow& row, const uint32_t* open, float* best) noexcept {
  const float nothing = -__builtin_inff();
  f32x16 lanes = splat(nothing);
  for (int64_t i = 0; i < row.n; i += kLanes) {
    const f32x16 t = where_open(open, i, scaled_lanes<E>(row, i), nothing);
    lanes = t > lanes ? t : lanes;
  }
  *best = largest(lanes);
  if (*best == nothing) {
    return -1;
  }
  for (int64_t i = 0; i < row.n; i += kLanes) {
    const f32x16 t = where_open(open, i, scaled_lanes<E>(row, i), nothing);
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      if (t[lane] == *best) {
        return i + lane;
      }
    }
  }
  return -1;
}

#define TOKOPS_BY_DTYPE(call)                  \
  switch (row.dtype) {                         \
    case DType::kFloat16: {                    \
      using E = Float16;                       \
      return call;                             \
    }                                          \
    case DType::kBFloat16: {                   \
      using E = BFloat16;                      \
      return call;                             \
    }                                          \
    default: {                                 \
      using E = Float32;                       \
      return call;                             \
    }                                          \
  }

bool any_chunk_maxima(const LogitRow& row, float* maxima) noexcept { TOKOPS_BY_DTYPE(chunk_maxima<E>(row, maxima)) }

int64_t any_chunk_sums(const LogitRow& row, float top, const float* maxima, const uint32_t* open,
                       int64_t* sums) noexcept {
  TOKOPS_BY_DTYPE(chunk_sums<E>(row, top, maxima, open, sums))
}

void any_masses(const LogitRow& row, float top, int64_t begin, int64_t count, int64_t* out) noexcept {
  TOKOPS_BY_DTYPE(masses<E>(row, top, begin, count, out))
}

int64_t any_open_argmax(const LogitRow& row, const uint32_t* open, float* best) noexcept {
  TOKOPS_BY_DTYPE(open_argmax<E>(row, open, best))
}

float any_scaled(const LogitRow& row, int64_t token) noexcept { TOKOPS_BY_DTYPE(scaled_one<E>(row, token)) }

}  // namespace

extern const ConstrainMasses constrain_masses;
const ConstrainMasses constrain_masses = {any_chunk_maxima, any_chunk_sums, any_masses, any_open_argmax, any_scaled};

}  // namespace tokops::TOKOPS_ISA
