// SPDX-License-Identifier: Apache-2.0
// Bindings of the prune family.
#include <pybind11/pybind11.h>

#include <string>

#include "bind/bind_core.h"
#include "bind/tensor_arg.h"
#include "prune/compact.h"
#include "prune/maxmin.h"

namespace tokops {
namespace {

namespace py = pybind11;
using prune::MaxminOptions;
using prune::MaxminTensors;

// The closed sets of strings are checked by the Python function; a stranger through the custom op gets an error.
prune::Metric metric_of(const Reader& read, const std::string& metric, const std::string& precision) {
  if ((metric != "cosine" && metric != "euclidean") || (precision != "float32" && precision != "input") ||
      (metric == "euclidean" && precision == "input")) {
    throw read.value_error("argument 'metric' must be cosine or euclidean (with precision float32)");
  }
  return metric == "euclidean"  ? prune::Metric::kEuclidean
         : precision == "input" ? prune::Metric::kRounded
                                : prune::Metric::kCosine;
}

prune::First first_of(const Reader& read, const std::string& init) {
  if (init == "isolated") {
    return prune::First::kIsolated;
  }
  if (init == "farthest_pair") {
    return prune::First::kFarthestPair;
  }
  if (init == "medoid") {
    return prune::First::kMedoid;
  }
  throw read.value_error("argument 'init' must be isolated, farthest_pair or medoid, got '%s'", init.c_str());
}

py::value_error maxmin_error(const Reader& read, const Status& status) {
  const auto row = static_cast<long long>(status.row);
  const auto column = static_cast<long long>(status.column);
  const auto value = static_cast<long long>(status.value);
  switch (status.code) {
    case prune::kMaxminNonFinite:
      return read.value_error("argument 'x' must be finite, got a NaN or infinity at row %lld, column %lld", row,
                              column);
    case prune::kMaxminOutsideNonFinite:
      return read.value_error(
          "argument 'anchor_features' must be finite, got a NaN or infinity at row %lld, column %lld", row, column);
    case prune::kMaxminBadWeight:
      return read.value_error("argument 'weights' must be finite and at least 0, got another value at row %lld", row);
    case prune::kMaxminBadOffsets:
      return read.value_error("argument 'cu_seqlens' must rise from 0 to n, got %lld behind segment %lld", value, row);
    case prune::kMaxminBadOutsideOffsets:
      return read.value_error(
          "argument 'anchor_cu_seqlens' must rise from 0 to the number of anchor rows, got %lld "
          "behind segment %lld",
          value, row);
    case prune::kMaxminBadAnchor:
      return read.value_error("argument 'anchors' must be ascending rows without repeats, got %lld at position %lld",
                              value, row);
    case prune::kMaxminBadBudget:
      return read.value_error("argument 'k' must be in [0, %lld] for segment %lld, got %lld", column, row, value);
    case prune::kMaxminBadFirst:
      return read.value_error("argument 'init' must be in [0, %lld) for segment %lld, got %lld", column, row, value);
    default: return read.value_error("argument 'width' must be at least %lld", value);
  }
}

void maxmin(py::handle x_obj, py::handle cu_seqlens_obj, py::handle budgets_obj, py::handle anchors_obj,
            py::handle anchor_features_obj, py::handle anchor_cu_seqlens_obj, py::handle weights_obj,
            py::handle init_rows_obj, int64_t k, int64_t width, int64_t segments, const std::string& metric,
            const std::string& init, double min_distance, const std::string& precision, const std::string& order,
            py::handle indices_obj, py::handle gaps_obj, py::handle counts_obj) {
  Reader read("prune.maxmin_select");
  MaxminTensors tensors;
  tensors.x = read.input(x_obj, "x", kFloats, "b? n d", Strides::kRows);
  tensors.offsets = read.optional(cu_seqlens_obj, "cu_seqlens", kInt64, "offsets");
  tensors.budgets = read.optional(budgets_obj, "budgets", kInt64, "segments");
  tensors.anchors = read.optional(anchors_obj, "anchors", kInt64, "anchors");
  tensors.outside = read.optional(anchor_features_obj, "anchor_features", {tensors.x.dtype}, "b? a d", Strides::kRows);
  tensors.outside_offsets = read.optional(anchor_cu_seqlens_obj, "anchor_cu_seqlens", kInt64, "anchor_offsets");
  tensors.weights = read.optional(weights_obj, "weights", {DType::kFloat32}, "b? n");
  tensors.first_rows = read.optional(init_rows_obj, "init_rows", kInt64, "segments");
  read.bind("width", width);
  read.bind("segments", segments);
  const int64_t items = tensors.offsets.present() ? tensors.offsets.shape[0] - 1 : tensors.x.shape[0];
  if (items != segments || (tensors.offsets.present() && tensors.x.shape[0] != 1)) {
    throw read.value_error("argument 'cu_seqlens' must have one entry more than there are segments, and no batch axis");
  }
  if (tensors.outside.present() &&
      (!tensors.outside_offsets.present() || tensors.outside_offsets.shape[0] != segments + 1)) {
    throw read.value_error("argument 'anchor_cu_seqlens' must have %lld entries", static_cast<long long>(segments + 1));
  }
  if (tensors.x.shape[2] == 0 && tensors.x.shape[1] > 0) {
    throw read.value_error("argument 'x' must have at least one column");
  }
  if (order != "index" && order != "pick") {
    throw read.value_error("argument 'order' must be index or pick, got '%s'", order.c_str());
  }
  MaxminOptions options;
  options.k = k;
  options.width = width;
  options.metric = metric_of(read, metric, precision);
  options.first = first_of(read, init);
  options.min_distance = min_distance;
  options.pick_order = order == "pick";
  tensors.indices = read.output(indices_obj, "indices", kInt64, "b? width");
  tensors.gaps = read.output(gaps_obj, "gaps", {DType::kFloat32}, "b? width");
  tensors.counts = read.output(counts_obj, "counts", kInt64, "segments");
  const Status status = read.run(tensors.x.bytes(), [&] { return prune::maxmin(tensors, options); });
  if (!status.ok()) {
    throw maxmin_error(read, status);
  }
}

void compact(py::handle x_obj, py::handle keep_obj, py::handle pad_obj, int64_t width, int64_t min_keep,
             py::handle out_obj, py::handle mask_obj, py::handle index_obj, py::handle lengths_obj) {
  Reader read("prune.compact_tokens");
  const TensorView x = read.input(x_obj, "x", kAnyDType, "b s inner", Strides::kRows);
  const TensorView keep = read.input(keep_obj, "keep", {DType::kBool, DType::kInt64}, "b kept");
  const TensorView pad = read.input(pad_obj, "pad", {x.dtype}, "1");
  if (keep.dtype == DType::kBool && keep.shape[1] != x.shape[1]) {
    throw read.value_error("argument 'keep' must be bool[b, s] with s = %lld, got s = %lld",
                           static_cast<long long>(x.shape[1]), static_cast<long long>(keep.shape[1]));
  }
  read.bind("width", width);
  const TensorView out = read.output(out_obj, "out", {x.dtype}, "b width inner");
  const TensorView mask = read.output(mask_obj, "mask", {DType::kBool}, "b width");
  const TensorView index = read.output(index_obj, "index", kInt64, "b width");
  const TensorView lengths = read.output(lengths_obj, "lengths", kInt64, "b");
  const Status status =
      read.run(out.bytes(), [&] { return prune::compact(x, keep, pad, min_keep, out, mask, index, lengths); });
  if (status.code == prune::kCompactBadPosition) {
    throw read.value_error("argument 'keep' must be in [0, %lld) with -1 as a tail, got %lld at row %lld, column %lld",
                           static_cast<long long>(x.shape[1]), static_cast<long long>(status.value),
                           static_cast<long long>(status.row), static_cast<long long>(status.column));
  }
  if (!status.ok()) {
    throw read.value_error("argument 'capacity' must be at least %lld for row %lld, got %lld",
                           static_cast<long long>(status.value), static_cast<long long>(status.row),
                           static_cast<long long>(width));
  }
}

void compact_ragged(py::handle x_obj, py::handle cu_seqlens_obj, py::handle keep_obj, int64_t width, py::handle out_obj,
                    py::handle offsets_obj, py::handle index_obj) {
  Reader read("prune.compact_tokens_ragged");
  const TensorView x = read.input(x_obj, "x", kAnyDType, "n inner", Strides::kRows);
  const TensorView offsets = read.input(cu_seqlens_obj, "cu_seqlens", {DType::kInt32, DType::kInt64}, "offsets");
  const TensorView keep = read.input(keep_obj, "keep", {DType::kBool, DType::kInt64}, "kept");
  if (keep.dtype == DType::kBool && keep.shape[0] != x.shape[0]) {
    throw read.value_error("argument 'keep' must be bool[n] with n = %lld, got n = %lld",
                           static_cast<long long>(x.shape[0]), static_cast<long long>(keep.shape[0]));
  }
  read.bind("width", width);
  const TensorView out = read.output(out_obj, "out", {x.dtype}, "width inner");
  const TensorView out_offsets = read.output(offsets_obj, "out_cu_seqlens", {offsets.dtype}, "offsets");
  const TensorView index = read.output(index_obj, "index", kInt64, "width");
  const Status status =
      read.run(out.bytes(), [&] { return prune::compact_ragged(x, offsets, keep, out, out_offsets, index); });
  const auto row = static_cast<long long>(status.row);
  const auto value = static_cast<long long>(status.value);
  switch (status.code) {
    case 0: return;
    case prune::kCompactBadPosition:
      throw read.value_error("argument 'keep' must be in [0, %lld), got %lld at position %lld",
                             static_cast<long long>(x.shape[0]), value, row);
    case prune::kCompactNotGrouped:
      throw read.value_error(
          "argument 'keep' must be grouped by sequence, got %lld at position %lld behind a later sequence", value, row);
    case prune::kCompactBadOffsets: throw read.value_error("argument 'cu_seqlens' must rise from 0 to n");
    default: throw read.value_error("argument 'width' must be %lld", value);
  }
}

}  // namespace

void register_prune(py::module_& m) {
  m.def("prune_compact", &compact, py::arg("x"), py::arg("keep"), py::arg("pad"), py::arg("width"), py::arg("min_keep"),
        py::arg("out"), py::arg("mask"), py::arg("index"), py::arg("lengths"));
  m.def("prune_compact_ragged", &compact_ragged, py::arg("x"), py::arg("cu_seqlens"), py::arg("keep"), py::arg("width"),
        py::arg("out"), py::arg("out_cu_seqlens"), py::arg("index"));
  m.def("prune_maxmin", &maxmin, py::arg("x"), py::arg("cu_seqlens").none(true), py::arg("budgets").none(true),
        py::arg("anchors").none(true), py::arg("anchor_features").none(true), py::arg("anchor_cu_seqlens").none(true),
        py::arg("weights").none(true), py::arg("init_rows").none(true), py::arg("k"), py::arg("width"),
        py::arg("segments"), py::arg("metric"), py::arg("init"), py::arg("min_distance"), py::arg("precision"),
        py::arg("order"), py::arg("indices"), py::arg("gaps"), py::arg("counts"));
}

}  // namespace tokops
