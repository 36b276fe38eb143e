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

#include "bind/tensor_arg.h"
#include "cuda/kv_topk.h"
#include "cuda/prune_maxmin.h"

namespace tokops::cuda {

struct Backend {
  int32_t device_type;  // DLPack's number
  void (*topk)(const TopkTask& task, int device, void* stream);
  void (*maxmin)(const MaxminTask& task, int device, void* stream);
  bool (*capturing)(int device, void* stream);
  // Copies to the host and waits for the stream.
  void (*fetch)(void* to, const void* from, std::size_t bytes, int device, void* stream);
};

// Reads the workspace and gives out its parts.
class Workspace {
 public:
  Workspace(Reader& read, pybind11::handle object, int64_t bytes) {
    const TensorView view = read.output(object, "workspace", DTypeSet{DType::kUInt8}, "bytes");
    if (view.shape[0] < bytes) {
      throw read.value_error("argument 'workspace' must have at least %lld bytes, got %lld",
                             static_cast<long long>(bytes), static_cast<long long>(view.shape[0]));
    }
    if (bytes > 0 && reinterpret_cast<uintptr_t>(view.data) % kAlignment != 0) {
      throw read.value_error("argument 'workspace' must be aligned to %lld bytes", static_cast<long long>(kAlignment));
    }
    base_ = view.as<char>();
  }
  template <class T>
  [[nodiscard]] T* at(int64_t offset) const {
    return reinterpret_cast<T*>(base_ + offset);
  }

 private:
  char* base_ = nullptr;
};

constexpr int64_t kWithoutGil = INT64_MAX;  // bytes of work that let go of the GIL: a launch may wait for a full queue

// Define the functions of a family; `backend` must outlive the module, every name starts with `prefix`.
void register_kv(pybind11::module_& m, const std::string& prefix, const Backend& backend);
void register_prune(pybind11::module_& m, const std::string& prefix, const Backend& backend);

}  // namespace tokops::cuda
