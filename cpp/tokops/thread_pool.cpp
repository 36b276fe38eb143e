// SPDX-License-Identifier: Apache-2.0
// One job at a time owns the workers. A job is a counter of blocks that workers and caller claim one by one.
// The pool lives in a heap object behind a pointer: the fork handler of the child drops the parent's object
// without touching its locks (its threads do not exist there, so it is never destroyed).
#include "tokops/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "tokops/cpu_count.h"

namespace tokops {
namespace {

thread_local bool inside_job = false;

struct Job {
  int64_t n;
  int64_t grain;
  int64_t blocks;
  detail::BlockFunction function;
  void* context;
  std::atomic<int64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error{};
  std::mutex error_mutex{};

  void work() noexcept {
    inside_job = true;
    for (int64_t block = next.fetch_add(1); block < blocks && !failed.load(); block = next.fetch_add(1)) {
      try {
        function(context, block * grain, block == blocks - 1 ? n : (block + 1) * grain);
      } catch (...) {
        const std::lock_guard lock(error_mutex);
        if (!failed.exchange(true)) {
          error = std::current_exception();
        }
      }
    }
    inside_job = false;
  }
};

class Pool {
 public:
  explicit Pool(int threads) : size_(threads) {
    workers_.reserve(static_cast<std::size_t>(threads - 1));
    try {
      for (int i = 1; i < threads; ++i) {
        workers_.emplace_back([this] { serve(); });
      }
    } catch (const std::system_error&) {
      // The system gives no more threads: the work is done by those there are, with the same results.
    }
  }

  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  ~Pool() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) {
      worker.join();
    }
  }

  // The size asked for; fewer workers may have started.
  [[nodiscard]] int size() const noexcept { return size_; }

  void run(Job& job) {
    const auto helpers = static_cast<int>(std::min<int64_t>(std::ssize(workers_), job.blocks - 1));
    {
      const std::lock_guard lock(mutex_);
      job_ = &job;
      wanted_ = helpers;
      running_ = 0;
    }
    for (int i = 0; i < helpers; ++i) {
      wake_.notify_one();
    }
    job.work();
    std::unique_lock lock(mutex_);
    wanted_ = 0;  // a worker that has not joined yet finds nothing to do
    job_ = nullptr;
    done_.wait(lock, [this] { return running_ == 0; });
  }

 private:
  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || wanted_ > 0; });
      if (stopping_) {
        return;
      }
      --wanted_;
      ++running_;
      Job* job = job_;
      lock.unlock();
      job->work();
      lock.lock();
      if (--running_ == 0) {
        done_.notify_all();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  Job* job_ = nullptr;
  int wanted_ = 0;
  int running_ = 0;
  bool stopping_ = false;
  const int size_;
  std::vector<std::thread> workers_;
};

struct State {
  std::mutex owner;            // held by the call that owns the workers
  std::unique_ptr<Pool> pool;  // guarded by owner
  std::atomic<int> threads{0};
  std::atomic<int64_t> jobs{0};
};

State* state = new State;  // replaced, never destroyed, in a forked child

void forget_after_fork() {
  const int threads = state->threads.load();
  state = new State;
  state->threads.store(threads);
  inside_job = false;
}

[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, forget_after_fork);

}  // namespace

int num_threads() {
  int threads = state->threads.load();
  if (threads == 0) {
    threads = default_thread_count();
    int expected = 0;
    if (!state->threads.compare_exchange_strong(expected, threads)) {
      threads = expected;
    }
  }
  return threads;
}

void set_num_threads(int count) {
  if (count < 1 || count > kMaxThreads) {
    throw std::invalid_argument("number of threads must be in [1, 1024], got " + std::to_string(count));
  }
  state->threads.store(count);
}

int64_t shared_jobs() noexcept { return state->jobs.load(std::memory_order_relaxed); }

void stop_workers() noexcept {
  const std::unique_lock lock(state->owner, std::try_to_lock);
  if (lock.owns_lock()) {  // otherwise a daemon thread is inside a call: its workers end with the process
    state->pool.reset();
  }
}

namespace detail {

void run_blocks(int64_t n, int64_t grain, BlockFunction function, void* context) {
  if (n <= 0) {
    return;
  }
  grain = std::max<int64_t>(grain, 1);
  const int64_t blocks = n / grain + (n % grain != 0 ? 1 : 0);
  const auto run_serially = [&] {
    for (int64_t block = 0; block < blocks; ++block) {
      function(context, block * grain, block == blocks - 1 ? n : (block + 1) * grain);
    }
  };
  if (blocks == 1 || inside_job) {
    return run_serially();
  }
  const int threads = num_threads();
  if (threads == 1) {
    return run_serially();
  }
  const std::unique_lock lock(state->owner, std::try_to_lock);
  if (!lock.owns_lock()) {
    return run_serially();
  }
  if (state->pool == nullptr || state->pool->size() != threads) {
    state->pool.reset();
    state->pool = std::make_unique<Pool>(threads);
  }
  Job job{n, grain, blocks, function, context};
  state->jobs.fetch_add(1, std::memory_order_relaxed);
  state->pool->run(job);
  if (job.error) {
    std::rethrow_exception(job.error);
  }
}

}  // namespace detail
}  // namespace tokops
