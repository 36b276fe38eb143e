// SPDX-License-Identifier: Apache-2.0
// The named pre-tokenizer patterns as scanners over UTF-8: scalar, table driven, no regex engine.
// The alternatives of each pattern are resolved as python/tokops/reference/bpe/pretokenize.py writes them out.
// O(n) for every text: look-ahead and retries cost at most a constant number of passes over each byte.
#pragma once

#include <cstdint>
#include <string_view>

namespace tokops::bpe {

struct Piece {
  int64_t begin = 0;
  int64_t end = 0;  // end == begin: no more pieces
};

// A position in a text; next() gives one piece after the other. Bytes between pieces are dropped (whitespace only).
struct Cursor {
  const uint8_t* text = nullptr;
  int64_t size = 0;
  const uint8_t* classes = nullptr;
  int64_t position = 0;
  int64_t gap_end = 0;      // deepseek-v3: stretch without numbers
  int64_t stretch_end = 0;  // deepseek-v3: inside it, stretch without CJK
};

class Splitter {
 public:
  // The pattern of that name; ok() is false when there is none.
  explicit Splitter(std::string_view name);
  [[nodiscard]] bool ok() const noexcept { return next_ != nullptr; }
  [[nodiscard]] Cursor start(const uint8_t* text, int64_t size) const noexcept {
    return {.text = text, .size = size, .classes = classes_};
  }
  [[nodiscard]] Piece next(Cursor& cursor) const noexcept { return next_(cursor); }

 private:
  Piece (*next_)(Cursor&) noexcept = nullptr;
  const uint8_t* classes_ = nullptr;
};

}  // namespace tokops::bpe
