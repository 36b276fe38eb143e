// SPDX-License-Identifier: Apache-2.0
// The pool's promises: fixed blocks, each exactly once, nested calls serial, the first exception in the caller,
// several callers at once, a working pool in a forked child. Run under TSan in CI.
#include "tokops/thread_pool.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"

namespace tokops {
namespace {

struct Threads {
  explicit Threads(int count) : before(num_threads()) { set_num_threads(count); }
  ~Threads() { set_num_threads(before); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  int before;
};

using Block = std::pair<int64_t, int64_t>;

std::vector<Block> blocks_of(int64_t n, int64_t grain) {
  std::mutex mutex;
  std::vector<Block> seen;
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    const std::lock_guard lock(mutex);
    seen.emplace_back(begin, end);
  });
  std::sort(seen.begin(), seen.end());
  return seen;
}

TOKOPS_TEST(blocks_cover_the_range_once_for_every_thread_count) {
  for (const int count : {1, 2, 4, 7}) {
    const Threads threads(count);
    for (const int64_t n : {0, 1, 2, 63, 64, 65, 1000}) {
      for (const int64_t grain : {1, 7, 64, 5000}) {
        std::vector<Block> wanted;
        for (int64_t begin = 0; begin < n; begin += grain) {
          wanted.emplace_back(begin, std::min(n, begin + grain));
        }
        TOKOPS_CHECK(blocks_of(n, grain) == wanted);
      }
    }
  }
}

TOKOPS_TEST(nested_calls_run_serially_in_the_worker) {
  const Threads threads(4);
  std::atomic<int64_t> sum{0};
  std::atomic<bool> moved{false};
  parallel_for(8, 1, [&](int64_t begin, int64_t) {
    const auto outer = std::this_thread::get_id();
    parallel_for(8, 1, [&](int64_t inner, int64_t) {
      moved = moved || std::this_thread::get_id() != outer;
      sum += begin * 8 + inner;
    });
  });
  TOKOPS_CHECK(!moved);
  TOKOPS_CHECK_EQ(sum.load(), int64_t{63 * 64 / 2});
}

TOKOPS_TEST(an_exception_reaches_the_caller_and_the_pool_goes_on) {
  const Threads threads(4);
  for (int repeat = 0; repeat < 50; ++repeat) {
    std::string text;
    try {
      parallel_for(100, 1, [](int64_t begin, int64_t) {
        if (begin % 3 == 1) {
          throw std::runtime_error("from the body");
        }
      });
    } catch (const std::runtime_error& error) {
      text = error.what();
    }
    TOKOPS_CHECK_EQ(text, std::string("from the body"));
    TOKOPS_CHECK_EQ(blocks_of(100, 10).size(), std::size_t{10});
  }
}

TOKOPS_TEST(several_threads_may_call_at_once) {
  const Threads threads(4);
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&wrong, caller] {
      for (int repeat = 0; repeat < 100; ++repeat) {
        std::vector<int64_t> out(257, -1);
        parallel_for(257, 16, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            out[static_cast<std::size_t>(i)] = i * caller;
          }
        });
        for (int64_t i = 0; i < 257; ++i) {
          wrong += out[static_cast<std::size_t>(i)] == i * caller ? 0 : 1;
        }
      }
    });
  }
  for (std::thread& caller : callers) {
    caller.join();
  }
  TOKOPS_CHECK_EQ(wrong.load(), 0);
}

TOKOPS_TEST(the_number_of_threads_is_checked) {
  for (const int count : {0, -1, 1025}) {
    bool refused = false;
    try {
      set_num_threads(count);
    } catch (const std::invalid_argument&) {
      refused = true;
    }
    TOKOPS_CHECK(refused);
  }
}

TOKOPS_TEST(workers_stop_and_start_again) {
  const Threads threads(3);
  for (int repeat = 0; repeat < 5; ++repeat) {
    TOKOPS_CHECK_EQ(blocks_of(30, 1).size(), std::size_t{30});
    stop_workers();
  }
}

#if !defined(__SANITIZE_THREAD__)  // TSan does not follow threads started after fork
TOKOPS_TEST(a_forked_child_has_a_working_pool) {
  const Threads threads(4);
  TOKOPS_CHECK_EQ(blocks_of(100, 1).size(), std::size_t{100});
  const pid_t child = fork();
  TOKOPS_CHECK(child >= 0);
  if (child == 0) {
    _exit(blocks_of(100, 1).size() == 100 ? 0 : 1);
  }
  int status = -1;
  TOKOPS_CHECK_EQ(waitpid(child, &status, 0), child);
  TOKOPS_CHECK(WIFEXITED(status));
  TOKOPS_CHECK_EQ(WEXITSTATUS(status), 0);
}
#endif

}  // namespace
}  // namespace tokops
