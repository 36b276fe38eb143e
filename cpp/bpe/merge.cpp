// SPDX-License-Identifier: Apache-2.0
#include "bpe/merge.h"

#include <algorithm>
#include <functional>

namespace tokops::bpe {

int64_t Merger::merge(Bytes piece, std::vector<uint32_t>& tokens) {
  for (std::size_t i = 0; i < piece.size(); ++i) {
    if (vocabulary_.byte(piece[i]) == ByteTable::kNone) {
      return static_cast<int64_t>(i);
    }
  }
  bool hit = false;
  PieceMemory::Entry* entry = memory_.find(piece, hit);
  if (hit) {
    tokens.insert(tokens.end(), entry->tokens.begin(), entry->tokens.begin() + entry->count);
    return -1;
  }
  const std::size_t before = tokens.size();
  merge_anew(piece, tokens);
  if (entry != nullptr) {
    PieceMemory::remember(*entry, piece, tokens.data() + before, tokens.size() - before);
  }
  return -1;
}

void Merger::merge_anew(Bytes piece, std::vector<uint32_t>& tokens) {
  if (piece.size() <= kShort) {
    merge_short(piece, tokens);
  } else {
    merge_long(piece, tokens);
  }
}

void Merger::merge_short(Bytes piece, std::vector<uint32_t>& tokens) const {
  uint32_t part[kShort];
  Join join[kShort];
  std::size_t n = piece.size();
  for (std::size_t i = 0; i < n; ++i) {
    part[i] = vocabulary_.byte(piece[i]);
  }
  for (std::size_t i = 0; i + 1 < n; ++i) {
    join[i] = vocabulary_.join_bytes(piece[i], piece[i + 1]);
  }
  while (n > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < n; ++i) {
      best = join[i].priority < join[best].priority ? i : best;
    }
    if (join[best].priority == kNoPriority) {
      break;
    }
    part[best] = join[best].token;
    std::copy(part + best + 2, part + n, part + best + 1);
    std::copy(join + best + 1, join + n - 1, join + best);
    --n;
    if (best > 0) {
      join[best - 1] = vocabulary_.join(part[best - 1], part[best]);
    }
    if (best + 1 < n) {
      join[best] = vocabulary_.join(part[best], part[best + 1]);
    }
  }
  tokens.insert(tokens.end(), part, part + n);
}

void Merger::offer(uint32_t at) {
  Part& part = parts_[at];
  part.priority = kNoPriority;
  if (part.next < parts_.size()) {
    const Join join = vocabulary_.join(part.token, parts_[part.next].token);
    part.priority = join.priority;
    part.joined = join.token;
  }
}

void Merger::merge_long(Bytes piece, std::vector<uint32_t>& tokens) {
  const auto n = static_cast<uint32_t>(piece.size());
  parts_.resize(n);
  heap_.clear();
  for (uint32_t i = 0; i < n; ++i) {
    const Join join = i + 1 < n ? vocabulary_.join_bytes(piece[i], piece[i + 1]) : Join{kNoPriority, 0};
    parts_[i] = {vocabulary_.byte(piece[i]), join.priority, join.token, i - 1, i + 1};  // before the first: 2^32 - 1
    if (join.priority != kNoPriority) {
      heap_.push_back(uint64_t{join.priority} << 32 | i);
    }
  }
  std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  const auto push = [this](uint32_t at) {
    offer(at);
    if (parts_[at].priority != kNoPriority) {
      heap_.push_back(uint64_t{parts_[at].priority} << 32 | at);
      std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    }
  };
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    const auto priority = static_cast<uint32_t>(heap_.back() >> 32);
    const auto at = static_cast<uint32_t>(heap_.back());
    heap_.pop_back();
    Part& part = parts_[at];
    if (part.priority != priority) {
      continue;
    }
    Part& gone = parts_[part.next];
    part.token = part.joined;
    part.next = gone.next;
    gone.priority = kNoPriority;
    if (part.next < n) {
      parts_[part.next].previous = at;
    }
    push(at);
    if (part.previous < n) {
      push(part.previous);
    }
  }
  for (uint32_t i = 0; i < n; i = parts_[i].next) {
    tokens.push_back(parts_[i].token);
  }
}

}  // namespace tokops::bpe
