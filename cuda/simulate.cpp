// SPDX-License-Identifier: Apache-2.0
#include "cuda/simulate.h"

#include <cstring>
#include <memory>

namespace tokops::cuda {
namespace {

// Shared memory holds garbage when a block starts.
template <class Shared>
void scribble(Shared& shared) {
  std::memset(static_cast<void*>(&shared), 0xa5, sizeof(Shared));
}

}  // namespace

void simulate_topk(const TopkTask& task) {
  const auto shared = std::make_unique<TopkShared>();
  with_keys(task.type, [&](auto source) {
    for (int64_t row = task.rows - 1; row >= 0; --row) {
      scribble(*shared);
      HostBlock<kTopkThreads> block(row, static_cast<int>(row % 3));
      topk_row<decltype(source)>(block, *shared, task);
    }
  });
}

void simulate_maxmin(const MaxminTask& task) {
  with_rows(task.type, [&](auto source) {
    maxmin_steps(task, [&](auto step, int64_t blocks) {
      using Step = decltype(step);
      const auto shared = std::make_unique<typename Step::Shared>();
      for (int64_t index = blocks - 1; index >= 0; --index) {
        scribble(*shared);
        HostBlock<Step::kThreads> block(index, static_cast<int>(index % 3));
        Step::template body<decltype(source)>(block, *shared, task);
      }
    });
  });
}

}  // namespace tokops::cuda
