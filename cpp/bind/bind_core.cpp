// SPDX-License-Identifier: Apache-2.0
// Threads, instruction-set level, random words, build facts, and the entries that only tests call
// (their names start with `_test`).
#include "bind/bind_core.h"

#include <atomic>
#include <stdexcept>
#include <string>

#include "bind/gil.h"
#include "bind/tensor_arg.h"
#include "tokops/cpu_count.h"
#include "tokops/isa.h"
#include "tokops/rng.h"
#include "tokops/thread_pool.h"

namespace tokops {
namespace {

namespace py = pybind11;

py::dict build_info() {
  py::dict info;
  info["compiler"] = TOKOPS_COMPILER;
  info["build_type"] = TOKOPS_BUILD_TYPE;
  info["sanitizer"] = TOKOPS_SANITIZER;
  info["pybind11"] = std::to_string(PYBIND11_VERSION_MAJOR) + "." + std::to_string(PYBIND11_VERSION_MINOR);
  return info;
}

py::tuple philox_words(uint64_t seed, uint64_t stream, uint64_t counter) {
  const PhiloxBlock block = philox(seed, stream, counter);
  return py::make_tuple(block.word[0], block.word[1], block.word[2], block.word[3]);
}

py::list isa_levels() {
  py::list names;
  for (const Isa level : available_isas()) {
    names.append(std::string(isa_name(level)));
  }
  return names;
}

// out[i] = sum of x over float32[rows?, n]: the reader's traps are tested through it.
void test_sum(py::handle x_obj, py::handle out_obj) {
  Reader read("core.test_sum");
  const TensorView x = read.input(x_obj, "x", kFloats, "rows? n", Strides::kRows);
  const TensorView out = read.output(out_obj, "out", {DType::kFloat32}, "rows?");
  read.run(x.bytes(), [&] {
    for (int64_t row = 0; row < x.shape[0]; ++row) {
      float sum = 0.0f;
      for (int64_t i = 0; i < x.shape[1]; ++i) {
        const int64_t at = row * x.strides[0] + i;
        sum += x.dtype == DType::kFloat32    ? x.as<const float>()[at]
               : x.dtype == DType::kBFloat16 ? float_from_bf16(x.as<const uint16_t>()[at])
                                             : float_from_f16(x.as<const uint16_t>()[at]);
      }
      out.as<float>()[row] = sum;
    }
  });
}

// Reads three arrays and does nothing: the price of one call.
void test_touch(py::handle a_obj, py::handle b_obj, py::handle out_obj) {
  Reader read("core.test_touch");
  const TensorView a = read.input(a_obj, "a", kAnyDType, "n d", Strides::kAny);
  (void)read.input(b_obj, "b", kAnyDType, "n d", Strides::kAny);
  (void)read.output(out_obj, "out", kAnyDType, "n d");
  read.run(0, [&] { return a.rank; });
}

// Takes three objects and does nothing: what test_touch costs above this is the reader's price.
void test_nothing(py::handle /*a*/, py::handle /*b*/, py::handle /*out*/) {}

// The sum of 0 .. n - 1 through parallel_for, nested once when asked; throws in the block that holds `throw_at`.
int64_t test_parallel_sum(int64_t n, int64_t grain, bool nested, int64_t throw_at) {
  std::atomic<int64_t> sum{0};
  const ReleaseGil release;
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    if (throw_at >= begin && throw_at < end) {
      throw std::invalid_argument("core.test_parallel_sum: argument 'throw_at' was reached");
    }
    const auto add = [&](int64_t from, int64_t to) {
      int64_t part = 0;
      for (int64_t i = from; i < to; ++i) {
        part += i;
      }
      sum += part;
    };
    if (nested) {
      parallel_for(end - begin, 3, [&](int64_t from, int64_t to) { add(begin + from, begin + to); });
    } else {
      add(begin, end);
    }
  });
  return sum.load();
}

}  // namespace

void register_core(py::module_& m) {
  py::register_local_exception<MissingOutput>(m, "MissingOutput", PyExc_TypeError);
  m.def("num_threads", &num_threads);
  m.def("set_num_threads", &set_num_threads, py::arg("count"));
  m.def("isa", [] { return std::string(isa_name(active_isa())); });
  m.def("isa_levels", &isa_levels);
  m.def("set_isa", [](const std::string& level) { set_active_isa(level); }, py::arg("level"));
  m.def("build_info", &build_info);
  m.def("philox", &philox_words, py::arg("seed"), py::arg("stream"), py::arg("counter"));
  m.def("cpus_from_quota", [](const std::string& cpu_max) { return cpus_from_quota(cpu_max); }, py::arg("cpu_max"));
  m.def("_test_sum", &test_sum, py::arg("x"), py::arg("out"));
  m.def("_test_touch", &test_touch, py::arg("a"), py::arg("b"), py::arg("out"));
  m.def("_test_shared_jobs", &shared_jobs);
  m.def("_test_nothing", &test_nothing, py::arg("a"), py::arg("b"), py::arg("out"));
  m.def("_test_parallel_sum", &test_parallel_sum, py::arg("n"), py::arg("grain"), py::arg("nested"),
        py::arg("throw_at") = -1);
  py::module_::import("atexit").attr("register")(py::cpp_function(&stop_workers));
}

}  // namespace tokops
