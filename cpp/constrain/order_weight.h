// SPDX-License-Identifier: Apache-2.0
// rawrs, desraj and none for a given visiting order, on float64 masses; no randomness. O(n), sums left to right.
#pragma once

#include <cstdint>

#include "constrain/step.h"

namespace tokops::constrain {

struct OrderOptions {
  double total = -1.0;  // below 0: the sum of the masses
  bool unweighted = false;
  int64_t extra = 1;
  double eps = 0.0;
  int64_t max_rejects = -1;
};

struct OrderResult {
  int64_t position = -1;
  double weight = 0.0;
  int64_t checks = 0;
  int8_t status = kNoValid;
};

[[nodiscard]] OrderResult order_weight(const double* masses, const bool* accepted, int64_t n,
                                       const OrderOptions& options) noexcept;

}  // namespace tokops::constrain
