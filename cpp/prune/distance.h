// SPDX-License-Identifier: Apache-2.0
// The per-pair arithmetic that decides every choice of the prune family, for host and device.
// Input: g = canonical dot of two rows, s = canonical squares (float64). Same bits everywhere: no fused
// multiply-add, IEEE square root and division, direct rounding from float64.
#pragma once

#include <math.h>
#include <stdint.h>

#include "tokops/dtype.h"

namespace tokops::prune {

// Scalar form of the canonical dot: lane c mod 16, then halves (i, i + 8), 4, 2, 1.
template <class Load>
static TOKOPS_HD double canonical_dot(int64_t d, Load load) {
  double lane[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  for (int64_t c = 0; c < d; ++c) {
    double a = 0;
    double b = 0;
    load(c, a, b);
    lane[c & 15] += a * b;
  }
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      lane[i] += lane[i + half];
    }
  }
  return lane[0];
}

// 1 - cosine, cosine clamped to [-1, 1]; a zero row is at distance 1 from others and 0 from zero rows.
static TOKOPS_HD double cosine_distance(double g, double s_a, double s_b) {
  if (s_a == 0 || s_b == 0) {
    return s_a == s_b ? 0.0 : 1.0;
  }
  const double cosine = g / sqrt(s_a * s_b);
  return 1.0 - (cosine > 1.0 ? 1.0 : cosine < -1.0 ? -1.0 : cosine);
}

static TOKOPS_HD double euclidean_distance(double g, double s_a, double s_b) {
  const double squared = (s_a + s_b) - 2.0 * g;
  return squared > 0 ? sqrt(squared) : 0.0;
}

// Nearest even multiple of 2^step (|value| < 2^(step + 51)): adding 1.5 * 2^(step + 52) leaves no finer bits.
static TOKOPS_HD double round_to_step(double value, double magic) {
  const volatile double shifted = value + magic;
  return shifted - magic;
}

// Keeps `bits` significant bits of a normal value, ties to even.
static TOKOPS_HD double round_to_bits(double value, int bits) {
  uint64_t word;
  memcpy(&word, &value, sizeof(word));
  const int drop = 53 - bits;
  word += ((uint64_t{1} << (drop - 1)) - 1) + ((word >> drop) & 1);
  word &= ~((uint64_t{1} << drop) - 1);
  memcpy(&value, &word, sizeof(value));
  return value;
}

static TOKOPS_HD double round_to_bf16(double value) {
  if (fabs(value) < 0x1p-126) {
    return round_to_step(value, 0x1.8p-81);
  }
  const double rounded = round_to_bits(value, 8);
  return fabs(rounded) < 0x1p128 ? rounded : copysign(HUGE_VAL, value);
}

static TOKOPS_HD double round_to_f16(double value) {
  if (fabs(value) < 0x1p-14) {
    return round_to_step(value, 0x1.8p28);
  }
  const double rounded = round_to_bits(value, 11);
  return fabs(rounded) < 65536.0 ? rounded : copysign(HUGE_VAL, value);
}

static TOKOPS_HD double round_to(DType type, double value) {
  return type == DType::kBFloat16 ? round_to_bf16(value) : type == DType::kFloat16 ? round_to_f16(value) : value;
}

// precision="input": g of two rows that were normalised and rounded to `type`; every step rounds again.
static TOKOPS_HD double rounded_distance(DType type, double g, bool both_zero) {
  return both_zero ? 0.0 : round_to(type, 1.0 - round_to(type, g));
}

// The order of all choices: larger score first, equal scores by lower index.
static TOKOPS_HD bool comes_before(double score_a, int64_t index_a, double score_b, int64_t index_b) {
  return score_a > score_b || (score_a == score_b && index_a < index_b);
}

}  // namespace tokops::prune
