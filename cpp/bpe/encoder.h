// SPDX-License-Identifier: Apache-2.0
// Text to ids: cut at special texts, split into pieces, look up or merge each piece.
// Status code kMissingByte: no token for byte `value` at byte offset `column`.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "bpe/merge.h"
#include "bpe/specials.h"
#include "bpe/splitter.h"
#include "bpe/vocabulary.h"
#include "tokops/status.h"

namespace tokops::bpe {

enum Code { kOk = 0, kMissingByte = 1 };

struct Encoder {
  Vocabulary vocabulary;
  Splitter splitter;  // not ok() when the caller cuts
  bool whole_pieces;  // a piece that is a token is taken without merging

  // Appends the ids of `text`; `specials` may be null.
  Status encode(Bytes text, const SpecialTexts* specials, std::vector<uint32_t>& ids) const;
  // The number of ids, without making them.
  Status count(Bytes text, const SpecialTexts* specials, int64_t& number) const;
  // Appends the ids of one piece that starts at `offset` of what the caller encodes.
  Status encode_piece(Bytes piece, int64_t offset, Merger& merger, std::vector<uint32_t>& ids) const;
};

}  // namespace tokops::bpe
