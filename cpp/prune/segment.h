// SPDX-License-Identifier: Apache-2.0
// One segment of a max-min selection: the rows to choose among, the rows kept before, and the options.
// Borrowed memory only. Rows are `d` contiguous elements at a fixed byte stride.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "prune/distance.h"
#include "tokops/dtype.h"

namespace tokops::prune {

struct Rows {
  const std::byte* base = nullptr;
  int64_t stride = 0;  // bytes
  int64_t count = 0;
  const double* square = nullptr;  // canonical squares of the given rows

  [[nodiscard]] const void* row(int64_t i) const noexcept { return base + i * stride; }
};

enum class Metric { kCosine, kEuclidean, kRounded };  // kRounded: unit rows of a 16-bit type, every step rounded
enum class First { kIsolated, kFarthestPair, kMedoid, kRow };

struct Segment {
  Rows rows;                         // in kRounded: the unit rows
  Rows given;                        // the caller's rows
  Rows outside;                      // kept before, not among the rows; in kRounded unit rows
  std::span<const int64_t> anchors;  // rows of the segment that are kept already, plus anchor_shift
  int64_t anchor_shift = 0;
  const float* weights = nullptr;  // one per row, or null
  DType type = DType::kFloat32;
  int64_t d = 0;
  Metric metric = Metric::kCosine;
  First first = First::kIsolated;
  int64_t first_row = 0;
  int64_t k = 0;
  double min_distance = 0;

  [[nodiscard]] bool has_kept() const noexcept { return !anchors.empty() || outside.count > 0; }
  [[nodiscard]] double score(double distance, int64_t row) const noexcept {
    return weights == nullptr ? distance : distance * static_cast<double>(weights[row]);
  }
  [[nodiscard]] double distance(double g, double s_a, double s_b) const noexcept {
    switch (metric) {
      case Metric::kEuclidean: return euclidean_distance(g, s_a, s_b);
      case Metric::kRounded: return rounded_distance(type, g, s_a == 0 && s_b == 0);
      default: return cosine_distance(g, s_a, s_b);
    }
  }
};

struct Pick {
  int64_t row = 0;
  double gap = 0;
};

}  // namespace tokops::prune
