// SPDX-License-Identifier: Apache-2.0
// Softmax statistics of each head: block results stored by block, merged in block order against the overall maximum.
// Which thread made a block, and when, cannot change the bits.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/kv_softmax.h"
#include "tokops/exp32.h"
#include "tokops/scratch.h"

namespace tokops::kv {

struct Merged {
  float maximum = -std::numeric_limits<float>::infinity();
  float sum = 0.0f;

  [[nodiscard]] float inverse() const noexcept { return sum > 0.0f ? 1.0f / sum : 0.0f; }
  // maximum + log(sum), rounded once from double; -inf when nothing was summed.
  [[nodiscard]] float log_sum() const noexcept {
    return sum > 0.0f ? static_cast<float>(static_cast<double>(maximum) + std::log(static_cast<double>(sum)))
                      : -std::numeric_limits<float>::infinity();
  }
};

inline Merged merge_blocks(const BlockStats* blocks, int64_t count) noexcept {
  Merged merged;
  for (int64_t i = 0; i < count; ++i) {
    merged.maximum = blocks[i].maximum > merged.maximum ? blocks[i].maximum : merged.maximum;
  }
  for (int64_t i = 0; i < count; ++i) {
    merged.sum += blocks[i].sum * exp32_from(blocks[i].maximum, merged.maximum);
  }
  return merged;
}

class HeadStatistics {
 public:
  HeadStatistics() = default;
  HeadStatistics(int64_t heads, int64_t blocks, Scratch& scratch)
      : blocks_(blocks),
        stats_(scratch.take<BlockStats>(static_cast<std::size_t>(heads * blocks))),
        maximum_(scratch.take<float>(static_cast<std::size_t>(heads))),
        inverse_(scratch.take<float>(static_cast<std::size_t>(heads))),
        log_sum_(scratch.take<float>(static_cast<std::size_t>(heads))) {}

  void set(int64_t head, int64_t block, const BlockStats& stats) noexcept {
    stats_[static_cast<std::size_t>(head * blocks_ + block)] = stats;
  }
  [[nodiscard]] bool unusable() const noexcept {
    for (const BlockStats& stats : stats_) {
      if (stats.unusable) {
        return true;
      }
    }
    return false;
  }
  void merge(int64_t head) noexcept {
    const Merged merged = merge_blocks(stats_.data() + head * blocks_, blocks_);
    maximum_[static_cast<std::size_t>(head)] = merged.maximum;
    inverse_[static_cast<std::size_t>(head)] = merged.inverse();
    log_sum_[static_cast<std::size_t>(head)] = merged.log_sum();
  }
  [[nodiscard]] const float* maximum(int64_t head) const noexcept { return maximum_.data() + head; }
  [[nodiscard]] const float* inverse(int64_t head) const noexcept { return inverse_.data() + head; }
  [[nodiscard]] float log_sum(int64_t head) const noexcept { return log_sum_[static_cast<std::size_t>(head)]; }

 private:
  int64_t blocks_ = 0;
  std::span<BlockStats> stats_;
  std::span<float> maximum_;
  std::span<float> inverse_;
  std::span<float> log_sum_;
};

}  // namespace tokops::kv
