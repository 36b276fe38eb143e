// SPDX-License-Identifier: Apache-2.0
#include "prune/unit_rows.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/prune_canonical.h"
#include "tokops/thread_pool.h"

namespace tokops::prune {

Rows unit_rows(const Rows& rows, DType type, int64_t d, Scratch& scratch) {
  const auto out = scratch.take<uint16_t>(static_cast<std::size_t>(rows.count * d));
  parallel_for(rows.count, std::max<int64_t>(1, 50000 / std::max<int64_t>(d, 1)), [&](int64_t begin, int64_t end) {
    std::vector<double> wide(static_cast<std::size_t>(d));
    for (int64_t i = begin; i < end; ++i) {
      prune_canonical().widen(type, rows.row(i), d, wide.data());
      const double length = round_to(type, std::sqrt(rows.square[i]));
      uint16_t* to = out.data() + i * d;
      for (int64_t c = 0; c < d; ++c) {
        const double quotient = length == 0 ? 0.0 : wide[static_cast<std::size_t>(c)] / length;
        // The rounded value fits the type, so both conversions are exact.
        const auto value = static_cast<float>(round_to(type, quotient));
        to[c] = type == DType::kBFloat16 ? bf16_from_float(value) : f16_from_float(value);
      }
    }
  });
  return {reinterpret_cast<const std::byte*>(out.data()), d * 2, rows.count, rows.square};
}

}  // namespace tokops::prune
