// SPDX-License-Identifier: Apache-2.0
#include "constrain/truncate.h"

#include <algorithm>
#include <cmath>

#include "constrain/geometric.h"
#include "tokops/dtype.h"

namespace tokops::constrain {
namespace {

constexpr int64_t kTop = int64_t{1} << 44;

// floor(fraction * count) and whether something was cut off: the double is mantissa * 2^exponent.
int64_t times(double fraction, int64_t count, bool* inexact) noexcept {
  int exponent = 0;
  const double mantissa = std::frexp(fraction, &exponent);  // [0.5, 1)
  const auto digits = static_cast<uint64_t>(std::ldexp(mantissa, 53));
  const Uint128 product = static_cast<Uint128>(digits) * static_cast<uint64_t>(count);
  const int shift = 53 - exponent;  // at least 52: fraction is at most 1
  if (shift >= 128) {
    *inexact = product != 0;
    return 0;
  }
  *inexact = (product & ((static_cast<Uint128>(1) << shift) - 1)) != 0;
  return static_cast<int64_t>(product >> shift);
}

float raw_logit(const LogitRow& row, int64_t i) noexcept {
  switch (row.dtype) {
    case DType::kFloat16: return float_from_f16(static_cast<const uint16_t*>(row.data)[i]);
    case DType::kBFloat16: return float_from_bf16(static_cast<const uint16_t*>(row.data)[i]);
    default: return static_cast<const float*>(row.data)[i];
  }
}

// Ascending keys are (logit descending, id ascending).
uint64_t order_key(float logit, int64_t id) noexcept {
  const uint32_t bits = bits_of(logit == 0.0f ? 0.0f : logit);
  const uint32_t ascending = (bits >> 31) != 0 ? ~bits : bits | 0x80000000u;
  return static_cast<uint64_t>(~ascending) << 32 | static_cast<uint64_t>(id);
}

int64_t mass_of(const LogitRow& row, float top, uint64_t key) noexcept {
  int64_t mass = 0;
  constrain_masses().masses(row, top, static_cast<int64_t>(key & 0xffffffffu), 1, &mass);
  return mass;
}

// How many of the ordered keys make up `target`; sorts only as far as it looks.
std::size_t prefix_reaching(const LogitRow& row, float top, std::vector<uint64_t>& keys, int64_t target) {
  int64_t running = 0;
  std::size_t sorted = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i == sorted) {
      const std::size_t next = std::min(keys.size(), std::max<std::size_t>(256, sorted * 8));
      const auto at = [&](std::size_t n) { return keys.begin() + static_cast<std::ptrdiff_t>(n); };
      if (next < keys.size()) {
        std::nth_element(at(sorted), at(next), keys.end());
      }
      std::sort(at(sorted), at(next));
      sorted = next;
    }
    running += mass_of(row, top, keys[i]);
    if (running >= target) {
      return i + 1;
    }
  }
  return keys.size();
}

}  // namespace

int64_t ceil_times(double fraction, int64_t count) noexcept {
  bool inexact = false;
  const int64_t floor = times(fraction, count, &inexact);
  return floor + (inexact ? 1 : 0);
}

int64_t floor_times(double fraction, int64_t count) noexcept {
  bool inexact = false;
  return times(fraction, count, &inexact);
}

void truncate(const LogitRow& row, float top, int64_t whole, const Truncation& rules, std::vector<uint64_t>& keys,
              uint32_t* kept) {
  keys.clear();
  for (int64_t i = 0; i < row.n; ++i) {
    if (constrain_masses().scaled(row, i) > -INFINITY) {
      keys.push_back(order_key(raw_logit(row, i), i));
    }
  }
  if (rules.top_k > 0 && static_cast<std::size_t>(rules.top_k) < keys.size()) {
    const auto k = static_cast<std::ptrdiff_t>(rules.top_k);
    std::nth_element(keys.begin(), keys.begin() + k, keys.end());
    keys.resize(static_cast<std::size_t>(k));
    whole = 0;
    for (const uint64_t key : keys) {
      whole += mass_of(row, top, key);
    }
  }
  if (rules.top_p < 1.0) {
    const int64_t target = std::max<int64_t>(1, ceil_times(rules.top_p, whole));
    keys.resize(prefix_reaching(row, top, keys, target));
  }
  std::fill(kept, kept + (row.n + 31) / 32, 0u);
  const int64_t least = rules.min_p > 0.0 ? ceil_times(rules.min_p, kTop) : 0;
  for (const uint64_t key : keys) {
    if (least == 0 || mass_of(row, top, key) >= least) {
      kept[(key & 0xffffffffu) >> 5] |= 1u << (key & 31);
    }
  }
}

}  // namespace tokops::constrain
