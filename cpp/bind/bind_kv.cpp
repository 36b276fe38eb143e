// SPDX-License-Identifier: Apache-2.0
// Bindings of the kv family.
#include "bind/bind_core.h"

namespace tokops {

void register_kv(pybind11::module_& /*m*/) {}

}  // namespace tokops
