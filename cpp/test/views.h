// SPDX-License-Identifier: Apache-2.0
// Contiguous views of vectors, as the bindings would hand them to family code.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "tokops/dtype.h"
#include "tokops/span.h"

namespace tokops::test {

template <class T>
TensorView view(std::vector<T>& data, DType dtype, std::initializer_list<int64_t> shape) {
  TensorView made;
  made.data = data.data();
  made.dtype = dtype;
  made.rank = static_cast<int>(shape.size());
  int64_t stride = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    made.shape[axis] = shape.begin()[axis];
    made.strides[axis] = stride;
    stride *= shape.begin()[axis];
  }
  made.writable = true;
  return made;
}

}  // namespace tokops::test
