// SPDX-License-Identifier: Apache-2.0
// First picks of the max-min greedy, canonical and plain: "isolated" and "farthest_pair" in O(n^2 d), "medoid" in
// O(n d). Ties go to the lowest row. Scratch 16 n + 16 d bytes.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/prune_canonical.h"
#include "prune/eager.h"
#include "tokops/thread_pool.h"

namespace tokops::prune {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// value[i] = reduce over the rows j of one row of distances: of all j but i, or of j > i only.
template <class Reduce>
void reduce_rows(const Segment& segment, bool above_only, std::span<double> value, Reduce&& reduce) {
  const int64_t n = segment.rows.count;
  parallel_for(n, 1, [&](int64_t begin, int64_t end) {
    std::vector<double> wide(static_cast<std::size_t>(segment.d));
    std::vector<double> distance(static_cast<std::size_t>(n));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t from = above_only ? i + 1 : 0;
      canonical_distances(segment, segment.rows.row(i), segment.rows.square[i], from, n, wide.data(), distance.data());
      double& kept = value[static_cast<std::size_t>(i)];
      for (int64_t j = from; j < n; ++j) {
        if (j != i) {
          kept = reduce(kept, distance[static_cast<std::size_t>(j - from)]);
        }
      }
    }
  });
}

Pick isolated(const Segment& segment, Scratch& scratch) {
  const int64_t n = segment.rows.count;
  if (n == 1) {
    return {0, kInfinity};
  }
  const auto nearest = scratch.take<double>(static_cast<std::size_t>(n));
  std::fill(nearest.begin(), nearest.end(), kInfinity);
  reduce_rows(segment, false, nearest, [](double a, double b) { return std::min(a, b); });
  Pick best{0, segment.score(nearest[0], 0)};
  for (int64_t i = 1; i < n; ++i) {
    const double score = segment.score(nearest[static_cast<std::size_t>(i)], i);
    if (score > best.gap) {
      best = {i, score};
    }
  }
  return best;
}

Pick farthest_pair(const Segment& segment, Scratch& scratch) {
  const auto farthest = scratch.take<double>(static_cast<std::size_t>(segment.rows.count));
  std::fill(farthest.begin(), farthest.end(), -kInfinity);
  reduce_rows(segment, true, farthest, [](double a, double b) { return std::max(a, b); });
  return {std::max_element(farthest.begin(), farthest.end()) - farthest.begin(), kInfinity};
}

// The row with the largest mean cosine to all, or with the smallest sum of squared distances (through the centroid).
// Works on the given rows in every precision.
Pick medoid(const Segment& segment, Scratch& scratch) {
  const PruneCanonical& kernel = prune_canonical();
  const Rows& rows = segment.given;
  const bool euclidean = segment.metric == Metric::kEuclidean;
  const auto width = static_cast<std::size_t>(segment.d);
  const auto total = scratch.take<double>(width);
  const auto wide = scratch.take<double>(width);
  std::fill(total.begin(), total.end(), 0.0);
  for (int64_t i = 0; i < rows.count; ++i) {
    const double length = euclidean ? 1.0 : std::sqrt(rows.square[i]);
    if (length == 0) {
      continue;
    }
    kernel.widen(segment.type, rows.row(i), segment.d, wide.data());
    for (std::size_t c = 0; c < width; ++c) {
      total[c] += wide[c] / length;
    }
  }
  Pick best{0, -kInfinity};
  for (int64_t i = 0; i < rows.count; ++i) {
    const void* row = rows.row(i);
    double product = 0;
    kernel.dots(segment.type, &row, 1, total.data(), segment.d, &product);
    const double square = rows.square[i];
    const double score = euclidean     ? 2.0 * product - static_cast<double>(rows.count) * square
                         : square == 0 ? -kInfinity
                                       : product / std::sqrt(square);
    if (score > best.gap) {
      best = {i, score};
    }
  }
  return {best.row, kInfinity};
}

}  // namespace

Pick first_pick(const Segment& segment, Scratch& scratch) {
  switch (segment.first) {
    case First::kFarthestPair: return farthest_pair(segment, scratch);
    case First::kMedoid: return medoid(segment, scratch);
    case First::kRow: return {segment.first_row, kInfinity};
    default: return isolated(segment, scratch);
  }
}

}  // namespace tokops::prune
