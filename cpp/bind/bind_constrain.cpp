// SPDX-License-Identifier: Apache-2.0
// Bindings of the constrain family: masses, and the rows that the sampler and the step walk.
#include <cmath>
#include <string>

#include "bind/bind_core.h"
#include "bind/tensor_arg.h"
#include "constrain/order_weight.h"
#include "constrain/rows.h"

namespace tokops {
namespace {

namespace py = pybind11;
using constrain::Outcome;
using constrain::Rows;

constexpr DTypeSet kMaskTypes{DType::kBool, DType::kInt32, DType::kUInt32};
constexpr DTypeSet kBool{DType::kBool};
constexpr DTypeSet kInt8{DType::kInt8};
constexpr DTypeSet kFloat64{DType::kFloat64};
constexpr int64_t kSmall = 1024;  // work of a call that need not release the GIL

TensorView read_logits(Reader& read, py::handle object) {
  const TensorView logits = read.input(object, "logits", kFloats, "b? v", Strides::kRows);
  const int64_t vocab = logits.shape[1];
  if (vocab < 1 || vocab > constrain::kMaxVocab) {
    throw read.value_error("argument 'logits' must have 1 <= v <= %lld, got %lld",
                           static_cast<long long>(constrain::kMaxVocab), static_cast<long long>(vocab));
  }
  return logits;
}

// The logits of the rows, of the shape they were made for.
TensorView read_logits(Reader& read, py::handle object, const Rows& rows) {
  const TensorView logits = read_logits(read, object);
  if (logits.shape[0] != rows.batch() || logits.shape[1] != rows.vocab()) {
    throw read.value_error("argument 'logits' must be [%lld, %lld], got [%lld, %lld]",
                           static_cast<long long>(rows.batch()), static_cast<long long>(rows.vocab()),
                           static_cast<long long>(logits.shape[0]), static_cast<long long>(logits.shape[1]));
  }
  return logits;
}

TensorView read_mask(Reader& read, py::handle object, const char* name, int64_t rows, int64_t vocab) {
  const TensorView mask = read.optional(object, name, kMaskTypes, "mask_rows? m", Strides::kRows);
  if (!mask.present()) {
    return mask;
  }
  const int64_t width = mask.dtype == DType::kBool ? vocab : (vocab + 31) / 32;
  if (mask.shape[0] != rows || mask.shape[1] != width) {
    throw read.value_error("argument '%s' must be [%lld, %lld], got [%lld, %lld]", name, static_cast<long long>(rows),
                           static_cast<long long>(width), static_cast<long long>(mask.shape[0]),
                           static_cast<long long>(mask.shape[1]));
  }
  return mask;
}

py::tuple shape(const std::string& operation, py::handle logits_obj) {
  Reader read(operation.c_str());
  const TensorView logits = read_logits(read, logits_obj);
  return py::make_tuple(logits.shape[0], logits.shape[1]);
}

void masses(py::handle logits_obj, double inverse, py::handle masses_obj) {
  Reader read("constrain.masses");
  const TensorView logits = read_logits(read, logits_obj);
  const TensorView out = read.output(masses_obj, "masses", kInt64, "b? v");
  read.run(logits.bytes(), [&] { constrain::masses(logits, static_cast<float>(inverse), out.as<int64_t>()); });
}

constrain::Estimator estimator_of(const std::string& name) {
  using constrain::Estimator;
  constexpr std::pair<const char*, Estimator> kNames[] = {{"auto", Estimator::kAuto},     {"rawrs", Estimator::kRawrs},
                                                          {"desraj", Estimator::kDesraj}, {"paper", Estimator::kPaper},
                                                          {"gawrs", Estimator::kGawrs},   {"none", Estimator::kNone},
                                                          {"exact", Estimator::kExact}};
  for (const auto& [known, value] : kNames) {
    if (name == known) {
      return value;
    }
  }
  throw py::value_error("constrain: argument 'estimator' is unknown: " + name);
}

py::tuple order_weight(py::handle masses_obj, py::handle accepted_obj, double total, bool unweighted, int64_t extra,
                       double eps, int64_t max_rejects) {
  Reader read("constrain.order_weight");
  const TensorView weights = read.input(masses_obj, "masses", kFloat64, "n");
  const TensorView accepted = read.input(accepted_obj, "accepted", kBool, "n");
  const constrain::OrderOptions options{total, unweighted, extra, eps, max_rejects};
  const constrain::OrderResult found = read.run(weights.bytes(), [&] {
    return constrain::order_weight(weights.as<const double>(), accepted.as<const bool>(), weights.shape[0], options);
  });
  return py::make_tuple(found.position, found.weight, found.checks, static_cast<int>(found.status));
}

// The native side of a Sampler. Its Python wrapper has checked the scalars.
class BoundRows {
 public:
  BoundRows(const std::string& operation, int64_t vocab, uint64_t seed, py::handle streams_obj, double inverse,
            bool greedy, int64_t top_k, double top_p, double min_p)
      : operation_(operation), rows_(make(operation, vocab, seed, streams_obj, inverse, greedy, top_k, top_p, min_p)) {}

  void load(py::handle logits_obj, py::handle steps_obj, py::handle mask_obj, const std::string& mask_name,
            py::handle status_obj) {
    Reader read(operation_.c_str());
    const TensorView logits = read_logits(read, logits_obj, rows_);
    const TensorView steps = read.input(steps_obj, "steps", kInt64, "rows");
    const TensorView mask = read_mask(read, mask_obj, mask_name.c_str(), rows_.batch(), rows_.vocab());
    const TensorView status = read.output(status_obj, "status", kInt8, "rows");
    read.bind("rows", rows_.batch());
    read.run(logits.bytes(), [&] { rows_.load(logits, steps.as<const int64_t>(), mask, status.as<int8_t>()); });
  }

  void totals(py::handle total_obj, py::handle remaining_obj) {
    Reader read(operation_.c_str());
    const TensorView total = read.output(total_obj, "total", kInt64, "rows");
    const TensorView remaining = read.output(remaining_obj, "remaining", kInt64, "rows");
    read.bind("rows", rows_.batch());
    read.run(kSmall, [&] { rows_.totals(total.as<int64_t>(), remaining.as<int64_t>()); });
  }

  void draw(py::handle logits_obj, py::handle rows_obj, py::handle tokens_obj, py::handle masses_obj) {
    Reader read(operation_.c_str());
    const TensorView logits = read_logits(read, logits_obj, rows_);
    const TensorView rows = read.input(rows_obj, "rows", kInt64, "r");
    const TensorView tokens = read.output(tokens_obj, "tokens", kInt64, "r n");
    const TensorView masses = read.output(masses_obj, "masses", kInt64, "r n");
    for (int64_t i = 0; i < rows.shape[0]; ++i) {
      check_row(read, rows.as<const int64_t>()[i]);
    }
    read.run(logits.bytes(), [&] {
      rows_.draw(logits, rows.as<const int64_t>(), rows.shape[0], tokens.shape[1], tokens.as<int64_t>(),
                 masses.as<int64_t>());
    });
  }

  void begin(py::handle logits_obj, const std::string& estimator, int64_t extra, double eps, int64_t max_rejects,
             int64_t max_accepts, int64_t mask_after, bool tail, py::handle mask_cost_obj) {
    Reader read(operation_.c_str());
    const TensorView logits = read_logits(read, logits_obj, rows_);
    const TensorView cost = read.input(mask_cost_obj, "mask_cost", kInt64, "rows");
    read.bind("rows", rows_.batch());
    const constrain::StepOptions options{
        estimator_of(estimator), extra, eps, max_rejects, max_accepts, mask_after, tail};
    read.run(work(), [&] { rows_.begin(logits, options, cost.as<const int64_t>()); });
  }

  int64_t asking(py::handle rows_obj, py::handle tokens_obj) {
    Reader read(operation_.c_str());
    const TensorView rows = read.output(rows_obj, "rows", kInt64, "rows");
    const TensorView tokens = read.output(tokens_obj, "tokens", kInt64, "rows");
    read.bind("rows", rows_.batch());
    return read.run(kSmall, [&] { return rows_.asking(rows.as<int64_t>(), tokens.as<int64_t>()); });
  }

  void answer(py::handle logits_obj, py::handle rows_obj, py::handle valid_obj) {
    Reader read(operation_.c_str());
    const TensorView logits = read_logits(read, logits_obj, rows_);
    const TensorView rows = read.input(rows_obj, "rows", kInt64, "r");
    const TensorView valid = read.input(valid_obj, "valid", kBool, "r");
    const bool fine = read.run(
        work(), [&] { return rows_.answer(logits, rows.as<const int64_t>(), rows.shape[0], valid.as<const bool>()); });
    if (!fine) {
      throw read.value_error("argument 'rows' must be ascending rows that ask about a token");
    }
  }

  int64_t open_tokens(py::handle logits_obj, int64_t row, py::handle tokens_obj) {
    Reader read(operation_.c_str());
    const TensorView logits = read_logits(read, logits_obj, rows_);
    const TensorView tokens = read.output(tokens_obj, "tokens", kInt64, "v");
    check_row(read, row);
    return read.run(work(), [&] { return rows_.open_tokens(logits, row, tokens.as<int64_t>()); });
  }

  void answer_everything(py::handle logits_obj, int64_t row, py::handle mask_obj, int64_t checks) {
    Reader read(operation_.c_str());
    const TensorView logits = read_logits(read, logits_obj, rows_);
    const TensorView mask = read_mask(read, mask_obj, "mask", 1, rows_.vocab());
    check_row(read, row);
    const bool fine = read.run(work(), [&] { return rows_.answer_everything(logits, row, mask, checks); });
    if (!fine) {
      throw read.value_error("argument 'row' must be a row that asks for a mask, got %lld",
                             static_cast<long long>(row));
    }
  }

  void step_mask(py::handle logits_obj, py::handle mask_obj) {
    Reader read(operation_.c_str());
    const TensorView logits = read_logits(read, logits_obj, rows_);
    const TensorView mask = read_mask(read, mask_obj, "check", rows_.batch(), rows_.vocab());
    read.run(logits.bytes(), [&] { rows_.step_mask(logits, mask); });
  }

  void check_mask(py::handle mask_obj) const {
    Reader read(operation_.c_str());
    (void)read_mask(read, mask_obj, "check", rows_.batch(), rows_.vocab());
  }

  void result(py::handle token, py::handle logw, py::handle status, py::handle checks, py::handle num, py::handle den,
              py::handle div, py::handle log_scale, py::handle lo, py::handle hi) {
    Reader read(operation_.c_str());
    auto* tokens = read.output(token, "token", kInt64, "rows").as<int64_t>();
    auto* logws = read.output(logw, "logw", kFloat64, "rows").as<double>();
    auto* statuses = read.output(status, "status", kInt8, "rows").as<int8_t>();
    auto* counts = read.output(checks, "checks", kInt32, "rows").as<int32_t>();
    auto* nums = read.output(num, "num", kInt64, "rows").as<int64_t>();
    auto* dens = read.output(den, "den", kInt64, "rows").as<int64_t>();
    auto* divs = read.output(div, "div", kInt64, "rows").as<int64_t>();
    auto* scales = read.output(log_scale, "log_scale", kFloat64, "rows").as<double>();
    auto* los = read.output(lo, "lo", kInt64, "rows").as<int64_t>();
    auto* his = read.output(hi, "hi", kInt64, "rows").as<int64_t>();
    read.bind("rows", rows_.batch());
    for (int64_t row = 0; row < rows_.batch(); ++row) {
      const Outcome& o = rows_.outcome(row);
      tokens[row] = o.token;
      logws[row] = constrain::log_weight(o);
      statuses[row] = o.status;
      counts[row] = rows_.checks(row);
      nums[row] = o.num;
      dens[row] = o.den;
      divs[row] = o.div;
      scales[row] = o.log_scale;
      los[row] = o.lo;
      his[row] = o.hi;
    }
  }

  [[nodiscard]] int64_t vocab() const { return rows_.vocab(); }
  [[nodiscard]] int64_t memory_bytes() const { return rows_.memory_bytes(); }

 private:
  static Rows make(const std::string& operation, int64_t vocab, uint64_t seed, py::handle streams_obj, double inverse,
                   bool greedy, int64_t top_k, double top_p, double min_p) {
    Reader read(operation.c_str());
    const TensorView streams = read.input(streams_obj, "streams", kInt64, "rows");
    if (vocab < 1 || vocab > constrain::kMaxVocab) {
      throw read.value_error("argument 'vocab' must be in [1, %lld], got %lld",
                             static_cast<long long>(constrain::kMaxVocab), static_cast<long long>(vocab));
    }
    const constrain::Distribution distribution{static_cast<float>(inverse), greedy, {top_k, top_p, min_p}};
    return {vocab, seed, streams.as<const int64_t>(), streams.shape[0], distribution};
  }

  void check_row(const Reader& read, int64_t row) const {
    if (row < 0 || row >= rows_.batch()) {
      throw read.value_error("argument 'rows' must be in [0, %lld), got %lld", static_cast<long long>(rows_.batch()),
                             static_cast<long long>(row));
    }
  }

  [[nodiscard]] int64_t work() const { return rows_.batch() * 1024; }

  std::string operation_;
  Rows rows_;
};

}  // namespace

void register_constrain(py::module_& m) {
  m.def("constrain_shape", &shape, py::arg("operation"), py::arg("logits"));
  m.def("constrain_masses", &masses, py::arg("logits"), py::arg("inverse"), py::arg("masses"));
  m.def("constrain_order_weight", &order_weight, py::arg("masses"), py::arg("accepted"), py::arg("total"),
        py::arg("unweighted"), py::arg("extra"), py::arg("eps"), py::arg("max_rejects"));
  // A plain `type`, not pybind11's metaclass: nothing inherits from it.
  py::class_<BoundRows>(m, "ConstrainRows", py::is_final(), py::metaclass(reinterpret_cast<PyObject*>(&PyType_Type)))
      .def(py::init<const std::string&, int64_t, uint64_t, py::handle, double, bool, int64_t, double, double>(),
           py::arg("operation"), py::arg("vocab"), py::arg("seed"), py::arg("streams"), py::arg("inverse"),
           py::arg("greedy"), py::arg("top_k"), py::arg("top_p"), py::arg("min_p"))
      .def("load", &BoundRows::load, py::arg("logits"), py::arg("steps"), py::arg("mask"), py::arg("mask_name"),
           py::arg("status"))
      .def("totals", &BoundRows::totals, py::arg("total"), py::arg("remaining"))
      .def("draw", &BoundRows::draw, py::arg("logits"), py::arg("rows"), py::arg("tokens"), py::arg("masses"))
      .def("begin", &BoundRows::begin, py::arg("logits"), py::arg("estimator"), py::arg("extra"), py::arg("eps"),
           py::arg("max_rejects"), py::arg("max_accepts"), py::arg("mask_after"), py::arg("tail"), py::arg("mask_cost"))
      .def("asking", &BoundRows::asking, py::arg("rows"), py::arg("tokens"))
      .def("answer", &BoundRows::answer, py::arg("logits"), py::arg("rows"), py::arg("valid"))
      .def("open_tokens", &BoundRows::open_tokens, py::arg("logits"), py::arg("row"), py::arg("tokens"))
      .def("answer_everything", &BoundRows::answer_everything, py::arg("logits"), py::arg("row"), py::arg("mask"),
           py::arg("checks"))
      .def("step_mask", &BoundRows::step_mask, py::arg("logits"), py::arg("mask"))
      .def("check_mask", &BoundRows::check_mask, py::arg("mask"))
      .def("result", &BoundRows::result, py::arg("token"), py::arg("logw"), py::arg("status"), py::arg("checks"),
           py::arg("num"), py::arg("den"), py::arg("div"), py::arg("log_scale"), py::arg("lo"), py::arg("hi"))
      .def("memory_bytes", &BoundRows::memory_bytes)
      .def_property_readonly("vocab", &BoundRows::vocab);
}

}  // namespace tokops
