// SPDX-License-Identifier: Apache-2.0
// kv operators on a backend: read the arguments as cpp/bind/bind_kv.cpp does, divide the workspace, run.
#include <vector>

#include "cuda/bind_backend.h"

namespace tokops::cuda {
namespace {

namespace py = pybind11;

constexpr DTypeSet kScores{DType::kFloat32, DType::kFloat16, DType::kBFloat16,
                           DType::kUInt16,  DType::kFloat64, DType::kInt32};

class Topk {
 public:
  Topk(const Backend& backend, py::handle x_obj, py::handle starts_obj, py::handle lens_obj, int64_t k, bool largest,
       const std::string& order, const std::string& nan)
      : backend_(backend), read_("kv.topk", backend.device_type), refuse_nan_(nan == "raise") {
    const TensorView x = read_.input(x_obj, "x", kScores, "rows? n", Strides::kRows);
    const TensorView starts = read_.optional(starts_obj, "starts", kInt32, "rows?");
    const TensorView lens = read_.optional(lens_obj, "lens", kInt32, "rows?");
    const int64_t n = x.shape[1];
    if (n > INT32_MAX) {
      throw read_.value_error("argument 'x' must have less than 2^31 columns, got %lld", static_cast<long long>(n));
    }
    if (k < 0 || (k > n && !lens.present())) {
      throw read_.value_error("argument 'k' must be in [0, %lld], got %lld", static_cast<long long>(n),
                              static_cast<long long>(k));
    }
    read_.bind("k", k);
    device_ = x.device_id;
    task_ = {.x = x.data,
             .starts = starts.as<const int32_t>(),
             .lens = lens.as<const int32_t>(),
             .ids = nullptr,
             .values = nullptr,
             .report = nullptr,
             .pair_keys = nullptr,
             .pair_ids = nullptr,
             .rows = x.shape[0],
             .n = n,
             .k = k,
             .row_stride = x.strides[0],
             .type = x.dtype,
             .largest = largest,
             .by_value = order == "value"};
    parts_ = topk_workspace(task_.rows, k, task_.type == DType::kFloat64 ? 8 : 4, task_.by_value, refuse_nan_);
    if (task_.rows > kMaxGrid || parts_.bytes == kTooLarge) {
      throw read_.value_error("argument 'x' has too many rows: %lld", static_cast<long long>(task_.rows));
    }
  }

  [[nodiscard]] int64_t workspace_bytes() const { return parts_.bytes; }

  void run(py::handle ids_obj, const py::handle* values_obj, py::handle workspace_obj) {
    task_.ids = read_.output(ids_obj, "ids", kInt32, "rows? k").as<int32_t>();
    if (values_obj != nullptr) {
      const DType type = task_.type == DType::kUInt16 ? DType::kFloat32 : task_.type;
      task_.values = read_.output(*values_obj, "values", DTypeSet{type}, "rows? k").data;
    }
    const Workspace workspace(read_, workspace_obj, parts_.bytes);
    if (task_.by_value) {
      task_.pair_keys = workspace.at<void>(parts_.keys);
      task_.pair_ids = workspace.at<int32_t>(parts_.ids);
    }
    void* const stream = read_.stream();
    if (refuse_nan_) {
      if (backend_.capturing(device_, stream)) {
        throw read_.value_error(
            "argument 'nan' must be 'last' while a graph is captured: 'raise' waits for the device");
      }
      task_.report = workspace.at<int64_t>(parts_.report);
    }
    if (task_.rows == 0 || (task_.k == 0 && !refuse_nan_)) {
      return;
    }
    std::vector<int64_t> report(refuse_nan_ ? static_cast<std::size_t>(task_.rows) : 0);
    read_.run(kWithoutGil, [&] {
      backend_.topk(task_, device_, stream);
      if (refuse_nan_) {
        backend_.fetch(report.data(), task_.report, report.size() * sizeof(int64_t), device_, stream);
      }
    });
    raise_reported(report);
  }

 private:
  void raise_reported(const std::vector<int64_t>& report) const {
    for (std::size_t row = 0; row < report.size(); ++row) {
      if (report[row] == kReportBadRange) {
        throw read_.value_error("row %zu has columns outside of [0, %lld)", row, static_cast<long long>(task_.n));
      }
    }
    for (std::size_t row = 0; row < report.size(); ++row) {
      if (report[row] != kReportClean) {
        throw read_.value_error("argument 'x' has NaN at row %zu, column %lld", row,
                                static_cast<long long>(report[row]));
      }
    }
  }

  const Backend& backend_;
  Reader read_;
  bool refuse_nan_;
  int device_ = 0;
  TopkTask task_{};
  TopkWorkspace parts_{};
};

}  // namespace

void register_kv(py::module_& m, const std::string& prefix, const Backend& backend) {
  const Backend* const to = &backend;
  const auto define = [&](const char* name, auto function, auto... arguments) {
    m.def((prefix + name).c_str(), function, arguments...);
  };
  using py::arg;
  using Text = const std::string&;
  const auto topk_bytes = [to](py::handle x, py::handle starts, py::handle lens, int64_t k, bool largest, Text order,
                               Text nan) {
    return Topk(*to, x, starts, lens, k, largest, order, nan).workspace_bytes();
  };
  define(
      "kv_topk",
      [to](py::handle x, py::handle starts, py::handle lens, int64_t k, bool largest, Text order, Text nan,
           py::handle ids,
           py::handle workspace) { Topk(*to, x, starts, lens, k, largest, order, nan).run(ids, nullptr, workspace); },
      arg("x"), arg("starts"), arg("lens"), arg("k"), arg("largest"), arg("order"), arg("nan"), arg("ids"),
      arg("workspace"));
  define(
      "kv_topk_values",
      [to](py::handle x, py::handle starts, py::handle lens, int64_t k, bool largest, Text order, Text nan,
           py::handle ids, py::handle values,
           py::handle workspace) { Topk(*to, x, starts, lens, k, largest, order, nan).run(ids, &values, workspace); },
      arg("x"), arg("starts"), arg("lens"), arg("k"), arg("largest"), arg("order"), arg("nan"), arg("ids"),
      arg("values"), arg("workspace"));
  for (const char* name : {"kv_topk_workspace_bytes", "kv_topk_values_workspace_bytes"}) {
    define(name, topk_bytes, arg("x"), arg("starts"), arg("lens"), arg("k"), arg("largest"), arg("order"), arg("nan"));
  }
}

}  // namespace tokops::cuda
