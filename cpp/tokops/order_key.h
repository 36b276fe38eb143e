// SPDX-License-Identifier: Apache-2.0
// Unsigned keys that order like the values they come from: a larger value has a larger key.
// -0.0 and +0.0 share a key; every NaN has key 0, below the key of -inf, also when the order is reversed.
// float16 and bfloat16 bits are put into the high half of a word first: sign and magnitude then order like float32,
// only the magnitude above which a word is a NaN differs. int32 has no NaN and uses every key.
// Kernel-safe: static inline integer arithmetic, so flush-to-zero modes change nothing; nvcc compiles it too.
#pragma once

#include <stdint.h>

#include "tokops/dtype.h"

namespace tokops {

constexpr uint32_t kInfinity32 = 0x7f800000u;  // float32, and bfloat16 in the high half
constexpr uint32_t kInfinity16 = 0x7c000000u;  // float16 in the high half
constexpr uint64_t kInfinity64 = 0x7ff0000000000000u;

// `reverse` is 0, or all ones when smaller values shall have larger keys.
static TOKOPS_HD uint32_t float_order_key(uint32_t bits, uint32_t infinity, uint32_t reverse) {
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > infinity) {
    return 0;
  }
  const uint32_t flip = (bits >> 31) != 0 ? 0xffffffffu : 0x80000000u;
  return (magnitude == 0 ? 0x80000000u : bits ^ flip) ^ reverse;
}

static TOKOPS_HD uint32_t int_order_key(int32_t value, uint32_t reverse) {
  return (static_cast<uint32_t>(value) ^ 0x80000000u) ^ reverse;
}

static TOKOPS_HD uint64_t double_order_key(uint64_t bits, uint64_t reverse) {
  const uint64_t sign = uint64_t{1} << 63;
  const uint64_t magnitude = bits & ~sign;
  if (magnitude > kInfinity64) {
    return 0;
  }
  return (magnitude == 0 ? sign : bits ^ ((bits & sign) != 0 ? ~uint64_t{0} : sign)) ^ reverse;
}

// The float32 of a key made with reverse = 0 from a number; zero comes back as +0.0.
static TOKOPS_HD float float_of_order_key(uint32_t key) {
  return float_of(key ^ ((key >> 31) != 0 ? 0x80000000u : 0xffffffffu));
}

}  // namespace tokops
