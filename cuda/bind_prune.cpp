// SPDX-License-Identifier: Apache-2.0
// prune operators on a backend: read the arguments as cpp/bind/bind_prune.cpp does, divide the workspace, run. What
// the CPU operator finds in the data (offsets, anchors, budgets, NaN) is found by the kernels, segment by segment.
#include "cuda/bind_backend.h"

namespace tokops::cuda {
namespace {

namespace py = pybind11;
using Text = const std::string&;

constexpr int64_t kMaxRows = INT32_MAX;

RowTable row_table(const TensorView& view) {
  if (!view.present()) {
    return {nullptr, 0, 0, 0, 0};
  }
  return {view.data, view.strides[0], view.strides[1], view.shape[1], view.shape[0] * view.shape[1]};
}

struct MaxminInputs {
  py::handle x, cu_seqlens, budgets, anchors, anchor_features, anchor_cu_seqlens, weights, init_rows;
};

class Maxmin {
 public:
  Maxmin(const Backend& backend, const MaxminInputs& in, int64_t k, int64_t width, int64_t segments, Text metric,
         Text init, double min_distance, Text precision, Text order)
      : backend_(backend), read_("prune.maxmin_select", backend.device_type) {
    const TensorView x = read_.input(in.x, "x", kFloats, "b? n d", Strides::kRows);
    const TensorView offsets = read_.optional(in.cu_seqlens, "cu_seqlens", kInt64, "offsets");
    const TensorView budgets = read_.optional(in.budgets, "budgets", kInt64, "segments");
    const TensorView anchors = read_.optional(in.anchors, "anchors", kInt64, "anchors");
    const TensorView outside =
        read_.optional(in.anchor_features, "anchor_features", DTypeSet{x.dtype}, "b? a d", Strides::kRows);
    const TensorView outside_offsets =
        read_.optional(in.anchor_cu_seqlens, "anchor_cu_seqlens", kInt64, "anchor_offsets");
    const TensorView weights = read_.optional(in.weights, "weights", DTypeSet{DType::kFloat32}, "b? n");
    const TensorView first_rows = read_.optional(in.init_rows, "init_rows", kInt64, "segments");
    read_.bind("width", width);
    read_.bind("segments", segments);
    const int64_t items = offsets.present() ? offsets.shape[0] - 1 : x.shape[0];
    if (items != segments || (offsets.present() && x.shape[0] != 1)) {
      throw read_.value_error(
          "argument 'cu_seqlens' must have one entry more than there are segments, and no batch axis");
    }
    if (outside.present() && (!outside_offsets.present() || outside_offsets.shape[0] != segments + 1)) {
      throw read_.value_error("argument 'anchor_cu_seqlens' must have %lld entries",
                              static_cast<long long>(segments + 1));
    }
    if (x.shape[2] == 0 && x.shape[1] > 0) {
      throw read_.value_error("argument 'x' must have at least one column");
    }
    if (order != "index" && order != "pick") {
      throw read_.value_error("argument 'order' must be index or pick, got '%s'", order.c_str());
    }
    device_ = x.device_id;
    task_.x = row_table(x);
    task_.outside = row_table(outside);
    task_.offsets = offsets.as<const int64_t>();
    task_.budgets = budgets.as<const int64_t>();
    task_.anchors = anchors.as<const int64_t>();
    task_.outside_offsets = outside.present() ? outside_offsets.as<const int64_t>() : nullptr;
    task_.first_rows = first_rows.as<const int64_t>();
    task_.weights = weights.as<const float>();
    task_.anchor_count = anchors.present() ? anchors.shape[0] : 0;
    task_.d = x.shape[2];
    task_.k = k;
    task_.width = width;
    task_.segments = segments;
    task_.min_distance = min_distance;
    task_.type = x.dtype;
    task_.metric = metric_of(metric, precision);
    task_.first = first_of(init);
    task_.pick_order = order == "pick";
    task_.batch = !offsets.present();
    if (!budgets.present() && !offsets.present() && (k < 0 || k > task_.x.per_item)) {
      throw read_.value_error("argument 'k' must be in [0, %lld] for segment 0, got %lld",
                              static_cast<long long>(task_.x.per_item), static_cast<long long>(k));
    }
    parts_ = maxmin_workspace(task_.x.count, task_.outside.count, segments, task_.d, task_.first == First::kMedoid,
                              task_.metric == Metric::kRounded);
    if (task_.x.count > kMaxRows || task_.outside.count > kMaxRows || total_blocks(segments, task_.d) > kMaxGrid ||
        segments > kMaxGrid || parts_.bytes == kTooLarge) {
      throw read_.value_error("argument 'x' has too many rows: %lld", static_cast<long long>(task_.x.count));
    }
  }

  [[nodiscard]] int64_t workspace_bytes() const { return parts_.bytes; }

  void run(py::handle indices_obj, py::handle gaps_obj, py::handle counts_obj, py::handle workspace_obj) {
    task_.indices = read_.output(indices_obj, "indices", kInt64, "b? width").as<int64_t>();
    task_.gaps = read_.output(gaps_obj, "gaps", DTypeSet{DType::kFloat32}, "b? width").as<float>();
    task_.counts = read_.output(counts_obj, "counts", kInt64, "segments").as<int64_t>();
    const Workspace workspace(read_, workspace_obj, parts_.bytes);
    task_.square = workspace.at<double>(parts_.square);
    task_.outside_square = workspace.at<double>(parts_.outside_square);
    task_.nearest = workspace.at<double>(parts_.nearest);
    task_.gap = workspace.at<float>(parts_.gap);
    task_.picks = workspace.at<int32_t>(parts_.picks);
    task_.total = workspace.at<double>(parts_.total);
    task_.unit = workspace.at<uint16_t>(parts_.unit);
    task_.outside_unit = workspace.at<uint16_t>(parts_.outside_unit);
    void* const stream = read_.stream();
    read_.run(kWithoutGil, [&] { backend_.maxmin(task_, device_, stream); });
  }

 private:
  [[nodiscard]] Metric metric_of(Text metric, Text precision) const {
    if ((metric != "cosine" && metric != "euclidean") || (precision != "float32" && precision != "input") ||
        (metric == "euclidean" && precision == "input")) {
      throw read_.value_error("argument 'metric' must be cosine or euclidean (with precision float32)");
    }
    if (metric == "euclidean") {
      return Metric::kEuclidean;
    }
    return precision == "input" && task_.type != DType::kFloat32 ? Metric::kRounded : Metric::kCosine;
  }

  [[nodiscard]] First first_of(Text init) const {
    if (init != "isolated" && init != "farthest_pair" && init != "medoid") {
      throw read_.value_error("argument 'init' must be isolated, farthest_pair or medoid, got '%s'", init.c_str());
    }
    return init == "isolated" ? First::kIsolated : init == "medoid" ? First::kMedoid : First::kFarthestPair;
  }

  const Backend& backend_;
  Reader read_;
  int device_ = 0;
  MaxminTask task_{};
  MaxminWorkspace parts_{};
};

}  // namespace

void register_prune(py::module_& m, const std::string& prefix, const Backend& backend) {
  const Backend* const to = &backend;
  using py::arg;
  using py::handle;
  const auto define = [&](const char* name, auto function, auto... results) {
    m.def((prefix + name).c_str(), function, arg("x"), arg("cu_seqlens").none(true), arg("budgets").none(true),
          arg("anchors").none(true), arg("anchor_features").none(true), arg("anchor_cu_seqlens").none(true),
          arg("weights").none(true), arg("init_rows").none(true), arg("k"), arg("width"), arg("segments"),
          arg("metric"), arg("init"), arg("min_distance"), arg("precision"), arg("order"), results...);
  };
  define(
      "prune_maxmin",
      [to](handle x, handle cu_seqlens, handle budgets, handle anchors, handle anchor_features,
           handle anchor_cu_seqlens, handle weights, handle init_rows, int64_t k, int64_t width, int64_t segments,
           Text metric, Text init, double min_distance, Text precision, Text order, handle indices, handle gaps,
           handle counts, handle workspace) {
        const MaxminInputs in{x, cu_seqlens, budgets, anchors, anchor_features, anchor_cu_seqlens, weights, init_rows};
        Maxmin(*to, in, k, width, segments, metric, init, min_distance, precision, order)
            .run(indices, gaps, counts, workspace);
      },
      arg("indices"), arg("gaps"), arg("counts"), arg("workspace"));
  define("prune_maxmin_workspace_bytes", [to](handle x, handle cu_seqlens, handle budgets, handle anchors,
                                              handle anchor_features, handle anchor_cu_seqlens, handle weights,
                                              handle init_rows, int64_t k, int64_t width, int64_t segments, Text metric,
                                              Text init, double min_distance, Text precision, Text order) {
    const MaxminInputs in{x, cu_seqlens, budgets, anchors, anchor_features, anchor_cu_seqlens, weights, init_rows};
    return Maxmin(*to, in, k, width, segments, metric, init, min_distance, precision, order).workspace_bytes();
  });
}

}  // namespace tokops::cuda
