// SPDX-License-Identifier: Apache-2.0
// _test_cuda_<operator>: the operators of tokops._cuda on arrays of the host, their kernels run by the simulated grid.
// Only tests call them.
#include <cstring>

#include "bind/bind_core.h"
#include "cuda/bind_backend.h"
#include "cuda/simulate.h"
#include "tokops/dlpack_abi.h"

namespace tokops {
namespace {

constexpr cuda::Backend kSimulated{
    .device_type = dlpack::kCpu,
    .topk = [](const cuda::TopkTask& task, int, void*) { cuda::simulate_topk(task); },
    .maxmin = [](const cuda::MaxminTask& task, int, void*) { cuda::simulate_maxmin(task); },
    .capturing = [](int, void*) { return false; },
    .fetch = [](void* to, const void* from, std::size_t bytes, int, void*) { std::memcpy(to, from, bytes); },
};

}  // namespace

void register_simulated(pybind11::module_& m) {
  cuda::register_kv(m, "_test_cuda_", kSimulated);
  cuda::register_prune(m, "_test_cuda_", kSimulated);
}

}  // namespace tokops
