// SPDX-License-Identifier: Apache-2.0
#include "kv/token_lists.h"

#include <algorithm>

#include "kv/ranges.h"

namespace tokops::kv {

Status TokenLists::read(const AttentionArguments& a, Scratch& scratch) {
  const int64_t batch = a.q.shape[0];
  const int64_t n = a.keys.shape[2];
  if (!a.indices.present()) {
    const Status status = check_ranges(a.starts, a.lens, batch, n, kAttentionBadRange);
    counts_ = scratch.take<int64_t>(static_cast<std::size_t>(batch));
    firsts_ = scratch.take<int64_t>(static_cast<std::size_t>(batch));
    for (int64_t b = 0; b < batch; ++b) {
      const Range range = range_of(a.starts, a.lens, b, n);
      counts_[static_cast<std::size_t>(b)] = range.size();
      firsts_[static_cast<std::size_t>(b)] = range.begin;
    }
    return status;
  }
  lists_ = a.indices.shape[1];
  stride_ = a.indices.shape[2];
  ids_ = scratch.take<int32_t>(static_cast<std::size_t>(batch * lists_ * stride_ + 1));
  counts_ = scratch.take<int64_t>(static_cast<std::size_t>(batch * lists_));
  const auto seen = scratch.take<uint64_t>(static_cast<std::size_t>((n + 63) / 64));
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t list = 0; list < lists_; ++list) {
      const Status status = read_list(a, b, list, seen);
      if (!status.ok()) {
        return status;
      }
    }
  }
  return {};
}

Status TokenLists::read_list(const AttentionArguments& a, int64_t batch, int64_t list, std::span<uint64_t> seen) {
  const int64_t at = batch * lists_ + list;
  const int64_t n = a.keys.shape[2];
  const int64_t given = a.counts.present() ? a.counts.as<const int32_t>()[at] : stride_;
  if (given < 0 || given > stride_) {
    return {.code = kAttentionBadCount, .row = batch, .column = list, .value = given};
  }
  const int32_t* const from = a.indices.as<const int32_t>() + at * stride_;
  int32_t* const to = ids_.data() + at * stride_;
  int64_t count = 0;
  bool ascending = true;
  for (int64_t i = 0; i < given; ++i) {
    const int32_t id = from[i];
    if (id < -1 || id >= n) {
      return {.code = kAttentionBadId, .row = batch, .column = list, .value = id};
    }
    if (id >= 0) {
      ascending = ascending && (count == 0 || to[count - 1] < id);
      to[count++] = id;
    }
  }
  counts_[static_cast<std::size_t>(at)] = count;
  if (ascending) {
    return {};
  }
  std::fill(seen.begin(), seen.end(), uint64_t{0});
  for (int64_t i = 0; i < count; ++i) {
    uint64_t& word = seen[static_cast<std::size_t>(to[i]) / 64];
    const uint64_t bit = uint64_t{1} << (to[i] % 64);
    if ((word & bit) != 0) {
      return {.code = kAttentionDuplicate, .row = batch, .column = list, .value = to[i]};
    }
    word |= bit;
  }
  return {};
}

}  // namespace tokops::kv
