// SPDX-License-Identifier: Apache-2.0
// tokops._cuda: the operators on the CUDA runtime. The runtime is linked statically and asks for the driver at the
// first call that needs it, so the module imports on a machine without one.
#include <cuda_runtime_api.h>

#include "cuda/bind_backend.h"
#include "cuda/common.h"

namespace tokops::cuda {
namespace {

namespace py = pybind11;

int device_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    (void)cudaGetLastError();
    return 0;
  }
  return count;
}

py::dict build_info() {
  py::dict info;
  info["cudart"] = CUDART_VERSION;
  info["architectures"] = TOKOPS_CUDA_ARCHITECTURES;
  return info;
}

bool capturing(int device, void* stream) {
  const DeviceGuard guard(device);
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(static_cast<cudaStream_t>(stream), &status), "cudaStreamIsCapturing");
  return status != cudaStreamCaptureStatusNone;
}

void fetch(void* to, const void* from, std::size_t bytes, int device, void* stream) {
  const DeviceGuard guard(device);
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, static_cast<cudaStream_t>(stream)), "cudaMemcpyAsync");
  check(cudaStreamSynchronize(static_cast<cudaStream_t>(stream)), "cudaStreamSynchronize");
}

constexpr Backend kBackend{
    .device_type = dlpack::kCuda,
    .topk =
        [](const TopkTask& task, int device, void* stream) {
          const DeviceGuard guard(device);
          launch_topk(task, stream);
        },
    .maxmin =
        [](const MaxminTask& task, int device, void* stream) {
          const DeviceGuard guard(device);
          launch_maxmin(task, stream);
        },
    .capturing = &capturing,
    .fetch = &fetch,
};

}  // namespace
}  // namespace tokops::cuda

PYBIND11_MODULE(_cuda, m, pybind11::mod_gil_not_used()) {
  namespace py = pybind11;
  m.doc() = "CUDA operators of tokops. Private: call the public functions instead.";
  py::register_local_exception<tokops::MissingOutput>(m, "MissingOutput", PyExc_TypeError);
  m.def("device_count", &tokops::cuda::device_count);
  m.def("build_info", &tokops::cuda::build_info);
  tokops::cuda::register_kv(m, "", tokops::cuda::kBackend);
  tokops::cuda::register_prune(m, "", tokops::cuda::kBackend);
}
