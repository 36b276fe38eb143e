// SPDX-License-Identifier: Apache-2.0
// A geometric variable from integers only: failures before a success of probability remaining / total.
// The binary digits of a geometric variable are independent: with q = 1 - remaining/total, digit i is 1 with
// probability s / (1 + s), s = q^(2^i). Relative error of the rate about 2^-63 * total/remaining; below 2^62.
#pragma once

#include <cstdint>

#include "tokops/rng.h"

namespace tokops::constrain {

__extension__ typedef unsigned __int128 Uint128;

template <class Word>
int64_t geometric(int64_t remaining, int64_t total, Word&& next_word) noexcept {
  constexpr int kDigits = 62;
  const Uint128 failing = static_cast<Uint128>(static_cast<uint64_t>(total - remaining)) << 64;
  uint64_t s = static_cast<uint64_t>(failing / static_cast<uint64_t>(total));
  int64_t result = 0;
  for (int digit = 0; digit < kDigits && s > 0; ++digit) {
    const uint64_t u = next_word();
    if (u < s && mul_high(u, s) < s - u) {
      result |= int64_t{1} << digit;
    }
    s = mul_high(s, s);
  }
  return result;
}

}  // namespace tokops::constrain
