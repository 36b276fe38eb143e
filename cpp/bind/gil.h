// SPDX-License-Identifier: Apache-2.0
// ReleaseGil: gives the GIL up for a scope. Unlike pybind11::gil_scoped_release its destructor may be left by the
// forced unwinding with which Python 3.13 and older end a daemon thread at interpreter exit; a noexcept destructor
// would turn that into std::terminate.
#pragma once

#include <Python.h>

namespace tokops {

class ReleaseGil {
 public:
  ReleaseGil() : state_(PyEval_SaveThread()) {}
  ReleaseGil(const ReleaseGil&) = delete;
  ReleaseGil& operator=(const ReleaseGil&) = delete;
  ~ReleaseGil() noexcept(false) { PyEval_RestoreThread(state_); }

 private:
  PyThreadState* state_;
};

}  // namespace tokops
