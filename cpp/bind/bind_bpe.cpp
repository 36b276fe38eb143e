// SPDX-License-Identifier: Apache-2.0
// Bindings of the bpe family.
#include "bind/bind_core.h"

namespace tokops {

void register_bpe(pybind11::module_& /*m*/) {}

}  // namespace tokops
