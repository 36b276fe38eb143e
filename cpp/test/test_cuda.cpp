// SPDX-License-Identifier: Apache-2.0
// Launch arithmetic, the simulated block, and the top-k kernel under the simulated grid against std::stable_sort.
// The block must show what breaks its rules: a phase that reads what another thread of it writes.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "check.h"
#include "cuda/block.h"
#include "cuda/launch.h"
#include "cuda/simulate.h"

namespace tokops::cuda {
namespace {

static_assert(ceil_div(0, 7) == 0 && ceil_div(7, 7) == 1 && ceil_div(8, 7) == 2);
static_assert(append(0, 3, 8) == 32 && append(32, 1, 1) == 48 && append(48, 0, 8) == 48);
static_assert(append(0, INT64_MAX / 4, 8) == kTooLarge && append(kTooLarge, 1, 1) == kTooLarge);
static_assert(append(INT64_MAX - 7, 1, 8) == kTooLarge);
static_assert(topk_passes(16) == 2 && topk_passes(32) == 3 && topk_passes(64) == 6);
static_assert(topk_workspace(5, 100, 4, false, false).bytes == 0);
static_assert(topk_workspace(5, 100, 8, true, true).keys == 48);
static_assert(topk_workspace(5, 100, 8, true, true).bytes == 48 + 8000 + 4000);
static_assert(prepare_blocks(0) == 0 && prepare_blocks(16) == 1 && prepare_blocks(17) == 2);
static_assert(total_blocks(3, 256) == 3 && total_blocks(3, 257) == 6 && total_blocks(0, 5) == 0);
static_assert(maxmin_workspace(10, 0, 2, 7, false, false).bytes == 80 + 80 + 48 + 48);
static_assert(maxmin_workspace(10, 3, 2, 7, true, true).bytes == 80 + 32 + 80 + 48 + 48 + 112 + 144 + 48);
static_assert(maxmin_workspace(int64_t{1} << 40, 0, 1, int64_t{1} << 30, false, true).bytes == kTooLarge);
static_assert(topk_workspace(int64_t{1} << 40, int64_t{1} << 30, 4, true, false).bytes == kTooLarge);

constexpr int kThreads = 64;
using Block = HostBlock<kThreads>;

TOKOPS_TEST(cuda_simulated_block_runs_every_thread_once_in_each_order) {
  Block block(0);
  std::vector<std::vector<int>> orders(3);
  for (auto& order : orders) {
    block.each([&](int t) { order.push_back(t); });
  }
  TOKOPS_CHECK(orders[0] != orders[1] && orders[1] != orders[2] && orders[0] != orders[2]);
  for (auto& order : orders) {
    std::sort(order.begin(), order.end());
    for (int t = 0; t < kThreads; ++t) {
      TOKOPS_CHECK_EQ(order[static_cast<std::size_t>(t)], t);
    }
  }
}

TOKOPS_TEST(cuda_simulated_block_shows_a_phase_that_needs_an_order) {
  // A running sum without a barrier between its steps: right only when threads happen to run ascending.
  const auto broken = [](int phase) {
    Block block(0, phase);
    std::array<int, kThreads> sums;
    sums.fill(1);
    block.each([&](int t) {
      if (t > 0) {
        sums[static_cast<std::size_t>(t)] += sums[static_cast<std::size_t>(t - 1)];
      }
    });
    return sums[kThreads - 1];
  };
  TOKOPS_CHECK_EQ(broken(0), kThreads);
  TOKOPS_CHECK(broken(1) != kThreads && broken(2) != kThreads);
}

TOKOPS_TEST(cuda_exclusive_scan_equals_a_running_sum) {
  for (int phase = 0; phase < 3; ++phase) {
    Block block(0, phase);
    PerThread<Block, uint32_t> value;
    uint32_t buffer[2][kThreads];
    block.each([&](int t) { value[t] = static_cast<uint32_t>(t * t + 1); });
    const uint32_t all = exclusive_scan(block, value, buffer);
    uint32_t sum = 0;
    for (int t = 0; t < kThreads; ++t) {
      TOKOPS_CHECK_EQ(value[t], sum);
      sum += static_cast<uint32_t>(t * t + 1);
    }
    TOKOPS_CHECK_EQ(all, sum);
  }
}

// Rows with many equal values, -0.0, infinities and NaN; any range, k and order.
TOKOPS_FUZZ(cuda_topk) {
  const int64_t rows = random.between(1, 3);
  const int64_t n = random.between(1, random.between(0, 9) == 0 ? 20000 : 300);
  const int64_t k = random.between(1, n + 3);
  const int64_t spread = random.between(0, 40);
  std::vector<float> x(static_cast<std::size_t>(rows * n));
  for (float& value : x) {
    const int64_t draw = random.between(-spread, spread);
    value = draw == 7    ? NAN
            : draw == 8  ? INFINITY
            : draw == -8 ? -INFINITY
            : draw == 9  ? -0.0f
                         : static_cast<float>(draw);
  }
  std::vector<int32_t> starts(static_cast<std::size_t>(rows));
  std::vector<int32_t> lens(starts.size());
  for (std::size_t row = 0; row < starts.size(); ++row) {
    starts[row] = static_cast<int32_t>(random.between(0, n));
    lens[row] = static_cast<int32_t>(random.between(0, n - starts[row]));
  }
  const bool by_value = random.between(0, 1) == 1;
  const bool largest = random.between(0, 1) == 1;
  const TopkWorkspace parts = topk_workspace(rows, k, 4, by_value, false);
  std::vector<std::max_align_t> workspace(static_cast<std::size_t>(parts.bytes) / sizeof(std::max_align_t) + 1);
  char* const base = reinterpret_cast<char*>(workspace.data());
  std::vector<int32_t> ids(static_cast<std::size_t>(rows * k), 12345);
  simulate_topk({.x = x.data(),
                 .starts = starts.data(),
                 .lens = lens.data(),
                 .ids = ids.data(),
                 .values = nullptr,
                 .report = nullptr,
                 .pair_keys = base + parts.keys,
                 .pair_ids = reinterpret_cast<int32_t*>(base + parts.ids),
                 .rows = rows,
                 .n = n,
                 .k = k,
                 .row_stride = n,
                 .type = DType::kFloat32,
                 .largest = largest,
                 .by_value = by_value});
  for (int64_t row = 0; row < rows; ++row) {
    const float* const values = x.data() + row * n;
    std::vector<int32_t> want;
    const auto r = static_cast<std::size_t>(row);
    for (int32_t column = starts[r]; column < starts[r] + lens[r]; ++column) {
      if (!std::isnan(values[column])) {
        want.push_back(column);
      }
    }
    std::stable_sort(want.begin(), want.end(),
                     [&](int32_t a, int32_t b) { return largest ? values[a] > values[b] : values[a] < values[b]; });
    if (static_cast<int64_t>(want.size()) > k) {
      want.resize(static_cast<std::size_t>(k));
    }
    if (!by_value) {
      std::sort(want.begin(), want.end());
    }
    want.resize(static_cast<std::size_t>(k), -1);
    for (int64_t i = 0; i < k; ++i) {
      TOKOPS_CHECK_EQ(ids[static_cast<std::size_t>(row * k + i)], want[static_cast<std::size_t>(i)]);
    }
  }
}

}  // namespace
}  // namespace tokops::cuda
