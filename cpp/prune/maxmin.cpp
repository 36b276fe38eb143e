// SPDX-License-Identifier: Apache-2.0
// Segments of a call: checks, canonical squares, one selection per segment, results packed.
// Several segments run in parallel, each serially; a single one uses the pool inside (one block is no job).
#include "prune/maxmin.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/prune_canonical.h"
#include "prune/eager.h"
#include "prune/lazy.h"
#include "prune/screen.h"
#include "prune/unit_rows.h"
#include "tokops/thread_pool.h"

namespace tokops::prune {
namespace {

// Row i of [items, per_item, d] with any leading strides.
struct RowTable {
  explicit RowTable(const TensorView& view)
      : base(view.as<const std::byte>()),
        per_item(view.present() ? view.shape[1] : 0),
        count(view.present() ? view.shape[0] * view.shape[1] : 0),
        item_stride(view.present() ? view.strides[0] * item_size(view.dtype) : 0),
        row_stride(view.present() ? view.strides[1] * item_size(view.dtype) : 0) {}

  [[nodiscard]] const std::byte* at(int64_t i) const noexcept {
    return per_item == 0 ? base : base + i / per_item * item_stride + i % per_item * row_stride;
  }

  const std::byte* base;
  int64_t per_item;
  int64_t count;
  int64_t item_stride;
  int64_t row_stride;
};

Status squares(const RowTable& rows, DType type, int64_t d, int code, std::span<double> square) {
  parallel_for(rows.count, std::max<int64_t>(1, 400000 / std::max<int64_t>(d, 1)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      square[static_cast<std::size_t>(i)] = prune_canonical().square(type, rows.at(i), d);
    }
  });
  for (int64_t i = 0; i < rows.count; ++i) {
    if (std::isfinite(square[static_cast<std::size_t>(i)])) {
      continue;
    }
    std::vector<double> wide(static_cast<std::size_t>(d));
    prune_canonical().widen(type, rows.at(i), d, wide.data());
    const auto bad = std::find_if(wide.begin(), wide.end(), [](double v) { return !std::isfinite(v); });
    return {code, i, bad - wide.begin(), 0};
  }
  return {};
}

Status check_offsets(const TensorView& offsets, int64_t rows, int code) {
  const auto* at = offsets.as<const int64_t>();
  const int64_t segments = offsets.shape[0] - 1;
  if (segments < 0 || at[0] != 0) {
    return {code, 0, 0, 0};
  }
  for (int64_t s = 0; s < segments; ++s) {
    if (at[s + 1] < at[s] || at[s + 1] > rows) {
      return {code, s, 0, at[s + 1]};
    }
  }
  return at[segments] == rows ? Status{} : Status{code, segments, 0, at[segments]};
}

class Call {
 public:
  Call(const MaxminTensors& tensors, const MaxminOptions& options)
      : t_(tensors),
        options_(options),
        batch_(!tensors.offsets.present()),
        x_(tensors.x),
        outside_(tensors.outside),
        d_(tensors.x.shape[2]) {}

  Status run() {
    if (Status bad = prepare(); !bad.ok()) {
      return bad;
    }
    const int64_t count = t_.counts.shape[0];
    std::vector<Pick> picks(static_cast<std::size_t>(places_.back()));
    std::vector<int64_t> counts(static_cast<std::size_t>(count));
    parallel_for(count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t s = begin; s < end; ++s) {
        const auto at = static_cast<std::size_t>(s);
        const std::span<Pick> mine = std::span(picks).subspan(static_cast<std::size_t>(places_[at]),
                                                              static_cast<std::size_t>(places_[at + 1] - places_[at]));
        counts[at] = select(segments_[at], mine);
      }
    });
    write(picks, counts);
    return {};
  }

 private:
  Status prepare() {
    const int64_t count = t_.counts.shape[0];
    if (t_.offsets.present()) {
      if (Status bad = check_offsets(t_.offsets, x_.count, kMaxminBadOffsets); !bad.ok()) {
        return bad;
      }
    }
    if (t_.outside_offsets.present()) {
      if (Status bad = check_offsets(t_.outside_offsets, outside_.count, kMaxminBadOutsideOffsets); !bad.ok()) {
        return bad;
      }
    }
    square_ = scratch_.take<double>(static_cast<std::size_t>(x_.count));
    outside_square_ = scratch_.take<double>(static_cast<std::size_t>(outside_.count));
    if (Status bad = squares(x_, t_.x.dtype, d_, kMaxminNonFinite, square_); !bad.ok()) {
      return bad;
    }
    if (Status bad = squares(outside_, t_.x.dtype, d_, kMaxminOutsideNonFinite, outside_square_); !bad.ok()) {
      return bad;
    }
    if (t_.weights.present()) {
      for (int64_t i = 0; i < x_.count; ++i) {
        const float weight = t_.weights.as<const float>()[i];
        if (!(weight >= 0.0f) || std::isinf(weight)) {
          return {kMaxminBadWeight, i, 0, 0};
        }
      }
    }
    segments_.resize(static_cast<std::size_t>(count));
    places_.assign(1, 0);
    int64_t anchor = 0;
    for (int64_t s = 0; s < count; ++s) {
      if (Status bad = fill(s, anchor); !bad.ok()) {
        return bad;
      }
    }
    if (t_.anchors.present() && anchor != t_.anchors.shape[0]) {
      return {kMaxminBadAnchor, anchor, 0, t_.anchors.as<const int64_t>()[anchor]};
    }
    const int64_t needed = places_.back();
    return batch_ || needed <= options_.width ? Status{} : Status{kMaxminBadWidth, 0, 0, needed};
  }

  Status fill(int64_t s, int64_t& anchor) {
    Segment& segment = segments_[static_cast<std::size_t>(s)];
    const auto* offsets = t_.offsets.as<const int64_t>();
    const int64_t begin = t_.offsets.present() ? offsets[s] : s * x_.per_item;
    const int64_t end = t_.offsets.present() ? offsets[s + 1] : begin + x_.per_item;
    segment.given = {x_.at(begin), x_.row_stride, end - begin, square_.data() + begin};
    segment.rows = segment.given;
    segment.type = t_.x.dtype;
    segment.d = d_;
    segment.metric =
        segment.type == DType::kFloat32 && options_.metric == Metric::kRounded ? Metric::kCosine : options_.metric;
    segment.min_distance = options_.min_distance;
    segment.weights = t_.weights.present() ? t_.weights.as<const float>() + begin : nullptr;
    if (t_.outside_offsets.present()) {
      const int64_t from = t_.outside_offsets.as<const int64_t>()[s];
      const int64_t to = t_.outside_offsets.as<const int64_t>()[s + 1];
      segment.outside = {outside_.at(from), outside_.row_stride, to - from, outside_square_.data() + from};
    }
    if (t_.anchors.present()) {
      const auto* ids = t_.anchors.as<const int64_t>();
      const int64_t first = anchor;
      for (int64_t last = begin - 1; anchor < t_.anchors.shape[0] && ids[anchor] < end; ++anchor) {
        if (ids[anchor] <= last) {
          return {kMaxminBadAnchor, anchor, 0, ids[anchor]};
        }
        last = ids[anchor];
      }
      segment.anchors = {ids + first, static_cast<std::size_t>(anchor - first)};
      segment.anchor_shift = begin;
    }
    segment.k = t_.budgets.present() ? t_.budgets.as<const int64_t>()[s] : options_.k;
    const int64_t free = segment.rows.count - static_cast<int64_t>(segment.anchors.size());
    if (segment.k < 0 || segment.k > free || (batch_ && segment.k > options_.width)) {
      return {kMaxminBadBudget, s, free, segment.k};
    }
    segment.first = options_.first;
    if (t_.first_rows.present()) {
      segment.first = First::kRow;
      segment.first_row = t_.first_rows.as<const int64_t>()[s];
      if (segment.k > 0 && (segment.first_row < 0 || segment.first_row >= segment.rows.count)) {
        return {kMaxminBadFirst, s, segment.rows.count, segment.first_row};
      }
    }
    places_.push_back(places_.back() + segment.k);
    return {};
  }

  int64_t select(Segment& segment, std::span<Pick> picks) const {
    Scratch scratch;
    if (segment.metric == Metric::kRounded) {
      segment.rows = unit_rows(segment.rows, segment.type, d_, scratch);
      segment.outside = unit_rows(segment.outside, segment.type, d_, scratch);
    }
    Screen screen(segment, scratch);
    const int64_t count =
        screen.usable() ? select_lazy(segment, screen, scratch, picks) : select_eager(segment, scratch, picks);
    if (!options_.pick_order) {
      std::sort(picks.begin(), picks.begin() + count, [](const Pick& a, const Pick& b) { return a.row < b.row; });
    }
    return count;
  }

  void write(std::span<const Pick> picks, std::span<const int64_t> counts) const {
    auto* indices = t_.indices.as<int64_t>();
    auto* gaps = t_.gaps.as<float>();
    std::fill_n(indices, t_.indices.size(), x_.per_item);
    std::fill_n(gaps, t_.gaps.size(), std::numeric_limits<float>::quiet_NaN());
    int64_t place = 0;
    for (std::size_t s = 0; s < counts.size(); ++s) {
      if (batch_) {
        place = static_cast<int64_t>(s) * options_.width;
      }
      const int64_t shift = t_.offsets.present() ? t_.offsets.as<const int64_t>()[s] : 0;
      for (int64_t i = 0; i < counts[s]; ++i, ++place) {
        const Pick& pick = picks[static_cast<std::size_t>(places_[s] + i)];
        indices[place] = pick.row + shift;
        gaps[place] = static_cast<float>(pick.gap);
      }
      t_.counts.as<int64_t>()[s] = counts[s];
    }
  }

  const MaxminTensors& t_;
  const MaxminOptions& options_;
  const bool batch_;  // without offsets every item is a segment; flat rows are one item
  RowTable x_;
  RowTable outside_;
  int64_t d_;
  Scratch scratch_;
  std::span<double> square_;
  std::span<double> outside_square_;
  std::vector<Segment> segments_;
  std::vector<int64_t> places_;
};

}  // namespace

Status maxmin(const MaxminTensors& tensors, const MaxminOptions& options) { return Call(tensors, options).run(); }

}  // namespace tokops::prune
