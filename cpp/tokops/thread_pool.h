// SPDX-License-Identifier: Apache-2.0
// parallel_for over fixed blocks on the package's own thread pool.
// Blocks depend on n and grain only, so the number of threads can never change a result that is combined in
// block order. Workers start at first use and sleep between jobs; the caller takes part. A nested call, or a
// call while another Python thread owns the workers, runs serially in its caller. The first exception of a body
// is rethrown in the caller. After fork() the child starts with no workers and a fresh pool.
#pragma once

#include <cstdint>
#include <type_traits>

namespace tokops {

// Threads a call may use, the caller included: TOKOPS_NUM_THREADS, else CPUs in the affinity mask limited by
// the cgroup quota.
[[nodiscard]] int num_threads();

// 1 <= count <= 1024, else std::invalid_argument.
void set_num_threads(int count);

// Joins the workers; they start again at the next parallel call. For interpreter exit and tests.
void stop_workers() noexcept;

// Jobs that have been handed to workers so far; for tests that must know that threads took part.
[[nodiscard]] int64_t shared_jobs() noexcept;

namespace detail {
using BlockFunction = void (*)(void* context, int64_t begin, int64_t end);
void run_blocks(int64_t n, int64_t grain, BlockFunction function, void* context);
}  // namespace detail

// Calls body(begin, end) for consecutive blocks of `grain` items (the last may be shorter). grain >= 1.
template <class Body>
void parallel_for(int64_t n, int64_t grain, Body&& body) {
  using Plain = std::remove_reference_t<Body>;
  detail::run_blocks(
      n, grain, [](void* context, int64_t begin, int64_t end) { (*static_cast<Plain*>(context))(begin, end); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace tokops
