// SPDX-License-Identifier: Apache-2.0
// kv.topk and the list of kv operators: read the arguments, call the family, turn a Status into the Python error.
#include <string>

#include "bind/bind_core.h"
#include "bind/bind_kv.h"
#include "bind/tensor_arg.h"
#include "kv/topk.h"

namespace tokops {
namespace {

namespace py = pybind11;

constexpr DTypeSet kScores{DType::kFloat32, DType::kFloat16, DType::kBFloat16,
                           DType::kUInt16,  DType::kFloat64, DType::kInt32};

void topk(py::handle x_obj, py::handle starts_obj, py::handle lens_obj, int64_t k, bool largest,
          const std::string& order, const std::string& nan, py::handle ids_obj, const py::handle* values_obj) {
  Reader read("kv.topk");
  kv::TopkArguments a{.x = read.input(x_obj, "x", kScores, "rows? n", Strides::kRows),
                      .starts = read.optional(starts_obj, "starts", kInt32, "rows?"),
                      .lens = read.optional(lens_obj, "lens", kInt32, "rows?"),
                      .k = k,
                      .largest = largest,
                      .by_value = order == "value",
                      .refuse_nan = nan == "raise",
                      .ids = {},
                      .values = {}};
  const int64_t n = a.x.shape[1];
  if (n > INT32_MAX) {
    throw read.value_error("argument 'x' must have less than 2^31 columns, got %lld", static_cast<long long>(n));
  }
  if (k < 0 || (k > n && !a.lens.present())) {
    throw read.value_error("argument 'k' must be in [0, %lld], got %lld", static_cast<long long>(n),
                           static_cast<long long>(k));
  }
  if (order != "index" && order != "value") {
    throw read.value_error("argument 'order' must be one of index, value, got '%s'", order.c_str());
  }
  if (nan != "last" && nan != "raise") {
    throw read.value_error("argument 'nan' must be one of last, raise, got '%s'", nan.c_str());
  }
  read.bind("k", k);
  a.ids = read.output(ids_obj, "ids", kInt32, "rows? k");
  if (values_obj != nullptr) {
    const DType type = a.x.dtype == DType::kUInt16 ? DType::kFloat32 : a.x.dtype;
    a.values = read.output(*values_obj, "values", DTypeSet{type}, "rows? k");
  }
  const Status status = read.run(a.x.bytes(), [&] { return kv::topk(a); });
  if (status.code == kv::kTopkNan) {
    throw read.value_error("argument 'x' has NaN at row %lld, column %lld", static_cast<long long>(status.row),
                           static_cast<long long>(status.column));
  }
  if (!status.ok()) {
    throw read.value_error("row %lld has columns [%lld, %lld), outside of [0, %lld)",
                           static_cast<long long>(status.row), static_cast<long long>(status.column),
                           static_cast<long long>(status.value), static_cast<long long>(n));
  }
}

}  // namespace

void register_kv(py::module_& m) {
  register_kv_attention(m);
  m.def(
      "kv_topk",
      [](py::handle x, py::handle starts, py::handle lens, int64_t k, bool largest, const std::string& order,
         const std::string& nan, py::handle ids) { topk(x, starts, lens, k, largest, order, nan, ids, nullptr); },
      py::arg("x"), py::arg("starts"), py::arg("lens"), py::arg("k"), py::arg("largest"), py::arg("order"),
      py::arg("nan"), py::arg("ids"));
  m.def(
      "kv_topk_values",
      [](py::handle x, py::handle starts, py::handle lens, int64_t k, bool largest, const std::string& order,
         const std::string& nan, py::handle ids,
         py::handle values) { topk(x, starts, lens, k, largest, order, nan, ids, &values); },
      py::arg("x"), py::arg("starts"), py::arg("lens"), py::arg("k"), py::arg("largest"), py::arg("order"),
      py::arg("nan"), py::arg("ids"), py::arg("values"));
}

}  // namespace tokops
