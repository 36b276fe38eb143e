// SPDX-License-Identifier: Apache-2.0
// What the two binding files of the bpe family share.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <vector>

namespace tokops {

// Owned results with a buffer: numpy reads them without a copy.
struct IdBuffer {
  std::vector<uint32_t> values;
};
struct OffsetBuffer {
  std::vector<int64_t> values;
};

// Classes of a plain `type`, not of pybind11's metaclass: nothing inherits from them.
inline pybind11::metaclass plain_type() { return pybind11::metaclass(reinterpret_cast<PyObject*>(&PyType_Type)); }

void register_bpe_training(pybind11::module_& m);

}  // namespace tokops
