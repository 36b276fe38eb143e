// SPDX-License-Identifier: Apache-2.0
// The categories of bindings; module.cpp calls each once.
#pragma once

#include <pybind11/pybind11.h>

namespace tokops {

void register_core(pybind11::module_& m);
void register_bpe(pybind11::module_& m);
void register_constrain(pybind11::module_& m);
void register_kv(pybind11::module_& m);
void register_prune(pybind11::module_& m);
void register_simulated(pybind11::module_& m);

}  // namespace tokops
