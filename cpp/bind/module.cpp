// SPDX-License-Identifier: Apache-2.0
// tokops._cpu: a list of categories, nothing else.
#include "bind/bind_core.h"

PYBIND11_MODULE(_cpu, m, pybind11::mod_gil_not_used()) {
  m.doc() = "Native CPU operators of tokops. Private: call the public functions instead.";
  tokops::register_core(m);
  tokops::register_bpe(m);
  tokops::register_constrain(m);
  tokops::register_kv(m);
  tokops::register_prune(m);
  tokops::register_simulated(m);
}
