// SPDX-License-Identifier: Apache-2.0
// kv.select, kv.sparse_attention, kv.decode_attention: read the arguments, call the family, name what was wrong.
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "bind/bind_kv.h"
#include "bind/tensor_arg.h"
#include "kv/attention.h"
#include "kv/select.h"

namespace tokops {
namespace {

namespace py = pybind11;

using Number = long long;

// q [B, Hq, D] and keys [B, Hkv, n, D] with what every operator demands of them.
void check_heads(const Reader& read, const TensorView& q, const TensorView& keys) {
  const Number heads = q.shape[1];
  const Number kv_heads = keys.shape[1];
  if (q.shape[2] == 0) {
    throw read.value_error("argument 'q' must have a width D of at least 1, got 0");
  }
  if (kv_heads == 0 || heads % kv_heads != 0) {
    throw read.value_error("argument 'q' must have a multiple of the %lld heads of 'keys', got %lld heads", kv_heads,
                           heads);
  }
  if (keys.shape[2] > INT32_MAX) {
    throw read.value_error("argument 'keys' must have less than 2^31 tokens, got %lld",
                           static_cast<Number>(keys.shape[2]));
  }
}

float scale_of(std::optional<double> scale, const TensorView& q) {
  return static_cast<float>(scale ? *scale : std::pow(static_cast<double>(q.shape[2]), -0.5));
}

int64_t work_of(const TensorView& q, const TensorView& keys) { return q.bytes() + keys.bytes(); }

[[noreturn]] void raise_range(const Reader& read, const Status& status, int64_t n) {
  throw read.value_error("row %lld has tokens [%lld, %lld), outside of [0, %lld)", static_cast<Number>(status.row),
                         static_cast<Number>(status.column), static_cast<Number>(status.value), static_cast<Number>(n));
}

void select(py::handle q_obj, py::handle keys_obj, py::handle starts_obj, py::handle lens_obj, int64_t k,
            int64_t n_sink, int64_t n_local, const std::string& per, std::optional<double> scale,
            const std::string& nan, py::handle indices_obj, py::handle counts_obj, py::handle mass_obj,
            py::handle lse_obj, py::handle kth_obj, py::handle slack_obj, py::handle status_obj) {
  Reader read("kv.select");
  kv::SelectArguments a{};
  a.q = read.input(q_obj, "q", kBits16, "B Hq D", Strides::kRows);
  a.keys = read.input(keys_obj, "keys", kBits16, "B Hkv n D", Strides::kRows);
  a.starts = read.optional(starts_obj, "starts", kInt32, "B");
  a.lens = read.optional(lens_obj, "lens", kInt32, "B");
  check_heads(read, a.q, a.keys);
  const int64_t n = a.keys.shape[2];
  a.k = k;
  a.n_sink = n_sink;
  a.n_local = n_local;
  a.scale = scale_of(scale, a.q);
  a.refuse_unusable = nan == "raise";
  read.bind("g", per == "all" ? 1 : per == "kv_group" ? a.keys.shape[1] : a.q.shape[1]);
  read.bind("m", std::min(n, n_sink + k + n_local));
  a.indices = read.output(indices_obj, "indices", kInt32, "B g m");
  a.counts = read.output(counts_obj, "counts", kInt32, "B g");
  a.mass = read.output(mass_obj, "mass", {DType::kFloat32}, "B Hq");
  a.lse = read.output(lse_obj, "lse", {DType::kFloat32}, "B Hq");
  a.kth = read.output(kth_obj, "kth", {DType::kFloat32}, "B g");
  a.vote_slack = read.output(slack_obj, "vote_slack", {DType::kFloat32}, "B");
  a.status = read.output(status_obj, "status", kInt32, "B");
  const Status status = read.run(work_of(a.q, a.keys), [&] { return kv::select(a); });
  if (status.code == kv::kSelectBadRange) {
    raise_range(read, status, n);
  }
  if (!status.ok()) {
    throw read.value_error("the logit of row %lld, head %lld, position %lld is NaN or +inf",
                           static_cast<Number>(status.row), static_cast<Number>(status.column),
                           static_cast<Number>(status.value));
  }
}

// What sparse and dense attention read alike.
kv::AttentionArguments read_inputs(Reader& read, py::handle q, py::handle keys, py::handle values, py::handle sinks) {
  kv::AttentionArguments a{};
  a.q = read.input(q, "q", kBits16, "B Hq D", Strides::kRows);
  a.keys = read.input(keys, "keys", kBits16, "B Hkv n D", Strides::kRows);
  a.values = read.input(values, "values", DTypeSet{a.keys.dtype}, "B Hkv n Dv", Strides::kRows);
  a.sink_logits = read.optional(sinks, "sink_logits", {DType::kFloat32}, "Hq");
  check_heads(read, a.q, a.keys);
  if (a.values.shape[3] == 0) {
    throw read.value_error("argument 'values' must have a width Dv of at least 1, got 0");
  }
  return a;
}

void run_attention(Reader& read, kv::AttentionArguments& a, std::optional<double> scale, std::optional<double> softcap,
                   py::handle out_obj, py::handle lse_obj) {
  a.scale = scale_of(scale, a.q);
  a.softcap = static_cast<float>(softcap.value_or(0.0));
  const DType type = a.q.dtype == DType::kUInt16 ? DType::kFloat32 : a.q.dtype;
  a.out = read.output(out_obj, "out", DTypeSet{type}, "B Hq Dv");
  a.lse = read.output(lse_obj, "lse", {DType::kFloat32}, "B Hq");
  const Status status = read.run(work_of(a.q, a.keys), [&] { return kv::attend(a); });
  const auto row = static_cast<Number>(status.row);
  const auto list = static_cast<Number>(status.column);
  const auto value = static_cast<Number>(status.value);
  const auto n = static_cast<Number>(a.keys.shape[2]);
  switch (status.code) {
    case kv::kAttentionOk: return;
    case kv::kAttentionBadRange: raise_range(read, status, n);
    case kv::kAttentionBadCount:
      throw read.value_error("argument 'counts' must be in [0, %lld], got %lld at row %lld, list %lld",
                             static_cast<Number>(a.indices.shape[2]), value, row, list);
    case kv::kAttentionBadId:
      throw read.value_error("argument 'indices' must be in [-1, %lld), got %lld at row %lld, list %lld", n, value, row,
                             list);
    default:
      throw read.value_error("argument 'indices' has id %lld more than once at row %lld, list %lld", value, row, list);
  }
}

void sparse_attention(py::handle q, py::handle keys, py::handle values, py::handle indices, py::handle counts,
                      py::handle sinks, std::optional<double> scale, std::optional<double> softcap, py::handle out,
                      py::handle lse) {
  Reader read("kv.sparse_attention");
  kv::AttentionArguments a = read_inputs(read, q, keys, values, sinks);
  a.indices = read.input(indices, "indices", kInt32, "B g m");
  a.counts = read.optional(counts, "counts", kInt32, "B g");
  const int64_t lists = a.indices.shape[1];
  if (lists != 1 && lists != a.keys.shape[1] && lists != a.q.shape[1]) {
    throw read.value_error("argument 'indices' must have 1, Hkv = %lld or Hq = %lld lists, got %lld",
                           static_cast<Number>(a.keys.shape[1]), static_cast<Number>(a.q.shape[1]),
                           static_cast<Number>(lists));
  }
  run_attention(read, a, scale, softcap, out, lse);
}

void decode_attention(py::handle q, py::handle keys, py::handle values, py::handle starts, py::handle lens,
                      py::handle sinks, std::optional<double> scale, std::optional<double> softcap, py::handle out,
                      py::handle lse) {
  Reader read("kv.decode_attention");
  kv::AttentionArguments a = read_inputs(read, q, keys, values, sinks);
  a.starts = read.optional(starts, "starts", kInt32, "B");
  a.lens = read.optional(lens, "lens", kInt32, "B");
  run_attention(read, a, scale, softcap, out, lse);
}

}  // namespace

void register_kv_attention(py::module_& m) {
  m.def("kv_select", &select, py::arg("q"), py::arg("keys"), py::arg("starts"), py::arg("lens"), py::arg("k"),
        py::arg("n_sink"), py::arg("n_local"), py::arg("per"), py::arg("scale"), py::arg("nan"), py::arg("indices"),
        py::arg("counts"), py::arg("mass"), py::arg("lse"), py::arg("kth"), py::arg("vote_slack"), py::arg("status"));
  m.def("kv_sparse_attention", &sparse_attention, py::arg("q"), py::arg("keys"), py::arg("values"), py::arg("indices"),
        py::arg("counts"), py::arg("sink_logits"), py::arg("scale"), py::arg("softcap"), py::arg("out"),
        py::arg("lse"));
  m.def("kv_decode_attention", &decode_attention, py::arg("q"), py::arg("keys"), py::arg("values"), py::arg("starts"),
        py::arg("lens"), py::arg("sink_logits"), py::arg("scale"), py::arg("softcap"), py::arg("out"), py::arg("lse"));
}

}  // namespace tokops
