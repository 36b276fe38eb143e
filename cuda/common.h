// SPDX-License-Identifier: Apache-2.0
// What every launch needs from the CUDA runtime: errors as exceptions with the CUDA error name, and a device guard.
// Nothing here runs before an operator is called, so the module imports without a driver.
#pragma once

#include <cuda_runtime_api.h>

#include <stdexcept>
#include <string>

namespace tokops::cuda {

// RuntimeError in Python.
inline void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) {
    (void)cudaGetLastError();  // the sticky flag belongs to this exception now
    throw std::runtime_error(std::string(what) + ": " + cudaGetErrorName(error) + " (" + cudaGetErrorString(error) +
                             ")");
  }
}

// Makes `device` current for a scope.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device) {
    check(cudaGetDevice(&before_), "cudaGetDevice");
    if (before_ != device) {
      check(cudaSetDevice(device), "cudaSetDevice");
      changed_ = true;
    }
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;
  ~DeviceGuard() {
    if (changed_) {
      (void)cudaSetDevice(before_);
    }
  }

 private:
  int before_ = 0;
  bool changed_ = false;
};

}  // namespace tokops::cuda

// Behind every launch: a bad configuration or an earlier failure becomes a RuntimeError that names the kernel.
#define TOKOPS_CUDA_LAUNCHED(kernel) ::tokops::cuda::check(cudaGetLastError(), #kernel)
