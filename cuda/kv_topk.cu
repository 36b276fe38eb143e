// SPDX-License-Identifier: Apache-2.0
#include "cuda/kv_topk.h"

#include "cuda/common.h"

namespace tokops::cuda {
namespace {

template <class Source>
__global__ void __launch_bounds__(kTopkThreads) topk_kernel(const TopkTask task) {
  __shared__ TopkShared shared;
  DeviceBlock<kTopkThreads> block;
  topk_row<Source>(block, shared, task);
}

static_assert(sizeof(TopkTask) <= kMaxParameters);

}  // namespace

void launch_topk(const TopkTask& task, void* stream) {
  with_keys(task.type, [&](auto source) {
    topk_kernel<decltype(source)>
        <<<static_cast<unsigned>(task.rows), kTopkThreads, 0, static_cast<cudaStream_t>(stream)>>>(task);
  });
  TOKOPS_CUDA_LAUNCHED(kv_topk);
}

}  // namespace tokops::cuda
