// SPDX-License-Identifier: Apache-2.0
// See lazy.h. Per pick: rows leave the queue in batches by their bound and are brought up to date in tiles of four
// rows by four picks until no bound in the queue reaches the best row that is up to date; rows that the screen cannot
// tell from it are compared canonically.
#include "prune/lazy.h"

#include <algorithm>
#include <array>
#include <limits>

#include "prune/eager.h"
#include "prune/queue.h"

namespace tokops::prune {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kTile = 4;
constexpr std::size_t kBatch = 16;

class Greedy {
 public:
  Greedy(const Segment& segment, Screen& screen, Scratch& scratch)
      : segment_(segment),
        screen_(screen),
        queue_(scratch.take<uint64_t>(static_cast<std::size_t>(screen.count()))),
        seen_(scratch.take<int32_t>(static_cast<std::size_t>(screen.count()))),
        current_(scratch.take<int32_t>(static_cast<std::size_t>(screen.count()))),
        sources_(scratch.take<int32_t>(segment.anchors.size() +
                                       static_cast<std::size_t>(segment.outside.count + segment.k))) {
    for (const int64_t anchor : segment.anchors) {
      sources_[source_count_++] = static_cast<int32_t>(anchor - segment.anchor_shift);
    }
    for (int64_t i = 0; i < segment.outside.count; ++i) {
      sources_[source_count_++] = static_cast<int32_t>(segment.rows.count + i);
    }
  }

  int64_t run(Scratch& scratch, std::span<Pick> picks) {
    int64_t count = 0;
    if (segment_.k > 0 && !segment_.has_kept()) {
      const bool isolated = segment_.first == First::kIsolated && screen_.count() > 1;
      picks[0] = isolated ? isolated_row(screen_, scratch) : first_pick(segment_, scratch);
      sources_[source_count_++] = static_cast<int32_t>(picks[0].row);
      count = 1;
    }
    start();
    while (count < segment_.k) {
      update();
      const Pick best = take_best();
      if (best.gap < segment_.min_distance) {
        break;
      }
      picks[static_cast<std::size_t>(count++)] = best;
      sources_[source_count_++] = static_cast<int32_t>(best.row);
    }
    return count;
  }

 private:
  // Every free row is in the queue with nothing folded in.
  void start() {
    screen_.reset();
    std::fill(seen_.begin(), seen_.end(), 0);
    for (std::size_t i = 0; i < source_count_; ++i) {
      if (sources_[i] < screen_.count()) {
        seen_[static_cast<std::size_t>(sources_[i])] = -1;
      }
    }
    for (int32_t row = screen_.count() - 1; row >= 0; --row) {
      if (seen_[static_cast<std::size_t>(row)] == 0) {
        queue_.push(RowQueue::key(kInfinity, row));
      }
    }
  }

  // Brings rows up to date until none in the queue can beat the best that is.
  void update() {
    std::array<int32_t, kBatch> batch;
    while (!queue_.empty() && may_win(queue_.top())) {
      std::size_t size = 0;
      while (size < kBatch && !queue_.empty() && may_win(queue_.top())) {
        batch[size++] = RowQueue::row_of(queue_.pop());
      }
      // Neighbours in this order lack about as many picks, so that a tile wastes little.
      std::sort(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(size),
                [&](int32_t a, int32_t b) { return seen_of(a) != seen_of(b) ? seen_of(a) < seen_of(b) : a < b; });
      advance(std::span(batch).first(size));
      for (std::size_t i = 0; i < size; ++i) {
        if (seen_[static_cast<std::size_t>(batch[i])] == static_cast<int32_t>(source_count_)) {
          current_[current_count_++] = batch[i];
          raise(batch[i]);
        } else {
          queue_.push(RowQueue::key(screen_.score_above(batch[i]), batch[i]));
        }
      }
    }
  }

  [[nodiscard]] bool may_win(uint64_t entry) const noexcept { return entry >= bar_; }

  void raise(int32_t row) {
    const double below = screen_.score_below(row);
    if (below > floor_ || (below == floor_ && row < floor_row_)) {
      floor_ = below;
      floor_row_ = row;
      // Without an error bound equal scores are decided by the row, otherwise every row near the floor is wanted.
      // The bar rounds the floor up; one step down keeps it from excluding what lies between.
      const bool exact = screen_.exact() && segment_.weights == nullptr;
      bar_ = exact ? RowQueue::key(floor_, row) : RowQueue::key(floor_, -1) - (uint64_t{1} << 32);
    }
  }

  // Folds the missing picks into rows (fewest seen first), four picks at a time through all rows that lack them, and
  // drops rows that fall below the floor.
  void advance(std::span<const int32_t> rows) {
    std::array<int32_t, kBatch> group;
    std::size_t size = rows.size();
    std::copy(rows.begin(), rows.end(), group.begin());
    const auto end = static_cast<int32_t>(source_count_);
    for (int32_t from = seen_of(group[0]); size > 0 && from < end;) {
      const int32_t width = std::min<int32_t>(kTile, end - from);
      std::size_t lacking = 0;
      while (lacking < size && seen_of(group[lacking]) < from + width) {
        ++lacking;
      }
      for (std::size_t i = 0; i < lacking; i += kTile) {
        const auto part = std::span(group).subspan(i, std::min(kTile, lacking - i));
        std::array<int32_t, kTile> skip;
        for (std::size_t j = 0; j < part.size(); ++j) {
          skip[j] = std::max(seen_of(part[j]) - from, 0);
        }
        screen_.fold(part, sources_.subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(width)),
                     skip.data(), false);
      }
      from += width;
      std::size_t left = 0;
      for (std::size_t i = 0; i < size; ++i) {
        if (i < lacking) {
          seen_[static_cast<std::size_t>(group[i])] = from;
          if (screen_.score_above(group[i]) < floor_) {
            continue;
          }
        }
        group[left++] = group[i];
      }
      size = left;
    }
  }

  [[nodiscard]] int32_t seen_of(int32_t row) const noexcept { return seen_[static_cast<std::size_t>(row)]; }

  // The best row that is up to date leaves; the others go back to the queue.
  Pick take_best() {
    Pick best{-1, 0};
    for (std::size_t i = 0; i < current_count_; ++i) {
      const int32_t row = current_[i];
      if (screen_.score_above(row) >= floor_) {
        const double score = screen_.exact_score(row);
        if (best.row < 0 || comes_before(score, row, best.gap, best.row)) {
          best = {row, score};
        }
      }
    }
    for (std::size_t i = 0; i < current_count_; ++i) {
      if (current_[i] != best.row) {
        queue_.push(RowQueue::key(screen_.score_above(current_[i]), current_[i]));
      }
    }
    current_count_ = 0;
    floor_ = -kInfinity;
    floor_row_ = std::numeric_limits<int32_t>::max();
    bar_ = 0;
    return best;
  }

  const Segment& segment_;
  Screen& screen_;
  RowQueue queue_;
  std::span<int32_t> seen_;     // sources folded into each row; -1 for rows that are kept
  std::span<int32_t> current_;  // rows that are up to date
  std::size_t current_count_ = 0;
  std::span<int32_t> sources_;  // what is kept: anchors, outside rows, picks
  std::size_t source_count_ = 0;
  double floor_ = -kInfinity;  // best lower bound among current rows
  int32_t floor_row_ = std::numeric_limits<int32_t>::max();
  uint64_t bar_ = 0;  // queue entries below it cannot be the pick
};

}  // namespace

int64_t select_lazy(const Segment& segment, Screen& screen, Scratch& scratch, std::span<Pick> picks) {
  return Greedy(segment, screen, scratch).run(scratch, picks);
}

}  // namespace tokops::prune
