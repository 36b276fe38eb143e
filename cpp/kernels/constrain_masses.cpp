// SPDX-License-Identifier: Apache-2.0
// As many lanes of float32 as a register of the level has; 16-bit logits are widened in registers; the tail of a
// row goes through a padded copy of one vector, so nothing is read past the row. exp32 rounds after every operation
// (no fused multiply-add), and sums are integers, hence equal bits on every level.
// A mass is below 2^45: with v = 2^44 exp32, high = trunc(v 2^-22) and low = trunc(v - high 2^22) are exact and fit
// int32, and so do their sums over the lanes of a chunk; no 64-bit conversion is needed.
// Below -31 the mass is 0 without a test: x is clamped at -31.5, where 2^44 exp32 is below 1.
#include "kernels/constrain_masses.h"

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

constexpr float kLowest = -1e30f;
constexpr float kLowestFloat16 = -65504.0f;
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

template <class E>
TOKOPS_INLINE float scaled_one(const LogitRow& row, int64_t i) {
  const float raw = E::one(row.data, i);
  const bool inside = raw > (E::kHalf ? kLowestFloat16 : kLowest);
  return inside ? raw * row.inverse : -kInfinity;
}

template <class E>
TOKOPS_INLINE Floats full_lanes(const LogitRow& row, int64_t i) {
  return E::widen(static_cast<const char*>(row.data) + i * E::kBytes);
}

// Raw logits from i on; past the end of the row the lanes hold -inf.
template <class E>
TOKOPS_INLINE Floats raw_lanes(const LogitRow& row, int64_t i) {
  if (i + kLanes <= row.n) {
    return full_lanes<E>(row, i);
  }
  Floats v = splat(-kInfinity);
  for (int64_t lane = 0; i + lane < row.n; ++lane) {
    v[lane] = E::one(row.data, i + lane);
  }
  return v;
}

template <class E>
TOKOPS_INLINE Floats scaled_lanes(const LogitRow& row, const Floats& raw) {
  const Floats floor = splat(E::kHalf ? kLowestFloat16 : kLowest);
  return raw > floor ? raw * row.inverse : splat(-kInfinity);
}

TOKOPS_INLINE float largest(const Floats& v) {
  float best = v[0];
  for (int i = 1; i < kLanes; ++i) {
    best = v[i] > best ? v[i] : best;
  }
  return best;
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

// t - top. Outside the support the mass is 0 by distance, but for float16, whose lowest value is near.
template <class E>
TOKOPS_INLINE Floats relative(const LogitRow& row, float top, const Floats& raw) {
  if constexpr (E::kHalf) {
    return scaled_lanes<E>(row, raw) - top;
  } else {
    return raw * row.inverse - top;
  }
}

// The same with tokens above top, which are closed ones, at top.
template <class E>
TOKOPS_INLINE Floats capped(const LogitRow& row, float top, const Floats& raw) {
  const Floats x = relative<E>(row, top, raw);
  return x < Floats{} ? x : Floats{};
}

TOKOPS_INLINE int64_t total(const Masses& mass) {
  int64_t high = 0, low = 0;
  for (int i = 0; i < kLanes; ++i) {
    high += mass.high[i];
    low += mass.low[i];
  }
  return (high << 22) + low;
}

struct Maximum {
  Floats best;
  Bits nan;  // a maximum ignores NaN, so it is looked for apart

  TOKOPS_INLINE void add(const Floats& raw) {
    best = larger(raw, best);
    nan |= as<Bits>(raw != raw);
  }
};

template <class E>
bool chunk_maxima(const LogitRow& row, float* maxima) noexcept {
  const float floor = E::kHalf ? kLowestFloat16 : kLowest;
  const int64_t whole_vectors = row.n / kLanes * kLanes;
  Maximum even{{}, {}}, odd{{}, {}};
  float highest = -kInfinity;
  for (int64_t begin = 0; begin < row.n; begin += kMassChunk) {
    even.best = odd.best = splat(-kInfinity);
    if (begin + kMassChunk <= row.n) {
      for (int64_t i = begin; i < begin + kMassChunk; i += 2 * kLanes) {
        even.add(full_lanes<E>(row, i));
        odd.add(full_lanes<E>(row, i + kLanes));
      }
    } else {
      for (int64_t i = begin; i < whole_vectors; i += kLanes) {
        even.add(full_lanes<E>(row, i));
      }
      odd.add(raw_lanes<E>(row, whole_vectors));
    }
    const float raw_best = largest(larger(even.best, odd.best));
    highest = raw_best > highest ? raw_best : highest;
    maxima[begin / kMassChunk] = raw_best > floor ? raw_best * row.inverse : -kInfinity;
  }
  uint32_t any = 0;
  for (int i = 0; i < kLanes; ++i) {
    any |= even.nan[i] | odd.nan[i];
  }
  return any == 0 && highest * row.inverse < kInfinity;
}

struct Sums {
  Masses all;
  Masses open;
};

template <class E, bool kMasked>
TOKOPS_INLINE void add_lanes(const LogitRow& row, float top, const uint32_t* open, int64_t i, const Floats& raw,
                             Sums& sums) {
  if constexpr (kMasked) {
    const Masses mass = lane_masses(capped<E>(row, top, raw));
    const Ints lanes = open_lanes(open, i);
    sums.all.high += mass.high;
    sums.all.low += mass.low;
    sums.open.high += mass.high & lanes;
    sums.open.low += mass.low & lanes;
  } else {
    const Masses mass = lane_masses(relative<E>(row, top, raw));
    sums.all.high += mass.high;
    sums.all.low += mass.low;
  }
}

template <class E, bool kMasked>
int64_t sum_chunks(const LogitRow& row, float top, const float* maxima, const uint32_t* open,
                   int64_t* chunk_sum) noexcept {
  const int64_t whole_vectors = row.n / kLanes * kLanes;
  int64_t whole = 0;
  for (int64_t begin = 0; begin < row.n; begin += kMassChunk) {
    const int64_t chunk = begin / kMassChunk;
    chunk_sum[chunk] = 0;
    if (maxima[chunk] - top <= -31.0f) {
      continue;
    }
    Sums sums{};
    if (begin + kMassChunk <= row.n) {
      for (int64_t i = begin; i < begin + kMassChunk; i += kLanes) {
        add_lanes<E, kMasked>(row, top, open, i, full_lanes<E>(row, i), sums);
      }
    } else {
      for (int64_t i = begin; i < whole_vectors; i += kLanes) {
        add_lanes<E, kMasked>(row, top, open, i, full_lanes<E>(row, i), sums);
      }
      if (whole_vectors < row.n) {
        add_lanes<E, kMasked>(row, top, open, whole_vectors, raw_lanes<E>(row, whole_vectors), sums);
      }
    }
    const int64_t all = total(sums.all);
    chunk_sum[chunk] = kMasked ? total(sums.open) : all;
    whole += all;
  }
  return whole;
}

template <class E>
int64_t chunk_sums(const LogitRow& row, float top, const float* maxima, const uint32_t* open,
                   int64_t* sums) noexcept {
  return open == nullptr ? sum_chunks<E, false>(row, top, maxima, open, sums)
                         : sum_chunks<E, true>(row, top, maxima, open, sums);
}

template <class E>
void masses(const LogitRow& row, float top, int64_t begin, int64_t count, int64_t* out) noexcept {
  for (int64_t i = 0; i < count; i += kLanes) {
    const Masses mass = lane_masses(capped<E>(row, top, raw_lanes<E>(row, begin + i)));
    const Longs value = (__builtin_convertvector(mass.high, Longs) << 22) + __builtin_convertvector(mass.low, Longs);
    const int64_t lanes = count - i < kLanes ? count - i : kLanes;
    if (lanes == kLanes) {
      store(out + i, value);
    } else {
      memcpy(out + i, &value, static_cast<size_t>(lanes) * sizeof(int64_t));
    }
  }
}

template <class E>
int64_t open_argmax(const LogitRow& row, const uint32_t* open, float* best) noexcept {
  const Floats nothing = splat(-kInfinity);
  Floats lanes = nothing;
  for (int64_t i = 0; i < row.n; i += kLanes) {
    lanes = larger(open_lanes(open, i) ? scaled_lanes<E>(row, raw_lanes<E>(row, i)) : nothing, lanes);
  }
  *best = largest(lanes);
  for (int64_t i = 0; *best > -kInfinity && i < row.n; i += kLanes) {
    const Floats t = open_lanes(open, i) ? scaled_lanes<E>(row, raw_lanes<E>(row, i)) : nothing;
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
