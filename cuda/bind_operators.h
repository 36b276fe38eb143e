// SPDX-License-Identifier: Apache-2.0
// The operators of tokops._cuda as Python functions, over a backend that runs the kernels: the CUDA runtime, or the
// simulated grid of the tests. Each operator has the native signature of _cpu with a last argument `workspace`
// (uint8, on the device), and a function `<operator>_workspace_bytes` of the same inputs and scalars that says how
// large it must be and raises whatever is wrong with them.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "cuda/kv_topk.h"

namespace tokops::cuda {

struct Backend {
  int32_t device_type;  // DLPack's number
  void (*topk)(const TopkTask& task, int device, void* stream);
  bool (*capturing)(int device, void* stream);
  // Copies to the host and waits for the stream.
  void (*fetch)(void* to, const void* from, std::size_t bytes, int device, void* stream);
};

// `backend` must outlive the module; every name starts with `prefix`.
void register_operators(pybind11::module_& m, const std::string& prefix, const Backend& backend);

}  // namespace tokops::cuda
