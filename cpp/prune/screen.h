// SPDX-License-Identifier: Apache-2.0
// Certified screening: float32 dots with a proven error bound stand in for canonical distances, and only what they
// cannot decide is computed canonically. For each row of a segment it keeps the smallest screened distance to the
// rows folded in so far, `upper`, and the few folded rows that may hold the true minimum.
//
// Invariant: |upper - m| <= eps, where m is the canonical minimum over the folded rows, and m = min(exact, canonical
// distances to the pending rows): any other folded row was screened more than 2 eps above an upper of that time.
// precision="input": a screened cosine far from a rounding boundary gives the rounded distance exactly, others are
// computed canonically at once; then eps = 0.
// 44 bytes of scratch per row.
#pragma once

#include <cstdint>
#include <span>

#include "prune/segment.h"
#include "tokops/scratch.h"

namespace tokops::prune {

class Screen {
 public:
  Screen(const Segment& segment, Scratch& scratch);

  // False when a row's length lies outside the range that the error bound is proven for.
  [[nodiscard]] bool usable() const noexcept { return usable_; }

  // Rows 0..n-1 are the segment's, n and above the outside rows.
  [[nodiscard]] int32_t count() const noexcept { return n_; }
  void reset() noexcept;

  // Folds the rows `others` into each of `rows` (at most 4 each, and never a row into itself); with `both` also the
  // other way round, for others below n. `since[i]` (or null) skips the first others of row i.
  void fold(std::span<const int32_t> rows, std::span<const int32_t> others, const int32_t* since, bool both);

  // Screened distances of at most 4 others from a row, to guess by.
  void distances(int32_t row_number, std::span<const int32_t> others, std::span<float> out) const;

  // Bounds of the score of a row over what has been folded in.
  [[nodiscard]] double score_above(int32_t row) const noexcept {
    return segment_.score(static_cast<double>(nearest_[static_cast<std::size_t>(row)].upper) + eps_, row);
  }
  [[nodiscard]] double score_below(int32_t row) const noexcept {
    return segment_.score(static_cast<double>(nearest_[static_cast<std::size_t>(row)].upper) - eps_, row);
  }
  // The canonical score.
  [[nodiscard]] double exact_score(int32_t row) { return segment_.score(resolve(row), row); }
  // True when bounds are scores.
  [[nodiscard]] bool exact() const noexcept { return eps_ == 0; }

 private:
  static constexpr int kPending = 4;
  struct Nearest {
    double exact;
    float upper;
    int32_t pending_count;
    int32_t pending[kPending];
  };

  [[nodiscard]] const void* row(int32_t i) const noexcept {
    return i < n_ ? segment_.rows.row(i) : segment_.outside.row(i - n_);
  }
  [[nodiscard]] double square(int32_t i) const noexcept {
    return i < n_ ? segment_.rows.square[i] : segment_.outside.square[i - n_];
  }
  [[nodiscard]] float screened(int32_t i, int32_t other, float dot) const noexcept;
  void absorb(int32_t i, int32_t other, float dot);
  void absorb_rounded(int32_t i, int32_t other, float dot);
  [[nodiscard]] double canonical(int32_t i, int32_t other);
  double resolve(int32_t i);

  const Segment& segment_;
  int32_t n_;
  bool usable_ = true;
  bool rounded_;
  double eps_ = 0;      // of a screened distance
  double eps_dot_ = 0;  // of a screened cosine of unit rows (precision="input")
  std::span<Nearest> nearest_;
  std::span<float> inverse_;  // 1 / length, 0 for a zero row
  std::span<double> wide_;
  int32_t wide_row_ = -1;
};

}  // namespace tokops::prune
