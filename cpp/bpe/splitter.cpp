// SPDX-License-Identifier: Apache-2.0
#include "bpe/splitter.h"

#include "bpe/scan.h"
#include "bpe/unicode.h"

namespace tokops::bpe {
namespace {

// What distinguishes the patterns of one shape: contraction | word | number | symbols | white space.
struct Rules {
  bool contraction_first = false;
  bool contraction_after = false;
  bool cased = false;
  uint8_t letters = kLetter;
  uint8_t not_letters = 0;  // kHan: runs of Han are pieces of their own
  int digits = 3;
  bool slash_after_symbols = false;
  bool whole_end = false;
};

constexpr Rules kCl100k{.contraction_first = true, .whole_end = true};
constexpr Rules kLlama3{.contraction_first = true};
constexpr Rules kQwen2{.contraction_first = true, .digits = 1};
constexpr Rules kQwen35{.contraction_first = true, .letters = kLetter | kMark, .digits = 1};
constexpr Rules kO200k{.contraction_after = true, .cased = true, .slash_after_symbols = true};
constexpr Rules kTekken{.cased = true, .digits = 1, .slash_after_symbols = true};
constexpr Rules kKimi{.contraction_after = true, .cased = true, .not_letters = kHan};

Scan scan_of(const Cursor& cursor) noexcept { return {cursor.text, cursor.size, cursor.classes}; }

Piece take(Cursor& cursor, int64_t end) noexcept {
  const Piece piece{cursor.position, end};
  cursor.position = end;
  return piece;
}

// U*L+ : the lower run behind the upper one; without one, up to the last character that is both.
int64_t upper_lower(const Scan& scan, int64_t p, uint8_t none) noexcept {
  constexpr uint8_t kBoth = kCaseless | kMark;
  int64_t upper = p;
  int64_t after_both = p;
  while (upper < scan.end) {
    const Character c = scan.read(upper);
    const uint8_t bits = scan.bits(c);
    if ((bits & (kUpper | kBoth)) == 0 || (bits & none) != 0) {
      break;
    }
    upper += c.length;
    after_both = (bits & kBoth) != 0 ? upper : after_both;
  }
  const int64_t lower = scan.run(upper, kLower | kBoth, none);
  return lower > upper ? lower : after_both;
}

template <Rules kRules>
int64_t cased_word(const Scan& scan, int64_t p) noexcept {
  const int64_t behind_prefix = scan.prefix(p);
  int64_t q = upper_lower(scan, behind_prefix, kRules.not_letters);
  int64_t start = behind_prefix;
  if (q == start && behind_prefix != p) {
    start = p;
    q = upper_lower(scan, start, kRules.not_letters);
  }
  if (q == start) {  // nothing lower follows the upper run, or upper_lower would have matched
    for (const int64_t from : {behind_prefix, p}) {
      start = from;
      q = scan.run(from, kUpper | kCaseless | kMark, kRules.not_letters);
      if (q > start) {
        break;
      }
    }
  }
  if (q == start) {
    return p;
  }
  return kRules.contraction_after ? scan.contraction(q, true) : q;
}

template <Rules kRules>
int64_t word(const Scan& scan, int64_t p) noexcept {
  const int64_t behind_prefix = scan.prefix(p);
  if (const int64_t q = scan.run(behind_prefix, kRules.letters); q > behind_prefix) {
    return q;
  }
  return behind_prefix == p ? p : scan.run(p, kRules.letters);
}

template <Rules kRules>
Piece next_modern(Cursor& cursor) noexcept {
  const int64_t p = cursor.position;
  if (p >= cursor.size) {
    return {p, p};
  }
  const Scan scan = scan_of(cursor);
  if constexpr (kRules.contraction_first) {
    if (const int64_t q = scan.contraction(p, true); q > p) {
      return take(cursor, q);
    }
  }
  if constexpr (kRules.not_letters != 0) {
    if (const int64_t q = scan.run(p, kRules.not_letters); q > p) {
      return take(cursor, q);
    }
  }
  int64_t q = kRules.cased ? cased_word<kRules>(scan, p) : word<kRules>(scan, p);
  if (q > p) {
    return take(cursor, q);
  }
  q = scan.run_some(p, kNumber, kRules.digits);
  if (q > p) {
    return take(cursor, q);
  }
  const int64_t start = scan.text[p] == ' ' ? p + 1 : p;
  q = scan.run_outside(start, kSpace | kRules.letters | kNumber);
  if (q > start) {
    return take(cursor, scan.run_newlines(q, kRules.slash_after_symbols));
  }
  return take(cursor, scan.space(p, kRules.whole_end, true));
}

Piece next_gpt2(Cursor& cursor) noexcept {
  const int64_t p = cursor.position;
  if (p >= cursor.size) {
    return {p, p};
  }
  const Scan scan = scan_of(cursor);
  if (const int64_t q = scan.contraction(p, false); q > p) {
    return take(cursor, q);
  }
  const int64_t start = scan.text[p] == ' ' ? p + 1 : p;
  int64_t q = scan.run(start, kLetter);
  if (q == start) {
    q = scan.run(start, kNumber);
  }
  if (q == start) {
    q = scan.run_outside(start, kSpace | kLetter | kNumber);
  }
  return take(cursor, q > start ? q : scan.space(p, false, false));
}

Piece next_superbpe(Cursor& cursor) noexcept {
  const int64_t p = cursor.position;
  if (p >= cursor.size) {
    return {p, p};
  }
  const Scan scan = scan_of(cursor);
  int64_t q = scan.run_some(p, kNumber, 3);
  if (q == p) {
    q = scan.run_newlines(p, false);
  }
  if (q > p) {
    return take(cursor, q);
  }
  while (q < scan.end && !scan.newline(q)) {
    const Character c = scan.read(q);
    if ((scan.bits(c) & kNumber) != 0) {
      break;
    }
    q += c.length;
  }
  return take(cursor, q);
}

Piece next_whitespace(Cursor& cursor) noexcept {
  const Scan scan = scan_of(cursor);
  cursor.position = scan.run(cursor.position, kSpace);
  return take(cursor, scan.run_outside(cursor.position, kSpace));
}

Piece next_none(Cursor& cursor) noexcept { return take(cursor, cursor.size); }

bool is_cjk(uint32_t code) noexcept { return (code >= 0x4E00 && code <= 0x9FA5) || (code >= 0x3040 && code <= 0x30FF); }

int64_t run_cjk(const Scan& scan, int64_t p, bool cjk) noexcept {
  while (p < scan.end) {
    const Character c = scan.read(p);
    if (is_cjk(c.code) != cjk) {
      break;
    }
    p += c.length;
  }
  return p;
}

bool ascii_letter(uint8_t byte) noexcept { return (byte | 32) >= 'a' && (byte | 32) <= 'z'; }

// The third split of deepseek-v3; p when nothing matches there.
int64_t deepseek_match(const Scan& scan, int64_t p) noexcept {
  const Character c = scan.read(p);
  const uint8_t bits = scan.bits(c);
  if (c.code < 0x80 && (bits & kSymbol) != 0 && p + 1 < scan.end && ascii_letter(scan.text[p + 1])) {
    int64_t q = p + 2;
    while (q < scan.end && ascii_letter(scan.text[q])) {
      ++q;
    }
    return q;
  }
  const bool prefixed = (bits & (kLetter | kSymbol)) == 0 && !scan.newline(p);
  const int64_t start = prefixed ? p + c.length : p;
  int64_t q = scan.run(start, kLetter | kMark);
  if (q > start) {
    return q;
  }
  q = scan.run(p, kLetter | kMark);
  if (q > p) {
    return q;
  }
  const int64_t symbols = c.code == ' ' ? p + 1 : p;
  q = scan.run(symbols, kSymbol);
  if (q > symbols) {
    return scan.run_newlines(q, false);
  }
  return (bits & kSpace) != 0 ? scan.space(p, false, true) : p;
}

// Three splits in sequence: numbers and CJK runs are hard borders, where look-ahead sees the end of the text.
Piece next_deepseek(Cursor& cursor) noexcept {
  const int64_t p = cursor.position;
  if (p >= cursor.size) {
    return {p, p};
  }
  Scan scan = scan_of(cursor);
  if (p >= cursor.gap_end) {
    if (const int64_t q = scan.run_some(p, kNumber, 3); q > p) {
      return take(cursor, q);
    }
    cursor.gap_end = scan.run_outside(p, kNumber);
  }
  scan.end = cursor.gap_end;
  if (p >= cursor.stretch_end) {
    if (const int64_t q = run_cjk(scan, p, true); q > p) {
      return take(cursor, q);
    }
    cursor.stretch_end = run_cjk(scan, p, false);
  }
  scan.end = cursor.stretch_end;
  int64_t q = deepseek_match(scan, p);
  if (q > p) {
    return take(cursor, q);
  }
  for (q = p + scan.read(p).length; q < scan.end && deepseek_match(scan, q) == q;) {
    q += scan.read(q).length;
  }
  return take(cursor, q);
}

struct Named {
  std::string_view name;
  Piece (*next)(Cursor&) noexcept;
};

constexpr Named kPatterns[] = {
    {"gpt2", next_gpt2},
    {"cl100k", next_modern<kCl100k>},
    {"llama3", next_modern<kLlama3>},
    {"qwen2", next_modern<kQwen2>},
    {"qwen3.5", next_modern<kQwen35>},
    {"o200k", next_modern<kO200k>},
    {"tekken", next_modern<kTekken>},
    {"kimi", next_modern<kKimi>},
    {"deepseek-v3", next_deepseek},
    {"superbpe", next_superbpe},
    {"whitespace", next_whitespace},
    {"none", next_none},
};

}  // namespace

Splitter::Splitter(std::string_view name) : classes_(unicode_classes()) {
  for (const Named& pattern : kPatterns) {
    if (pattern.name == name) {
      next_ = pattern.next;
    }
  }
}

}  // namespace tokops::bpe
