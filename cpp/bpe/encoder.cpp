// SPDX-License-Identifier: Apache-2.0
#include "bpe/encoder.h"

namespace tokops::bpe {
namespace {

// Calls ordinary(begin, end) and special(id) for the parts of the text, in order, until one fails.
template <class Ordinary, class Special>
Status for_each_part(Bytes text, const SpecialTexts* specials, Ordinary&& ordinary, Special&& special) {
  const auto size = static_cast<int64_t>(text.size());
  int64_t begin = 0;
  while (begin < size) {
    const auto match =
        specials == nullptr ? SpecialTexts::Match{size, nullptr} : specials->find(text.data(), size, begin);
    if (Status status = ordinary(begin, match.begin); !status.ok()) {
      return status;
    }
    if (match.text == nullptr) {
      break;
    }
    special(match.text->id);
    begin = match.begin + static_cast<int64_t>(match.text->bytes.size());
  }
  return {};
}

// Calls on_token(number) for one piece known to be a token, on_tokens(merged numbers) for others.
template <class One, class Many>
Status for_each_piece(const Encoder& encoder, Bytes text, int64_t begin, int64_t end, Merger& merger,
                      std::vector<uint32_t>& merged, One&& one, Many&& many) {
  Cursor cursor = encoder.splitter.start(text.data() + begin, end - begin);
  for (Piece piece = encoder.splitter.next(cursor); piece.end > piece.begin; piece = encoder.splitter.next(cursor)) {
    const Bytes bytes =
        text.subspan(static_cast<std::size_t>(begin + piece.begin), static_cast<std::size_t>(piece.end - piece.begin));
    if (encoder.whole_pieces) {
      if (const uint32_t token = encoder.vocabulary.find(bytes.data(), bytes.size()); token != ByteTable::kNone) {
        one(token);
        continue;
      }
    }
    merged.clear();
    if (const int64_t missing = merger.merge(bytes, merged); missing >= 0) {
      return {kMissingByte, 0, begin + piece.begin + missing, bytes[static_cast<std::size_t>(missing)]};
    }
    many(merged);
  }
  return {};
}

}  // namespace

Status Encoder::encode(Bytes text, const SpecialTexts* specials, std::vector<uint32_t>& ids) const {
  Merger merger(vocabulary, text.size());
  std::vector<uint32_t> merged;
  return for_each_part(
      text, specials,
      [&](int64_t begin, int64_t end) {
        return for_each_piece(
            *this, text, begin, end, merger, merged, [&](uint32_t token) { ids.push_back(vocabulary.id(token)); },
            [&](const std::vector<uint32_t>& tokens) {
              for (const uint32_t token : tokens) {
                ids.push_back(vocabulary.id(token));
              }
            });
      },
      [&](uint32_t id) { ids.push_back(id); });
}

Status Encoder::count(Bytes text, const SpecialTexts* specials, int64_t& number) const {
  Merger merger(vocabulary, text.size());
  std::vector<uint32_t> merged;
  return for_each_part(
      text, specials,
      [&](int64_t begin, int64_t end) {
        return for_each_piece(
            *this, text, begin, end, merger, merged, [&](uint32_t) { ++number; },
            [&](const std::vector<uint32_t>& tokens) { number += static_cast<int64_t>(tokens.size()); });
      },
      [&](uint32_t) { ++number; });
}

Status Encoder::encode_piece(Bytes piece, int64_t offset, Merger& merger, std::vector<uint32_t>& ids) const {
  if (whole_pieces) {
    if (const uint32_t token = vocabulary.find(piece.data(), piece.size()); token != ByteTable::kNone) {
      ids.push_back(vocabulary.id(token));
      return {};
    }
  }
  const std::size_t before = ids.size();
  if (const int64_t missing = merger.merge(piece, ids); missing >= 0) {
    return {kMissingByte, 0, offset + missing, piece[static_cast<std::size_t>(missing)]};
  }
  for (std::size_t i = before; i < ids.size(); ++i) {
    ids[i] = vocabulary.id(ids[i]);
  }
  return {};
}

}  // namespace tokops::bpe
