// SPDX-License-Identifier: Apache-2.0
#include "tokops/cpu_count.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace tokops {
namespace {

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

int affinity_count() {
#if defined(__linux__)
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof(mask), &mask) == 0) {
    return CPU_COUNT(&mask);
  }
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

int quota_count() {
  const std::string v2 = first_line("/sys/fs/cgroup/cpu.max");
  if (!v2.empty()) {
    return cpus_from_quota(v2);
  }
  const std::string quota = first_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  const std::string period = first_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  return quota.empty() || period.empty() ? 0 : cpus_from_quota(quota + " " + period);
}

}  // namespace

int cpus_from_quota(std::string_view cpu_max) {
  const char* end = cpu_max.data() + cpu_max.size();
  long long quota = 0;
  long long period = 0;
  const auto [after, error] = std::from_chars(cpu_max.data(), end, quota);
  if (error != std::errc() || after == end || std::from_chars(after + 1, end, period).ec != std::errc()) {
    return 0;
  }
  if (quota <= 0 || period <= 0) {
    return 0;
  }
  return static_cast<int>(std::min<long long>((quota - 1) / period + 1, kMaxThreads));
}

int default_thread_count() {
  if (const char* wanted = std::getenv("TOKOPS_NUM_THREADS"); wanted != nullptr && *wanted != '\0') {
    int count = 0;
    const char* end = wanted + std::strlen(wanted);
    const auto [after, error] = std::from_chars(wanted, end, count);
    if (error != std::errc() || after != end || count < 1 || count > kMaxThreads) {
      throw std::invalid_argument("TOKOPS_NUM_THREADS must be an integer in [1, 1024], got '" + std::string(wanted) +
                                  "'");
    }
    return count;
  }
  const int cpus = std::clamp(affinity_count(), 1, kMaxThreads);
  const int quota = quota_count();
  return quota > 0 ? std::min(cpus, quota) : cpus;
}

}  // namespace tokops
