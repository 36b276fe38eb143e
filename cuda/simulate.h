// SPDX-License-Identifier: Apache-2.0
// The kernels' bodies run on the host: a loop over the blocks of the grid, each a HostBlock. What is run is the text
// that nvcc compiles, so the logic of a kernel is tested on machines without a GPU. For tests only: slow, one thread.
#pragma once

#include "cuda/kv_topk.h"
#include "cuda/prune_maxmin.h"

namespace tokops::cuda {

void simulate_topk(const TopkTask& task);
void simulate_maxmin(const MaxminTask& task);

}  // namespace tokops::cuda
