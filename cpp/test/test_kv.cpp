// SPDX-License-Identifier: Apache-2.0
// kv::topk on random rows against a stable sort: few distinct values, so that ties decide; NaN, infinities and
// both zeros among them; ranges, both orders, both directions, one to three threads.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "check.h"
#include "kv/topk.h"
#include "tokops/dtype.h"
#include "tokops/span.h"
#include "tokops/thread_pool.h"
#include "views.h"

namespace tokops {
namespace {

using test::view;

struct Rows {
  int64_t rows;
  int64_t n;
  std::vector<float> x;
  std::vector<int32_t> starts;
  std::vector<int32_t> lens;
};

float draw_value(test::Random& random, int64_t distinct) {
  switch (random.between(0, 30)) {
    case 0: return std::numeric_limits<float>::quiet_NaN();
    case 1: return std::numeric_limits<float>::infinity();
    case 2: return -std::numeric_limits<float>::infinity();
    case 3: return -0.0F;
    case 4: return std::numeric_limits<float>::denorm_min();
    default: return static_cast<float>(random.between(-distinct, distinct)) / 4.0F;
  }
}

Rows draw_rows(test::Random& random) {
  constexpr std::array<int64_t, 4> kLimits = {8, 70, 1000, 20000};
  constexpr std::array<int64_t, 4> kDistinct = {0, 2, 100, 1 << 22};
  Rows made{
      random.between(1, 3), random.between(0, kLimits[static_cast<std::size_t>(random.between(0, 3))]), {}, {}, {}};
  const int64_t distinct = kDistinct[static_cast<std::size_t>(random.between(0, 3))];
  for (int64_t i = 0; i < made.rows * made.n; ++i) {
    made.x.push_back(draw_value(random, distinct));
  }
  for (int64_t row = 0; row < made.rows; ++row) {
    const int64_t start = random.between(0, made.n);
    made.starts.push_back(static_cast<int32_t>(start));
    made.lens.push_back(static_cast<int32_t>(random.between(0, made.n - start)));
  }
  return made;
}

// The definition: stable sort of the columns by value, NaN left out.
std::vector<int32_t> expected(const float* row, int64_t begin, int64_t end, int64_t k, bool largest, bool by_value) {
  std::vector<int32_t> order;
  for (int64_t i = begin; i < end; ++i) {
    if (!std::isnan(row[i])) {
      order.push_back(static_cast<int32_t>(i));
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return largest ? row[a] > row[b] : row[a] < row[b]; });
  order.resize(std::min(order.size(), static_cast<std::size_t>(k)));
  if (!by_value) {
    std::sort(order.begin(), order.end());
  }
  order.resize(static_cast<std::size_t>(k), -1);
  return order;
}

TOKOPS_FUZZ(topk_against_a_stable_sort) {
  Rows in = draw_rows(random);
  const bool ranges = random.between(0, 1) == 1;
  const int64_t k = random.between(0, in.n);
  const bool largest = random.between(0, 1) == 1;
  const bool by_value = random.between(0, 1) == 1;
  const int before = num_threads();
  set_num_threads(static_cast<int>(random.between(1, 3)));
  std::vector<int32_t> ids(static_cast<std::size_t>(in.rows * k), -7);
  std::vector<float> values(ids.size(), -7.0F);
  kv::TopkArguments call{.x = view(in.x, DType::kFloat32, {in.rows, in.n}),
                         .starts = ranges ? view(in.starts, DType::kInt32, {in.rows}) : TensorView{},
                         .lens = ranges ? view(in.lens, DType::kInt32, {in.rows}) : TensorView{},
                         .k = k,
                         .largest = largest,
                         .by_value = by_value,
                         .refuse_nan = false,
                         .ids = view(ids, DType::kInt32, {in.rows, k}),
                         .values = view(values, DType::kFloat32, {in.rows, k})};
  const Status status = kv::topk(call);
  set_num_threads(before);
  TOKOPS_CHECK(status.ok());
  for (int64_t row = 0; row < in.rows; ++row) {
    const auto r = static_cast<std::size_t>(row);
    const float* x = in.x.data() + row * in.n;
    const int64_t begin = ranges ? in.starts[r] : 0;
    const int64_t end = ranges ? begin + in.lens[r] : in.n;
    const auto wanted = expected(x, begin, end, k, largest, by_value);
    for (int64_t i = 0; i < k; ++i) {
      const auto place = static_cast<std::size_t>(row * k + i);
      TOKOPS_CHECK_EQ(ids[place], wanted[static_cast<std::size_t>(i)]);
      TOKOPS_CHECK_EQ(values[place], ids[place] < 0 ? 0.0F : x[ids[place]]);
    }
  }
}

TOKOPS_ENTRY(topk_64k) {
  constexpr int64_t kN = 65536;
  constexpr int64_t kK = 2048;
  struct State {
    std::vector<float> x;
    std::vector<int32_t> ids = std::vector<int32_t>(kK);
  };
  auto state = std::make_shared<State>();
  test::Random random(1, 0);
  for (int64_t i = 0; i < kN; ++i) {
    state->x.push_back(static_cast<float>(random.between(-(1 << 23), 1 << 23)));
  }
  return [state] {
    const Status status = kv::topk({.x = view(state->x, DType::kFloat32, {1, kN}),
                                    .starts = {},
                                    .lens = {},
                                    .k = kK,
                                    .largest = true,
                                    .by_value = false,
                                    .refuse_nan = false,
                                    .ids = view(state->ids, DType::kInt32, {1, kK}),
                                    .values = {}});
    TOKOPS_CHECK(status.ok());
  };
}

}  // namespace
}  // namespace tokops
