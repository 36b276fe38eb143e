// SPDX-License-Identifier: Apache-2.0
#include "bpe/unicode.h"

#include <algorithm>
#include <vector>

#include "bpe/unicode_data.h"

namespace tokops::bpe {

const uint8_t* unicode_classes() {
  static const std::vector<uint8_t> table = [] {
    std::vector<uint8_t> classes;
    classes.reserve(0x110000);
    for (int i = 0; i < kUnicodeRunCount; ++i) {
      classes.insert(classes.end(), kUnicodeRuns[i] >> 8, static_cast<uint8_t>(kUnicodeRuns[i] & 255));
    }
    return classes;
  }();
  return table.data();
}

}  // namespace tokops::bpe
