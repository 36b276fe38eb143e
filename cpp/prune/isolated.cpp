// SPDX-License-Identifier: Apache-2.0
// First pick by early abandon. Neighbours in a grid are alike, so distances to them bound a row's nearest-neighbour
// distance from above; rows are then scanned against all others from the largest bound down, and given up as soon as
// their bound falls below the best finished row. Every distance bounds both its rows. The grid's width is not known:
// a few rows are probed for the offsets at which alike rows lie.
// On rows without such structure nothing is given up; past a budget many rows are scanned together so that the pass
// is bound by arithmetic rather than by memory.
#include <algorithm>
#include <array>
#include <limits>

#include "prune/lazy.h"
#include "prune/queue.h"

namespace tokops::prune {
namespace {

constexpr int32_t kTile = 4;
constexpr int32_t kWidest = 128;  // offsets that are probed
constexpr std::size_t kFew = 4;
constexpr std::size_t kMany = 64;
constexpr int64_t kBudget = 32;  // scans of a few rows, in full scans

class Scan {
 public:
  Scan(Screen& screen, Scratch& scratch)
      : screen_(screen),
        n_(screen.count()),
        queue_(scratch.take<uint64_t>(static_cast<std::size_t>(n_))),
        finished_(scratch.take<int32_t>(static_cast<std::size_t>(n_))) {}

  Pick run() {
    screen_.reset();
    bound_by_neighbours();
    for (int32_t row = 0; row < n_; ++row) {
      queue_.push(RowQueue::key(screen_.score_above(row), row));
    }
    const int32_t blocks = (n_ + kTile - 1) / kTile;
    int32_t block = 0;
    while (refill(blocks)) {
      fold_block(block);
      block = block + 1 == blocks ? 0 : block + 1;
    }
    Pick best{-1, 0};
    for (std::size_t i = 0; i < finished_count_; ++i) {
      const int32_t row = finished_[i];
      if (screen_.score_above(row) >= floor_) {
        const double score = screen_.exact_score(row);
        if (best.row < 0 || comes_before(score, row, best.gap, best.row)) {
          best = {row, score};
        }
      }
    }
    return best;
  }

 private:
  struct Candidate {
    int32_t row;
    int32_t blocks_left;
  };

  [[nodiscard]] std::array<int32_t, kTile> rows_from(int32_t row, std::size_t& count) const noexcept {
    std::array<int32_t, kTile> rows{};
    count = 0;
    for (; count < kTile && row + static_cast<int32_t>(count) < n_; ++count) {
      rows[count] = row + static_cast<int32_t>(count);
    }
    return rows;
  }

  void fold_rows(int32_t a, int32_t b) {
    std::size_t a_count = 0;
    std::size_t b_count = 0;
    const auto rows = rows_from(a, a_count);
    const auto others = rows_from(b, b_count);
    if (b_count > 0) {
      screen_.fold(std::span(rows).first(a_count), std::span(others).first(b_count), nullptr, a != b);
    }
  }

  // Blocks of four rows against themselves, the next block and the block at the probed offset.
  void bound_by_neighbours() {
    const int32_t offset = probe();
    for (int32_t row = 0; row < n_; row += kTile) {
      fold_rows(row, row);
      fold_rows(row, row + kTile);
      if (offset > 0) {
        fold_rows(row, row + offset);
      }
    }
  }

  // The offset in [8, 128] at which eight evenly spaced rows are nearest to their partners, 0 for few rows.
  [[nodiscard]] int32_t probe() const {
    std::array<float, kWidest + kTile> sum{};
    const int32_t widest = std::min<int32_t>(kWidest, n_ / 2);
    for (int32_t p = 0; p < 8; ++p) {
      const auto row = static_cast<int32_t>(static_cast<int64_t>(p) * (n_ - widest - kTile) / 8);
      for (int32_t offset = kTile * 2; offset <= widest; offset += kTile) {
        std::array<float, kTile> distance;
        std::size_t count = 0;
        const auto others = rows_from(row + offset, count);
        screen_.distances(row, std::span(others).first(count), distance);
        for (std::size_t j = 0; j < count; ++j) {
          sum[static_cast<std::size_t>(offset) + j] += distance[j];
        }
      }
    }
    if (widest < 2 * kTile) {
      return 0;
    }
    const auto first = sum.begin() + 2 * kTile;
    return static_cast<int32_t>(std::min_element(first, sum.begin() + widest + 1) - sum.begin());
  }

  // Drops and finishes candidates and takes new ones; false when there is nothing left to do.
  bool refill(int32_t blocks) {
    std::size_t left = 0;
    for (std::size_t i = 0; i < group_count_; ++i) {
      const Candidate& candidate = group_[i];
      if (screen_.score_above(candidate.row) < floor_) {
        continue;
      }
      if (candidate.blocks_left == 0) {
        finished_[finished_count_++] = candidate.row;
        floor_ = std::max(floor_, screen_.score_below(candidate.row));
        continue;
      }
      group_[left++] = candidate;
    }
    group_count_ = left;
    const std::size_t wanted = tiles_ > kBudget * blocks ? kMany : kFew;
    while (group_count_ < wanted && !queue_.empty()) {
      const uint64_t entry = queue_.pop();
      const int32_t row = RowQueue::row_of(entry);
      const double bound = screen_.score_above(row);
      if (bound < floor_) {
        continue;
      }
      const uint64_t fresh = RowQueue::key(bound, row);
      if (fresh != entry) {
        queue_.push(fresh);  // its bound has fallen since
        continue;
      }
      group_[group_count_++] = {row, blocks};
    }
    return group_count_ > 0;
  }

  void fold_block(int32_t block) {
    std::size_t count = 0;
    const auto others = rows_from(block * kTile, count);
    for (std::size_t i = 0; i < group_count_; i += kTile) {
      std::array<int32_t, kTile> rows{};
      const std::size_t size = std::min<std::size_t>(kTile, group_count_ - i);
      for (std::size_t j = 0; j < size; ++j) {
        rows[j] = group_[i + j].row;
        --group_[i + j].blocks_left;
      }
      screen_.fold(std::span(rows).first(size), std::span(others).first(count), nullptr, true);
      tiles_ += static_cast<int64_t>(size);
    }
  }

  Screen& screen_;
  int32_t n_;
  RowQueue queue_;
  std::span<int32_t> finished_;
  std::size_t finished_count_ = 0;
  std::array<Candidate, kMany> group_{};
  std::size_t group_count_ = 0;
  int64_t tiles_ = 0;
  double floor_ = -std::numeric_limits<double>::infinity();
};

}  // namespace

Pick isolated_row(Screen& screen, Scratch& scratch) { return Scan(screen, scratch).run(); }

}  // namespace tokops::prune
