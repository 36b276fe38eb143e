// SPDX-License-Identifier: Apache-2.0
// The token lists of a sparse attention call, checked and without their padding: ids in [0, n), no duplicate in a
// list, order kept. O(ids) time, plus n bits of scratch per list when a list is not ascending.
#pragma once

#include <cstdint>
#include <span>

#include "kv/attention.h"
#include "tokops/scratch.h"

namespace tokops::kv {

class TokenLists {
 public:
  // Reads indices and counts; without indices every list is the run of valid tokens.
  Status read(const AttentionArguments& arguments, Scratch& scratch);

  [[nodiscard]] int64_t lists() const noexcept { return lists_; }
  [[nodiscard]] int64_t count(int64_t batch, int64_t list) const noexcept {
    return counts_[static_cast<std::size_t>(batch * lists_ + list)];
  }
  // Ids of a list, or null for the run that begins at first(batch).
  [[nodiscard]] const int32_t* ids(int64_t batch, int64_t list) const noexcept {
    return ids_.empty() ? nullptr : ids_.data() + (batch * lists_ + list) * stride_;
  }
  [[nodiscard]] int64_t first(int64_t batch) const noexcept { return firsts_[static_cast<std::size_t>(batch)]; }

 private:
  Status read_list(const AttentionArguments& a, int64_t batch, int64_t list, std::span<uint64_t> seen);

  int64_t lists_ = 1;
  int64_t stride_ = 0;
  std::span<int32_t> ids_;
  std::span<int64_t> counts_;
  std::span<int64_t> firsts_;
};

}  // namespace tokops::kv
