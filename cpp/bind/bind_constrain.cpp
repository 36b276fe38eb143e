// SPDX-License-Identifier: Apache-2.0
// Bindings of the constrain family.
#include "bind/bind_core.h"

namespace tokops {

void register_constrain(pybind11::module_& /*m*/) {}

}  // namespace tokops
