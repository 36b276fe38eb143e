// SPDX-License-Identifier: Apache-2.0
#include "bpe/vocabulary.h"

#include <algorithm>

namespace tokops::bpe {
namespace {

constexpr uint32_t kDense = uint32_t{1} << 24;

const uint8_t* data_of(const std::string& bytes) noexcept { return reinterpret_cast<const uint8_t*>(bytes.data()); }

}  // namespace

Vocabulary::Vocabulary(std::vector<TokenId> ranks, const std::vector<TokenId>& specials)
    : tokens_(static_cast<int64_t>(ranks.size())) {
  number_tokens(ranks, specials);
  for (uint32_t token = 0; token < ids_.size(); ++token) {
    const Bytes bytes = tokens_[token];
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
      const uint32_t left = find(bytes.data(), cut);
      if (left == ByteTable::kNone) {
        continue;
      }
      const uint32_t right = find(bytes.data() + cut, bytes.size() - cut);
      if (right != ByteTable::kNone) {
        pairs_.insert(left, right, {token, token});
      }
    }
  }
  fill_byte_joins();
}

Vocabulary::Vocabulary(std::vector<TokenId> ranks, const std::vector<TokenId>& specials,
                       const std::vector<std::pair<std::string, std::string>>& merges)
    : tokens_(static_cast<int64_t>(ranks.size())) {
  number_tokens(ranks, specials);
  uint32_t priority = 0;
  for (const auto& [left, right] : merges) {
    const std::string whole = left + right;
    pairs_.insert(find(data_of(left), left.size()), find(data_of(right), right.size()),
                  {priority++, find(data_of(whole), whole.size())});
  }
  fill_byte_joins();
}

void Vocabulary::fill_byte_joins() {
  byte_joins_.assign(std::size_t{1} << 16, Join{kNoPriority, 0});
  for (std::size_t pair = 0; pair < byte_joins_.size(); ++pair) {
    const uint32_t left = bytes_[pair >> 8];
    const uint32_t right = bytes_[pair & 255];
    if (left != ByteTable::kNone && right != ByteTable::kNone) {
      byte_joins_[pair] = join(left, right);
    }
  }
}

void Vocabulary::number_tokens(std::vector<TokenId>& ranks, const std::vector<TokenId>& specials) {
  std::sort(ranks.begin(), ranks.end(), [](const TokenId& a, const TokenId& b) { return a.id < b.id; });
  bytes_.fill(ByteTable::kNone);
  ids_.reserve(ranks.size());
  for (const TokenId& special : specials) {
    add_place(special.id, {specials_.insert(data_of(special.bytes), special.bytes.size()), true});
  }
  for (const TokenId& token : ranks) {
    const uint32_t number = tokens_.insert(data_of(token.bytes), token.bytes.size());
    ids_.push_back(token.id);
    add_place(token.id, {number, false});
    if (token.bytes.size() == 1) {
      bytes_[data_of(token.bytes)[0]] = number;
    }
  }
}

// An id that is both ordinary and special spells the ordinary token and counts as special.
void Vocabulary::add_place(uint32_t id, Place place) {
  if (id < kDense) {
    if (places_.size() <= id) {
      places_.resize(std::max<std::size_t>(id + 1, std::min<std::size_t>(kDense, 2 * places_.size())));
    }
    places_[id] = {place.number, place.special};
  } else {
    far_places_[id] = place;
  }
}

Vocabulary::Spelling Vocabulary::spell(int64_t id) const noexcept {
  Place place;
  if (id >= 0 && static_cast<uint64_t>(id) < places_.size()) {
    place = places_[static_cast<std::size_t>(id)];
  } else if (id >= kDense && id <= int64_t{0xFFFFFFFF}) {
    if (const auto found = far_places_.find(static_cast<uint32_t>(id)); found != far_places_.end()) {
      place = found->second;
    }
  }
  if (place.number == ByteTable::kNone) {
    return {};
  }
  return {place.special ? specials_[place.number] : tokens_[place.number], true, place.special};
}

int64_t Vocabulary::memory_bytes() const noexcept {
  return tokens_.memory_bytes() + specials_.memory_bytes() + pairs_.memory_bytes() +
         static_cast<int64_t>(byte_joins_.capacity() * sizeof(Join) + ids_.capacity() * 4 +
                              places_.capacity() * sizeof(Place) + sizeof(*this));
}

}  // namespace tokops::bpe
