// SPDX-License-Identifier: Apache-2.0
// float32 exponential from multiplications, additions and an exponent shift, each rounded once: the same bits on
// every machine and in numpy. Within 1 ulp on [-87.3, 88]; 0 below -87.3 and for NaN. No libm, no table, no fma:
// compile with -ffp-contract=off (the device uses the rounding intrinsics).
// exp(r) = 1 + r + r^2 (C0 + C1 r + ... + C4 r^4), minimax on |r| <= ln(2) / 2 with relative error 3e-9.
// Kernel-safe: static inline, no STL.
#pragma once

#include <stdint.h>

#include "tokops/dtype.h"

namespace tokops {

constexpr float kExpLowest = -87.3f;
constexpr float kLog2E = 1.4426950408889634f;
constexpr float kExpRound = 12582912.0f;  // 1.5 * 2^23: the sum holds the nearest integer in its low bits
constexpr float kLn2High = 0.693359375f;  // 9 bits, so that n * kLn2High is exact
constexpr float kLn2Low = -2.12194440e-4f;
constexpr float kExpC0 = 0.5f;
constexpr float kExpC1 = 0.166665181517601f;
constexpr float kExpC2 = 0.04166620597243309f;
constexpr float kExpC3 = 0.008368917740881443f;
constexpr float kExpC4 = 0.001395053113810718f;

#if defined(__CUDA_ARCH__)
static TOKOPS_HD float exact_mul(float a, float b) { return __fmul_rn(a, b); }
static TOKOPS_HD float exact_add(float a, float b) { return __fadd_rn(a, b); }
#else
static TOKOPS_HD float exact_mul(float a, float b) { return a * b; }
static TOKOPS_HD float exact_add(float a, float b) { return a + b; }
#endif

static TOKOPS_HD float exp32(float x) {
  if (!(x >= kExpLowest)) {
    return 0.0f;
  }
  const float rounded = exact_add(exact_mul(x, kLog2E), kExpRound);
  const float n = exact_add(rounded, -kExpRound);
  const float r = exact_add(exact_add(x, -exact_mul(n, kLn2High)), -exact_mul(n, kLn2Low));
  float series = exact_add(exact_mul(kExpC4, r), kExpC3);
  series = exact_add(exact_mul(series, r), kExpC2);
  series = exact_add(exact_mul(series, r), kExpC1);
  series = exact_add(exact_mul(series, r), kExpC0);
  const float value = exact_add(exact_add(exact_mul(exact_mul(r, r), series), r), 1.0f);
  return exact_mul(value, float_of((bits_of(rounded) << 23) + (127u << 23)));
}

// exp(x - maximum); 0 when x is -inf.
static TOKOPS_HD float exp32_from(float x, float maximum) { return exp32(exact_add(x, -maximum)); }

}  // namespace tokops
