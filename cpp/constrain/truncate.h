// SPDX-License-Identifier: Apache-2.0
// top_k, top_p and min_p on integer masses, in this order of application.
// Order of tokens: (raw logit descending, id ascending), -0.0 equal to 0.0. Exactly k tokens stay under top_k;
// top_p and min_p are the exact rationals of their doubles. Time O(v) and a sort of what top_p looks at.
#pragma once

#include <cstdint>
#include <vector>

#include "constrain/masses.h"

namespace tokops::constrain {

struct Truncation {
  int64_t top_k = 0;   // 0: off
  double top_p = 1.0;  // 1: off
  double min_p = 0.0;  // 0: off
  [[nodiscard]] bool on() const noexcept { return top_k > 0 || top_p < 1.0 || min_p > 0.0; }
};

// Sets the bits of the tokens that stay and clears the others. `whole` is the mass of the row relative to `top`;
// `keys` is scratch that grows to v. Throws std::bad_alloc.
void truncate(const LogitRow& row, float top, int64_t whole, const Truncation& rules, std::vector<uint64_t>& keys,
              uint32_t* kept);

// ceil(fraction * count) of a double in [0, 1], exact.
[[nodiscard]] int64_t ceil_times(double fraction, int64_t count) noexcept;
// floor(fraction * count), exact.
[[nodiscard]] int64_t floor_times(double fraction, int64_t count) noexcept;

}  // namespace tokops::constrain
