// SPDX-License-Identifier: Apache-2.0
// Classes of code points (Unicode 16.0.0) and strict UTF-8 decoding.
// A byte that is not part of a valid sequence, as Python's surrogateescape sees it, is one character of one byte
// with the class and the code point of U+FFFD. Nothing reads past `end`.
#pragma once

#include <cstdint>

namespace tokops::bpe {

enum Class : uint8_t {
  kUpper = 1,     // Lu, Lt
  kLower = 2,     // Ll
  kCaseless = 4,  // Lm, Lo
  kMark = 8,      // M
  kNumber = 16,   // N
  kSymbol = 32,   // P, S
  kSpace = 64,    // White_Space
  kHan = 128,     // script Han, beside another class
};
constexpr uint8_t kLetter = kUpper | kLower | kCaseless;

// 0x110000 class bytes, expanded from the runs at first use (1.1 MB, for the life of the process).
[[nodiscard]] const uint8_t* unicode_classes();

struct Character {
  uint32_t code;
  uint32_t length;  // bytes
};

// The character at `p` < `end`.
inline Character read_character(const uint8_t* p, const uint8_t* end) noexcept {
  constexpr Character kInvalid{0xFFFD, 1};
  const uint32_t lead = p[0];
  if (lead < 0x80) {
    return {lead, 1};
  }
  const auto tail = [](uint32_t byte) { return (byte & 0xC0) == 0x80; };
  if (lead < 0xE0) {
    return lead >= 0xC2 && end - p >= 2 && tail(p[1]) ? Character{(lead & 31) << 6 | (p[1] & 63u), 2} : kInvalid;
  }
  if (lead < 0xF0) {
    if (end - p < 3 || !tail(p[1]) || !tail(p[2])) {
      return kInvalid;
    }
    const uint32_t code = (lead & 15) << 12 | (p[1] & 63u) << 6 | (p[2] & 63u);
    return code >= 0x800 && (code < 0xD800 || code > 0xDFFF) ? Character{code, 3} : kInvalid;
  }
  if (lead > 0xF4 || end - p < 4 || !tail(p[1]) || !tail(p[2]) || !tail(p[3])) {
    return kInvalid;
  }
  const uint32_t code = (lead & 7) << 18 | (p[1] & 63u) << 12 | (p[2] & 63u) << 6 | (p[3] & 63u);
  return code >= 0x10000 && code <= 0x10FFFF ? Character{code, 4} : kInvalid;
}

}  // namespace tokops::bpe
