// SPDX-License-Identifier: Apache-2.0
// Bindings of the prune family.
#include "bind/bind_core.h"

namespace tokops {

void register_prune(pybind11::module_& /*m*/) {}

}  // namespace tokops
