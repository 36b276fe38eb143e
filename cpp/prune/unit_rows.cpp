// SPDX-License-Identifier: Apache-2.0
#include "prune/unit_rows.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/prune_canonical.h"
#include "tokops/thread_pool.h"

namespace tokops::prune {

namespace {

// Columns [from, to) by the definition.
void unit_columns(DType type, const double* wide, double length, int64_t from, int64_t to, uint16_t* out) {
  for (int64_t c = from; c < to; ++c) {
    const double quotient = length == 0 ? 0.0 : wide[c] / length;
    const auto value = static_cast<float>(round_to(type, quotient));  // fits the type: both conversions are exact
    out[c] = type == DType::kBFloat16 ? bf16_from_float(value) : f16_from_float(value);
  }
}

}  // namespace

Rows unit_rows(const Rows& rows, DType type, int64_t d, Scratch& scratch) {
  const auto out = scratch.take<uint16_t>(static_cast<std::size_t>(rows.count * d));
  parallel_for(rows.count, std::max<int64_t>(1, 50000 / std::max<int64_t>(d, 1)), [&](int64_t begin, int64_t end) {
    const PruneCanonical& kernel = prune_canonical();
    std::vector<double> wide(static_cast<std::size_t>(d));
    for (int64_t i = begin; i < end; ++i) {
      const double length = round_to(type, std::sqrt(rows.square[i]));
      uint16_t* to = out.data() + i * d;
      bool widened = false;
      const auto by_definition = [&](int64_t from, int64_t end_column) {
        if (!widened) {
          kernel.widen(type, rows.row(i), d, wide.data());
          widened = true;
        }
        unit_columns(type, wide.data(), length, from, end_column, to);
      };
      if (type != DType::kBFloat16 || length == 0) {
        by_definition(0, d);
        continue;
      }
      for (int64_t c = 0; c < d;) {
        c = kernel.unit_bf16(rows.row(i), c, d, static_cast<float>(length), to);
        if (c < d) {
          by_definition(c, std::min(c + 16, d));
          c = std::min(c + 16, d);
        }
      }
    }
  });
  return {reinterpret_cast<const std::byte*>(out.data()), d * 2, rows.count, rows.square};
}

}  // namespace tokops::prune
