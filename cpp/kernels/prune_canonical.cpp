// SPDX-License-Identifier: Apache-2.0
// Canonical dots: 16 float64 lanes per row, four rows at a time to hide the latency of the additions.
// The tail is padded with zeros, which leaves every lane as it is. Nothing is read past a row.
#include "kernels/prune_canonical.h"

#include "kernels/prune_row.h"
#include "kernels/vec.h"

namespace tokops {
namespace TOKOPS_ISA {
namespace {

inline f64x16 widen16(const f32x16& lanes) { return __builtin_convertvector(lanes, f64x16); }

template <class Row>
void widen_row(const void* row, int64_t d, double* out) {
  const auto* x = static_cast<const typename Row::Item*>(row);
  int64_t c = 0;
  for (; c + 16 <= d; c += 16) {
    store(out + c, widen16(Row::load16(x + c)));
  }
  if (c < d) {
    const f64x16 lanes = widen16(load_part<Row>(x + c, d - c));
    memcpy(out + c, &lanes, static_cast<size_t>(d - c) * sizeof(double));
  }
}

template <class Row, int kRows>
void dots_of(const void* const* rows, const double* other, int64_t d, double* out) {
  const typename Row::Item* x[kRows];
  f64x16 sum[kRows];
  for (int r = 0; r < kRows; ++r) {
    x[r] = static_cast<const typename Row::Item*>(rows[r]);
    sum[r] = f64x16{};
  }
  int64_t c = 0;
  for (; c + 16 <= d; c += 16) {
    f64x16 y;
    load(y, other + c);
    for (int r = 0; r < kRows; ++r) {
      sum[r] += widen16(Row::load16(x[r] + c)) * y;
    }
  }
  if (c < d) {
    f64x16 y{};
    memcpy(&y, other + c, static_cast<size_t>(d - c) * sizeof(double));
    for (int r = 0; r < kRows; ++r) {
      sum[r] += widen16(load_part<Row>(x[r] + c, d - c)) * y;
    }
  }
  for (int r = 0; r < kRows; ++r) {
    out[r] = tree_sum(sum[r]);
  }
}

template <class Row>
void dots_rows(const void* const* rows, int64_t count, const double* other, int64_t d, double* out) {
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    dots_of<Row, 4>(rows + i, other, d, out + i);
  }
  for (; i < count; ++i) {
    dots_of<Row, 1>(rows + i, other, d, out + i);
  }
}

template <class Row>
double square_row(const void* row, int64_t d) {
  const auto* x = static_cast<const typename Row::Item*>(row);
  f64x16 sum{};
  int64_t c = 0;
  for (; c + 16 <= d; c += 16) {
    const f64x16 lanes = widen16(Row::load16(x + c));
    sum += lanes * lanes;
  }
  if (c < d) {
    const f64x16 lanes = widen16(load_part<Row>(x + c, d - c));
    sum += lanes * lanes;
  }
  return tree_sum(sum);
}

// A float32 quotient is rounded once; rounding it again gives the direct result unless it is a tie of bfloat16.
int64_t unit_bf16(const void* row, int64_t from, int64_t d, float length, void* out) {
  const auto* x = static_cast<const uint16_t*>(row);
  auto* to = static_cast<uint16_t*>(out);
  for (int64_t c = from; c < d; c += 16) {
    const int64_t count = d - c < 16 ? d - c : 16;
    const f32x16 quotient = (count == 16 ? Bf16Row::load16(x + c) : load_part<Bf16Row>(x + c, count)) / length;
    u32x16 bits;
    load(bits, &quotient);
    const u32x16 magnitude = bits & 0x7fffffffu;
    const auto care = ((bits & 0xffffu) == 0x8000u) | ((magnitude < 0x00800000u) & (magnitude != 0u));
    int64_t words[8];
    store(words, care);
    const int64_t any = words[0] | words[1] | words[2] | words[3] | words[4] | words[5] | words[6] | words[7];
    if (any != 0) {
      return c;
    }
    const u16x16 rounded = __builtin_convertvector((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16, u16x16);
    memcpy(to + c, &rounded, static_cast<size_t>(count) * sizeof(uint16_t));
  }
  return d;
}

void widen(DType type, const void* row, int64_t d, double* out) {
  switch (type) {
    case DType::kBFloat16: return widen_row<Bf16Row>(row, d, out);
    case DType::kFloat16: return widen_row<F16Row>(row, d, out);
    default: return widen_row<F32Row>(row, d, out);
  }
}

void dots(DType type, const void* const* rows, int64_t count, const double* other, int64_t d, double* out) {
  switch (type) {
    case DType::kBFloat16: return dots_rows<Bf16Row>(rows, count, other, d, out);
    case DType::kFloat16: return dots_rows<F16Row>(rows, count, other, d, out);
    default: return dots_rows<F32Row>(rows, count, other, d, out);
  }
}

double square(DType type, const void* row, int64_t d) {
  switch (type) {
    case DType::kBFloat16: return square_row<Bf16Row>(row, d);
    case DType::kFloat16: return square_row<F16Row>(row, d);
    default: return square_row<F32Row>(row, d);
  }
}

}  // namespace

extern const PruneCanonical prune_canonical;
const PruneCanonical prune_canonical = {widen, dots, square, unit_bf16};

}  // namespace TOKOPS_ISA
}  // namespace tokops
