// SPDX-License-Identifier: Apache-2.0
// What family code reports when only the data could tell that a call is wrong.
// Code 0 is success; other codes are an enum of the family, turned into a Python error by its bindings.
#pragma once

#include <cstdint>

namespace tokops {

struct [[nodiscard]] Status {
  int code = 0;
  int64_t row = 0;
  int64_t column = 0;
  int64_t value = 0;

  [[nodiscard]] bool ok() const noexcept { return code == 0; }
};

}  // namespace tokops
