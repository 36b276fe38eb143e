// SPDX-License-Identifier: Apache-2.0
// Reads one Python object as a strided view of memory, without copying and without linking any framework.
// Order: the DLPack exchange table of the type (torch) -> buffer protocol (numpy, memoryview) -> __dlpack__.
// A Source keeps what the view needs alive (Py_buffer, capsule, resolved tensor) until it is destroyed.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "tokops/dlpack_abi.h"
#include "tokops/span.h"

namespace tokops {

// What was found out about an object before anything is demanded of it. On failure `problem` tells why the
// object cannot be read ("is a list", "has no storage") and `view` is absent.
class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() { release(); }

  // Never throws for a bad object; a Python error raised on the way stays fetched in `cause`.
  bool read(PyObject* object, bool writable);
  void release() noexcept;

  TensorView view;
  const dlpack::ExchangeApi* exchange = nullptr;  // set when the type publishes one (torch)
  std::string problem;                            // empty = readable
  bool value_problem = false;                     // the problem is a ValueError (stride, alignment, read-only)
  pybind11::object cause;

 private:
  bool read_exchange(PyObject* object, PyObject* is_neg, bool writable);
  bool read_buffer(PyObject* object, bool writable);
  bool read_capsule(PyObject* object, bool writable);
  bool take_dlpack(const dlpack::Tensor& tensor);
  bool fail(std::string text, bool value = false);
  bool fail_with_python_error(const char* text);

  Py_buffer buffer_;
  bool has_buffer_ = false;
  PyObject* kept_ = nullptr;
};

// Name as users write it: "float32", "bfloat16".
[[nodiscard]] const char* dtype_name(DType type) noexcept;

// "float32[3, 4]" for arrays, the type's name for anything else; never raises.
[[nodiscard]] std::string describe(PyObject* object);

}  // namespace tokops
