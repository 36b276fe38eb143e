// SPDX-License-Identifier: Apache-2.0
// How many threads this process should use when nobody says so.
#pragma once

#include <string_view>

namespace tokops {

constexpr int kMaxThreads = 1024;

// TOKOPS_NUM_THREADS when set (a bad value throws std::invalid_argument), else the number of CPUs in the
// affinity mask, limited by the cgroup v1 or v2 CPU quota rounded up. At least 1.
[[nodiscard]] int default_thread_count();

// CPUs that a cgroup v2 "cpu.max" line ("200000 100000", "max 100000") allows, rounded up; 0 = no limit.
[[nodiscard]] int cpus_from_quota(std::string_view cpu_max);

}  // namespace tokops
