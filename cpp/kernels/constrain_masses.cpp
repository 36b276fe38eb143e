// SPDX-License-Identifier: Apache-2.0
// Two passes over a row: maxima with the search for NaN, then masses summed per chunk. The tail of a row goes through
// a padded copy of one vector, so nothing is read past the row. Lanes and arithmetic stand in constrain_lanes.h.
#include "kernels/constrain_masses.h"

#include "kernels/constrain_lanes.h"

namespace tokops::TOKOPS_ISA {
namespace {

constexpr float kLowest = -1e30f;
constexpr float kLowestFloat16 = -65504.0f;

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
  return smaller(relative<E>(row, top, raw), Floats{});
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

// Adds the lanes of v whose token, from i on, is open.
TOKOPS_INLINE void add_open(Ints& sum, const Ints& v, const uint32_t* open, int64_t i) {
#if defined(__x86_64__) && TOKOPS_LEVEL >= 4
  const auto bits = static_cast<__mmask16>(open[i >> 5] >> (i & 31));
  const __m512i old = as<__m512i>(sum);
  sum = as<Ints>(_mm512_mask_add_epi32(old, bits, old, as<__m512i>(v)));
#else
  sum += v & open_lanes(open, i);
#endif
}

// kOpen: tokens above top are there, and closed.
enum class Which { kAll, kOpenBelowTop, kOpen };

template <class E, Which kWhich>
TOKOPS_INLINE void add_lanes(const LogitRow& row, float top, const uint32_t* open, int64_t i, const Floats& raw,
                             Sums& sums) {
  const Masses mass = lane_masses(kWhich == Which::kOpen ? capped<E>(row, top, raw) : relative<E>(row, top, raw));
  sums.all.high += mass.high;
  sums.all.low += mass.low;
  if constexpr (kWhich != Which::kAll) {
    add_open(sums.open.high, mass.high, open, i);
    add_open(sums.open.low, mass.low, open, i);
  }
}

template <class E, Which kWhich>
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
        add_lanes<E, kWhich>(row, top, open, i, full_lanes<E>(row, i), sums);
      }
    } else {
      for (int64_t i = begin; i < whole_vectors; i += kLanes) {
        add_lanes<E, kWhich>(row, top, open, i, full_lanes<E>(row, i), sums);
      }
      if (whole_vectors < row.n) {
        add_lanes<E, kWhich>(row, top, open, whole_vectors, raw_lanes<E>(row, whole_vectors), sums);
      }
    }
    const int64_t all = total(sums.all);
    chunk_sum[chunk] = kWhich == Which::kAll ? all : total(sums.open);
    whole += all;
  }
  return whole;
}

template <class E>
int64_t chunk_sums(const LogitRow& row, float top, const float* maxima, const uint32_t* open, int64_t* sums) noexcept {
  if (open == nullptr) {
    return sum_chunks<E, Which::kAll>(row, top, maxima, open, sums);
  }
  bool above = false;
  for (int64_t chunk = 0; chunk * kMassChunk < row.n; ++chunk) {
    above = above || maxima[chunk] > top;
  }
  return above ? sum_chunks<E, Which::kOpen>(row, top, maxima, open, sums)
               : sum_chunks<E, Which::kOpenBelowTop>(row, top, maxima, open, sums);
}

template <class E>
void masses(const LogitRow& row, float top, int64_t begin, int64_t count, int64_t* out) noexcept {
  for (int64_t i = 0; i < count; i += kLanes) {
    const Masses mass = lane_masses(capped<E>(row, top, raw_lanes<E>(row, begin + i)));
    const Longs value = as_longs(mass);
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

#define TOKOPS_BY_DTYPE(call) \
  switch (row.dtype) {        \
    case DType::kFloat16: {   \
      using E = Float16;      \
      return call;            \
    }                         \
    case DType::kBFloat16: {  \
      using E = BFloat16;     \
      return call;            \
    }                         \
    default: {                \
      using E = Float32;      \
      return call;            \
    }                         \
  }

bool any_chunk_maxima(const LogitRow& row, float* maxima) noexcept {TOKOPS_BY_DTYPE(chunk_maxima<E>(row, maxima))}

int64_t
    any_chunk_sums(const LogitRow& row, float top, const float* maxima, const uint32_t* open, int64_t* sums) noexcept {
  TOKOPS_BY_DTYPE(chunk_sums<E>(row, top, maxima, open, sums))
}

void any_masses(const LogitRow& row, float top, int64_t begin, int64_t count,
                int64_t* out) noexcept {TOKOPS_BY_DTYPE(masses<E>(row, top, begin, count, out))}

int64_t any_open_argmax(const LogitRow& row, const uint32_t* open, float* best) noexcept {
  TOKOPS_BY_DTYPE(open_argmax<E>(row, open, best))
}

float any_scaled(const LogitRow& row, int64_t token) noexcept { TOKOPS_BY_DTYPE(scaled_one<E>(row, token)) }

}  // namespace

extern const ConstrainMasses constrain_masses;
const ConstrainMasses constrain_masses = {any_chunk_maxima, any_chunk_sums, any_masses, any_open_argmax, any_scaled};

}  // namespace tokops::TOKOPS_ISA
