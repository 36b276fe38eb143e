// SPDX-License-Identifier: Apache-2.0
// The generated runs behind unicode.h.
#pragma once

#include <cstdint>

namespace tokops::bpe {

extern const uint32_t kUnicodeRuns[];  // length << 8 | bits
extern const int kUnicodeRunCount;

}  // namespace tokops::bpe
