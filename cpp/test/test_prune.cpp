// SPDX-License-Identifier: Apache-2.0
// prune::maxmin against the greedy rule written out over the whole distance matrix. Values are small integers and
// rows repeat, so that ties, zero rows and duplicates decide often.
#include "prune/maxmin.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "check.h"
#include "tokops/thread_pool.h"
#include "views.h"

namespace tokops {
namespace {

using test::view;

// Sum of products in 16 lanes of float64, then the halving tree.
double dot(const float* a, const float* b, int64_t d) {
  std::array<double, 16> lane{};
  for (int64_t c = 0; c < d; ++c) {
    lane[static_cast<std::size_t>(c % 16)] += static_cast<double>(a[c]) * static_cast<double>(b[c]);
  }
  for (std::size_t half = 8; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) {
      lane[i] += lane[i + half];
    }
  }
  return lane[0];
}

double distance(const float* a, const float* b, int64_t d, bool cosine) {
  const double aa = dot(a, a, d);
  const double bb = dot(b, b, d);
  const double ab = dot(a, b, d);
  if (!cosine) {
    return std::sqrt(std::max(0.0, aa + bb - 2.0 * ab));
  }
  if (aa == 0.0 || bb == 0.0) {
    return aa == bb ? 0.0 : 1.0;
  }
  return 1.0 - std::clamp(ab / std::sqrt(aa * bb), -1.0, 1.0);
}

// Rows in the order of choice; the first is the one farthest from its nearest other row.
std::vector<int64_t> greedy(const std::vector<float>& x, int64_t n, int64_t d, int64_t k, bool cosine) {
  constexpr double kFar = std::numeric_limits<double>::infinity();
  const auto at = [&](int64_t i, int64_t j) { return distance(x.data() + i * d, x.data() + j * d, d, cosine); };
  std::vector<double> score(static_cast<std::size_t>(n), kFar);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      if (i != j) {
        score[static_cast<std::size_t>(i)] = std::min(score[static_cast<std::size_t>(i)], at(i, j));
      }
    }
  }
  std::vector<bool> taken(static_cast<std::size_t>(n), false);
  std::vector<int64_t> picks;
  while (std::ssize(picks) < k) {
    int64_t best = -1;
    for (int64_t i = 0; i < n; ++i) {
      if (!taken[static_cast<std::size_t>(i)] &&
          (best < 0 || score[static_cast<std::size_t>(i)] > score[static_cast<std::size_t>(best)])) {
        best = i;
      }
    }
    taken[static_cast<std::size_t>(best)] = true;
    for (int64_t i = 0; i < n; ++i) {
      double& nearest = score[static_cast<std::size_t>(i)];
      nearest = std::min(picks.empty() ? kFar : nearest, at(best, i));
    }
    picks.push_back(best);
  }
  return picks;
}

std::vector<float> draw_rows(test::Random& random, int64_t n, int64_t d) {
  std::vector<float> x(static_cast<std::size_t>(n * d));
  const int64_t limit = random.between(0, 3);
  for (float& value : x) {
    value = static_cast<float>(random.between(-limit, limit));
  }
  if (n > 1 && random.between(0, 1) == 1) {
    std::copy_n(x.begin(), d, x.begin() + (n - 1) * d);
  }
  return x;
}

TOKOPS_FUZZ(maxmin_against_the_greedy_rule) {
  const int64_t n = random.between(1, 70);
  const int64_t d = random.between(1, 40);
  const int64_t k = random.between(1, n);
  const bool cosine = random.between(0, 1) == 1;
  std::vector<float> x = draw_rows(random, n, d);
  std::vector<int64_t> indices(static_cast<std::size_t>(k), -7);
  std::vector<float> gaps(static_cast<std::size_t>(k));
  std::vector<int64_t> counts(1);
  prune::MaxminTensors tensors;
  tensors.x = view(x, DType::kFloat32, {1, n, d});
  tensors.indices = view(indices, DType::kInt64, {1, k});
  tensors.gaps = view(gaps, DType::kFloat32, {1, k});
  tensors.counts = view(counts, DType::kInt64, {1});
  const int before = num_threads();
  set_num_threads(static_cast<int>(random.between(1, 3)));
  const Status status = prune::maxmin(
      tensors,
      {.k = k, .width = k, .metric = cosine ? prune::Metric::kCosine : prune::Metric::kEuclidean, .pick_order = true});
  set_num_threads(before);
  TOKOPS_CHECK(status.ok());
  TOKOPS_CHECK_EQ(counts[0], k);
  const auto wanted = greedy(x, n, d, k, cosine);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    TOKOPS_CHECK_EQ(indices[i], wanted[i]);
  }
}

TOKOPS_ENTRY(maxmin_256_rows) {
  constexpr int64_t kN = 256;
  constexpr int64_t kD = 64;
  constexpr int64_t kK = 26;
  struct State {
    std::vector<float> x;
    std::vector<int64_t> indices = std::vector<int64_t>(kK);
    std::vector<float> gaps = std::vector<float>(kK);
    std::vector<int64_t> counts = std::vector<int64_t>(1);
  };
  auto state = std::make_shared<State>();
  test::Random random(1, 0);
  for (int64_t i = 0; i < kN * kD; ++i) {
    state->x.push_back(static_cast<float>(random.between(-64, 64)) / 64.0F);
  }
  return [state] {
    prune::MaxminTensors tensors;
    tensors.x = view(state->x, DType::kFloat32, {1, kN, kD});
    tensors.indices = view(state->indices, DType::kInt64, {1, kK});
    tensors.gaps = view(state->gaps, DType::kFloat32, {1, kK});
    tensors.counts = view(state->counts, DType::kInt64, {1});
    TOKOPS_CHECK(prune::maxmin(tensors, {.k = kK, .width = kK}).ok());
  };
}

}  // namespace
}  // namespace tokops
