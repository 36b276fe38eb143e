// SPDX-License-Identifier: Apache-2.0
#include "cuda/prune_maxmin.h"

#include "cuda/common.h"

namespace tokops::cuda {
namespace {

template <class Step, class Source>
__global__ void __launch_bounds__(Step::kThreads) maxmin_kernel(const MaxminTask task) {
  __shared__ typename Step::Shared shared;
  DeviceBlock<Step::kThreads> block;
  Step::template body<Source>(block, shared, task);
}

}  // namespace

void launch_maxmin(const MaxminTask& task, void* stream) {
  with_rows(task.type, [&](auto source) {
    maxmin_steps(task, [&](auto step, int64_t blocks) {
      using Step = decltype(step);
      maxmin_kernel<Step, decltype(source)>
          <<<static_cast<unsigned>(blocks), Step::kThreads, 0, static_cast<cudaStream_t>(stream)>>>(task);
      TOKOPS_CUDA_LAUNCHED(prune_maxmin);
    });
  });
}

}  // namespace tokops::cuda
