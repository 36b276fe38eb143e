// SPDX-License-Identifier: Apache-2.0
#include "bpe/trainer.h"

#include <algorithm>
#include <cstring>

namespace tokops::bpe {
namespace {

const uint8_t* data_of(const std::string& bytes) noexcept { return reinterpret_cast<const uint8_t*>(bytes.data()); }

}  // namespace

Trainer::Trainer(std::span<const int32_t> ids, std::span<const int64_t> offsets, std::span<const uint64_t> counts,
                 const std::vector<std::string>& vocab, const Options& options)
    : options_(options), word_counts_(counts.begin(), counts.end()) {
  for (const std::string& token : vocab) {
    const uint32_t entry = tokens_.insert(data_of(token), token.size());
    if (entry == token_ids_.size()) {
      token_ids_.push_back(static_cast<uint32_t>(spellings_.size()));
    }
    spellings_.push_back(token);
    lengths_.push_back(length_of(token));
  }
  letters_.resize(ids.size());
  for (std::size_t word = 0; word < counts.size(); ++word) {
    const auto begin = static_cast<uint32_t>(offsets[word]);
    const auto end = static_cast<uint32_t>(offsets[word + 1]);
    for (uint32_t i = begin; i < end; ++i) {
      letters_[i] = {static_cast<uint32_t>(ids[i]), i == begin ? kNowhere : i - 1, i + 1 == end ? kNowhere : i + 1,
                     static_cast<uint32_t>(word)};
    }
  }
  for (uint32_t i = 0; i < letters_.size(); ++i) {
    add(i);
  }
  for (uint32_t p = 0; p < pairs_.size(); ++p) {
    queue_.push({pairs_[p].count, pairs_[p].left, pairs_[p].right, p});
  }
  grown_.clear();
}

int64_t Trainer::length_of(const std::string& token) const noexcept {
  if (!options_.characters) {
    return static_cast<int64_t>(token.size());
  }
  return std::count_if(token.begin(), token.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; });
}

uint32_t Trainer::pair_of(uint32_t left, uint32_t right) {
  const uint32_t key[2] = {left, right};
  const uint32_t number = pair_numbers_.insert(reinterpret_cast<const uint8_t*>(key), sizeof key);
  if (number == pairs_.size()) {
    pairs_.push_back({left, right, 0, {}});
  }
  return number;
}

// Counts the pair that starts at `place`, unless its token would be too long.
void Trainer::add(uint32_t place) {
  const Letter& letter = letters_[place];
  if (letter.next == kNowhere || word_counts_[letter.word] == 0) {
    return;
  }
  const uint32_t right = letters_[letter.next].id;
  if (lengths_[letter.id] + lengths_[right] > options_.max_token_length) {
    return;
  }
  const uint32_t number = pair_of(letter.id, right);
  Pair& pair = pairs_[number];
  pair.count += word_counts_[letter.word];
  pair.places.push_back(place);
  grown_.push_back(number);
}

void Trainer::remove(uint32_t place) {
  const Letter& letter = letters_[place];
  const uint32_t key[2] = {letter.id, letters_[letter.next].id};
  const uint32_t number = pair_numbers_.find(reinterpret_cast<const uint8_t*>(key), sizeof key);
  if (number != ByteTable::kNone) {
    pairs_[number].count -= word_counts_[letter.word];
  }
}

uint32_t Trainer::token_for(uint32_t left, uint32_t right) {
  const std::string token = spellings_[left] + spellings_[right];
  const uint32_t entry = tokens_.insert(data_of(token), token.size());
  if (entry == token_ids_.size()) {
    token_ids_.push_back(static_cast<uint32_t>(spellings_.size()));
    spellings_.push_back(token);
    lengths_.push_back(length_of(token));
  }
  return token_ids_[entry];
}

bool Trainer::advance(int64_t merges) {
  while (merges > 0) {
    if (vocab_size() >= options_.vocab_size || queue_.empty()) {
      return false;
    }
    Candidate best = queue_.top();
    queue_.pop();
    const uint64_t count = pairs_[best.pair].count;
    if (best.count != count) {  // counts only fall unless the pair was offered again: put it where it belongs now
      if (count > 0 && count < best.count) {
        best.count = count;
        queue_.push(best);
      }
      continue;
    }
    if (count == 0 || count < options_.min_frequency) {
      return false;
    }
    merges_.emplace_back(best.left, best.right);
    merge_counts_.push_back(count);
    join(best.pair);
    --merges;
  }
  return true;
}

void Trainer::join(uint32_t number) {
  const uint32_t left = pairs_[number].left;
  const uint32_t right = pairs_[number].right;
  std::vector<uint32_t> places;
  places.swap(pairs_[number].places);
  std::sort(places.begin(), places.end());  // left to right inside each word
  const uint32_t token = token_for(left, right);
  for (const uint32_t at : places) {
    Letter& letter = letters_[at];
    if (letter.id != left || letter.next == kNowhere || letters_[letter.next].id != right) {
      continue;
    }
    const uint32_t before = letter.previous;
    if (before != kNowhere) {
      remove(before);
    }
    remove(at);
    Letter& gone = letters_[letter.next];
    if (gone.next != kNowhere) {
      remove(letter.next);
      letters_[gone.next].previous = at;
    }
    letter.id = token;
    letter.next = gone.next;
    gone = {kNowhere, kNowhere, kNowhere, letter.word};
    if (before != kNowhere) {
      add(before);
    }
    add(at);
  }
  std::sort(grown_.begin(), grown_.end());
  grown_.erase(std::unique(grown_.begin(), grown_.end()), grown_.end());
  for (const uint32_t p : grown_) {
    if (pairs_[p].count > 0) {
      queue_.push({pairs_[p].count, pairs_[p].left, pairs_[p].right, p});
    }
  }
  grown_.clear();
}

}  // namespace tokops::bpe
