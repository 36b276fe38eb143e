// SPDX-License-Identifier: Apache-2.0
// The two parts of the kv bindings; bind_kv.cpp registers both.
#pragma once

#include <pybind11/pybind11.h>

namespace tokops {

void register_kv_attention(pybind11::module_& m);

}  // namespace tokops
