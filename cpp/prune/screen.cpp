// SPDX-License-Identifier: Apache-2.0
// See screen.h. The error of a screened cosine dot(a, b) * ra * rb, ra = float(1 / |a|): depth roundings of the dot
// (relative to |a| |b|), one of each inverse, one of each product; then one of 1 - c (at most 2) and one more when an
// exact minimum is stored as float. Together at most (depth + 8) * 2^-24 * (1 + 2^-10), which also covers the
// second-order terms and the canonical value's own error (1e-12).
#include "prune/screen.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/prune_canonical.h"
#include "kernels/prune_dot.h"

namespace tokops::prune {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Squares for which the bound holds. Unit rows of precision="input" have a length near 1 when the length they were
// divided by was rounded as a normal number.
bool in_range(double square, DType type, bool rounded) {
  const double low = rounded && type == DType::kFloat16 ? 0x1p-24 : 0x1p-80;
  return square == 0 || (square >= low && square <= 0x1p80);
}

}  // namespace

Screen::Screen(const Segment& segment, Scratch& scratch)
    : segment_(segment), n_(static_cast<int32_t>(segment.rows.count)), rounded_(segment.metric == Metric::kRounded) {
  const int64_t total = segment.rows.count + segment.outside.count;
  usable_ = segment.metric != Metric::kEuclidean && total <= std::numeric_limits<int32_t>::max();
  for (int64_t i = 0; usable_ && i < total; ++i) {
    usable_ = in_range(square(static_cast<int32_t>(i)), segment.type, rounded_);
  }
  if (!usable_) {
    return;
  }
  nearest_ = scratch.take<Nearest>(static_cast<std::size_t>(n_));
  inverse_ = scratch.take<float>(static_cast<std::size_t>(total));
  wide_ = scratch.take<double>(static_cast<std::size_t>(segment.d));
  const auto depth = static_cast<double>(prune_dot().depth(segment.type, segment.d));
  const double unit = 0x1p-24 * (1 + 0x1p-10);
  eps_ = rounded_ ? 0.0 : (depth + 8) * unit;
  eps_dot_ = (depth + 1) * unit * 1.03;  // unit rows are at most 1.01 long
  for (int64_t i = 0; i < total; ++i) {
    const double s = square(static_cast<int32_t>(i));
    inverse_[static_cast<std::size_t>(i)] = s == 0 ? 0.0f : static_cast<float>(1.0 / std::sqrt(s));
  }
  reset();
}

void Screen::reset() noexcept {
  std::fill(nearest_.begin(), nearest_.end(), Nearest{static_cast<double>(kInfinity), kInfinity, 0, {}});
}

void Screen::fold(std::span<const int32_t> rows, std::span<const int32_t> others, const int32_t* since, bool both) {
  std::array<const void*, 4> a;
  std::array<const void*, 4> b;
  std::array<float, 16> dots;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    a[i] = row(rows[i]);
  }
  for (std::size_t j = 0; j < others.size(); ++j) {
    b[j] = row(others[j]);
  }
  prune_dot().tile(segment_.type, a.data(), std::ssize(rows), b.data(), std::ssize(others), segment_.d, dots.data());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t first = since == nullptr ? 0 : static_cast<std::size_t>(since[i]);
    for (std::size_t j = first; j < others.size(); ++j) {
      if (rows[i] == others[j]) {
        continue;
      }
      const float dot = dots[i * others.size() + j];
      absorb(rows[i], others[j], dot);
      if (both && others[j] < n_) {
        absorb(others[j], rows[i], dot);
      }
    }
  }
}

void Screen::distances(int32_t row_number, std::span<const int32_t> others, std::span<float> out) const {
  std::array<const void*, 4> b;
  for (std::size_t j = 0; j < others.size(); ++j) {
    b[j] = row(others[j]);
  }
  const void* a = row(row_number);
  prune_dot().tile(segment_.type, &a, 1, b.data(), std::ssize(others), segment_.d, out.data());
  for (std::size_t j = 0; j < others.size(); ++j) {
    out[j] = rounded_ ? 1.0f - out[j] : screened(row_number, others[j], out[j]);
  }
}

float Screen::screened(int32_t i, int32_t other, float dot) const noexcept {
  const float ra = inverse_[static_cast<std::size_t>(i)];
  const float rb = inverse_[static_cast<std::size_t>(other)];
  return ra == 0 && rb == 0 ? 0.0f : std::clamp(1.0f - dot * ra * rb, 0.0f, 2.0f);
}

void Screen::absorb(int32_t i, int32_t other, float dot) {
  if (rounded_) {
    return absorb_rounded(i, other, dot);
  }
  const float distance = screened(i, other, dot);
  Nearest& state = nearest_[static_cast<std::size_t>(i)];
  const double window = 2 * eps_;
  if (static_cast<double>(distance) > static_cast<double>(state.upper) + window) {
    return;
  }
  if (static_cast<double>(state.upper) > static_cast<double>(distance) + window) {
    state.exact = static_cast<double>(kInfinity);  // nothing folded before can hold the minimum
    state.pending_count = 0;
  }
  state.upper = std::min(state.upper, distance);
  if (state.pending_count == kPending) {
    resolve(i);
  }
  state.pending[state.pending_count++] = other;
}

void Screen::absorb_rounded(int32_t i, int32_t other, float dot) {
  Nearest& state = nearest_[static_cast<std::size_t>(i)];
  const bool both_zero = square(i) == 0 && square(other) == 0;
  const double cosine = static_cast<double>(dot);
  double distance = rounded_distance(segment_.type, cosine + eps_dot_, both_zero);
  if (distance >= static_cast<double>(state.upper)) {
    return;
  }
  if (distance != rounded_distance(segment_.type, cosine - eps_dot_, both_zero)) {
    distance = canonical(i, other);
  }
  state.upper = std::min(state.upper, static_cast<float>(distance));  // a value of a 16-bit type: exact
  state.exact = static_cast<double>(state.upper);
}

double Screen::canonical(int32_t i, int32_t other) {
  const PruneCanonical& kernel = prune_canonical();
  if (wide_row_ != other) {
    kernel.widen(segment_.type, row(other), segment_.d, wide_.data());
    wide_row_ = other;
  }
  const void* mine = row(i);
  double product = 0;
  kernel.dots(segment_.type, &mine, 1, wide_.data(), segment_.d, &product);
  return segment_.distance(product, square(i), square(other));
}

double Screen::resolve(int32_t i) {
  Nearest& state = nearest_[static_cast<std::size_t>(i)];
  for (int p = 0; p < state.pending_count; ++p) {
    state.exact = std::min(state.exact, canonical(i, state.pending[p]));
  }
  if (state.pending_count > 0) {
    state.pending_count = 0;
    state.upper = static_cast<float>(state.exact);
  }
  return state.exact;
}

}  // namespace tokops::prune
