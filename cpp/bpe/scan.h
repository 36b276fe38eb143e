// SPDX-License-Identifier: Apache-2.0
// What the scanners are made of: runs of character classes, contractions, white space. Positions are byte offsets;
// `end` is where look-ahead stops. A function gives the end of what it matched, or its start.
#pragma once

#include <cstdint>

#include "bpe/unicode.h"

namespace tokops::bpe {

struct Scan {
  const uint8_t* text;
  int64_t end;
  const uint8_t* classes;

  [[nodiscard]] Character read(int64_t p) const noexcept { return read_character(text + p, text + end); }
  [[nodiscard]] uint8_t bits(Character c) const noexcept { return classes[c.code]; }
  [[nodiscard]] bool newline(int64_t p) const noexcept { return text[p] == '\r' || text[p] == '\n'; }

  // Run of characters of one of the classes `any` and none of `none`.
  [[nodiscard]] int64_t run(int64_t p, uint8_t any, uint8_t none = 0) const noexcept {
    while (p < end) {
      if (text[p] < 0x80) {
        const uint8_t b = classes[text[p]];
        if ((b & any) == 0 || (b & none) != 0) {
          return p;
        }
        ++p;
        continue;
      }
      const Character c = read(p);
      const uint8_t b = bits(c);
      if ((b & any) == 0 || (b & none) != 0) {
        return p;
      }
      p += c.length;
    }
    return p;
  }

  // Run of characters of none of the classes.
  [[nodiscard]] int64_t run_outside(int64_t p, uint8_t none) const noexcept {
    while (p < end) {
      const Character c = read(p);
      if ((bits(c) & none) != 0) {
        return p;
      }
      p += c.length;
    }
    return p;
  }

  // At most `most` characters of the class.
  [[nodiscard]] int64_t run_some(int64_t p, uint8_t any, int most) const noexcept {
    for (; most > 0 && p < end; --most) {
      const Character c = read(p);
      if ((bits(c) & any) == 0) {
        break;
      }
      p += c.length;
    }
    return p;
  }

  [[nodiscard]] int64_t run_newlines(int64_t p, bool slash) const noexcept {
    while (p < end && (newline(p) || (slash && text[p] == '/'))) {
      ++p;
    }
    return p;
  }

  // 's 't 're 've 'm 'll 'd; folding also takes capitals and U+017F, which folds to s.
  [[nodiscard]] int64_t contraction(int64_t p, bool fold) const noexcept {
    if (p + 1 >= end || text[p] != '\'') {
      return p;
    }
    const auto lower = [&](int64_t at) -> uint32_t {
      const uint32_t byte = at < end ? text[at] : 0;
      return fold && byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;
    };
    const uint32_t first = lower(p + 1);
    if (first == 's' || first == 'd' || first == 'm' || first == 't') {
      return p + 2;
    }
    if (fold && first == 0xC5 && p + 2 < end && text[p + 2] == 0xBF) {
      return p + 3;
    }
    const uint32_t second = lower(p + 2);
    const bool two = (first == 'l' && second == 'l') || ((first == 'v' || first == 'r') && second == 'e');
    return two ? p + 3 : p;
  }

  // \s*[\r\n]+|\s+(?!\S)|\s+ ; `whole_end` puts \s+$ first, `newlines` false leaves the first alternative out.
  [[nodiscard]] int64_t space(int64_t p, bool whole_end, bool newlines) const noexcept {
    int64_t q = p;
    int64_t after_newline = p;
    int64_t last = p;  // start of the last white-space character
    while (q < end) {
      const Character c = read(q);
      if ((bits(c) & kSpace) == 0) {
        break;
      }
      last = q;
      q += c.length;
      if (c.code == '\r' || c.code == '\n') {
        after_newline = q;
      }
    }
    if (q == end && whole_end) {
      return q;
    }
    if (newlines && after_newline > p) {
      return after_newline;
    }
    return q == end || last == p ? q : last;
  }

  // [^\r\n\p{L}\p{N}]
  [[nodiscard]] int64_t prefix(int64_t p) const noexcept {
    const Character c = read(p);
    return (bits(c) & (kLetter | kNumber)) != 0 || newline(p) ? p : p + c.length;
  }
};

}  // namespace tokops::bpe
