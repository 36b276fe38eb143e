// SPDX-License-Identifier: Apache-2.0
#include "constrain/order_weight.h"

#include <algorithm>

namespace tokops::constrain {

OrderResult order_weight(const double* masses, const bool* accepted, int64_t n, const OrderOptions& options) noexcept {
  double whole = 0.0;
  for (int64_t i = 0; i < n; ++i) {
    whole += masses[i];
  }
  whole = options.total < 0 ? whole : options.total;
  double remaining = whole;
  double before = whole;
  int64_t position = 0;
  for (; position < n; ++position) {
    before = remaining;
    remaining = std::max(remaining - masses[position], 0.0);
    if (accepted[position]) {
      break;
    }
    if (position + 1 == options.max_rejects) {
      return {-1, 0.0, position + 1, kKilled};
    }
  }
  if (position == n) {
    return {-1, 0.0, n, kNoValid};
  }
  if (options.unweighted) {
    return {position, 1.0, position + 1, kOk};
  }
  if (position == options.max_rejects - 1) {  // the last permitted attempt
    return {position, before / whole, position + 1, kOk};
  }
  double seen = masses[position];
  double estimate = seen;
  int64_t checks = position + 1;
  for (int64_t other = position + 1; other < n; ++other) {
    const bool last = checks - position == options.extra || remaining <= options.eps * whole || other + 1 == n;
    estimate = seen + (accepted[other] ? remaining : 0.0);
    seen += accepted[other] ? masses[other] : 0.0;
    remaining = std::max(remaining - masses[other], 0.0);
    ++checks;
    if (last) {
      break;
    }
  }
  return {position, estimate / whole, checks, kOk};
}

}  // namespace tokops::constrain
