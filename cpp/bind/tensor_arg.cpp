// SPDX-License-Identifier: Apache-2.0
#include "bind/tensor_arg.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

namespace tokops {
namespace {

namespace py = pybind11;

struct Axis {
  const char* name;
  std::size_t length;
  bool optional;
};

// Splits "rows? n d" at spaces; returns the number of axes, and whether the pattern ends in "...".
int split_pattern(const char* pattern, std::array<Axis, kMaxRank>& axes, bool& open) {
  int count = 0;
  open = false;
  while (*pattern != '\0') {
    const char* end = pattern;
    while (*end != '\0' && *end != ' ') {
      ++end;
    }
    auto length = static_cast<std::size_t>(end - pattern);
    if (length == 3 && std::memcmp(pattern, "...", 3) == 0) {
      open = true;
    } else {
      const bool optional = pattern[length - 1] == '?';
      axes[static_cast<std::size_t>(count++)] = {pattern, length - (optional ? 1 : 0), optional};
    }
    pattern = *end == ' ' ? end + 1 : end;
  }
  return count;
}

std::string format_text(const char* operation, const char* format, va_list values) {
  va_list again;
  va_copy(again, values);
  const int length = std::vsnprintf(nullptr, 0, format, values);
  std::string text(length > 0 ? static_cast<std::size_t>(length) : 0, '\0');
  std::vsnprintf(text.data(), text.size() + 1, format, again);
  va_end(again);
  return std::string(operation) + ": " + text;
}

std::string device_text(int32_t type, int32_t id) {
  if (type == dlpack::kCpu || type == dlpack::kCudaHost) {
    return "cpu";
  }
  return (type == dlpack::kCuda || type == dlpack::kCudaManaged ? "cuda:"
                                                                : "device type " + std::to_string(type) + ":") +
         std::to_string(id);
}

bool same_device(int32_t wanted, int32_t type) {
  return wanted == dlpack::kCpu ? type == dlpack::kCpu || type == dlpack::kCudaHost
                                : type == dlpack::kCuda || type == dlpack::kCudaManaged;
}

// Lowest and one past the highest byte a view can touch.
void extent(const TensorView& view, const char*& low, const char*& high) {
  int64_t down = 0;
  int64_t up = 0;
  for (int axis = 0; axis < view.rank; ++axis) {
    const auto i = static_cast<std::size_t>(axis);
    const int64_t reach = (view.shape[i] - 1) * view.strides[i];
    (reach < 0 ? down : up) += reach;
  }
  const int64_t size = item_size(view.dtype);
  low = static_cast<const char*>(view.data) + down * size;
  high = static_cast<const char*>(view.data) + (up + 1) * size;
}

}  // namespace

py::value_error Reader::value_error(const char* format, ...) const {
  va_list values;
  va_start(values, format);
  const std::string text = format_text(operation_, format, values);
  va_end(values);
  return py::value_error(text);
}

py::type_error Reader::type_error(const char* format, ...) const {
  va_list values;
  va_start(values, format);
  const std::string text = format_text(operation_, format, values);
  va_end(values);
  return py::type_error(text);
}

std::string Reader::wanted(DTypeSet types, const char* pattern) const {
  std::string text;
  int left = 0;
  for (int i = 0; i < kDTypeCount; ++i) {
    left += types.has(static_cast<DType>(i)) ? 1 : 0;
  }
  if (left == kDTypeCount) {
    text = "an array ";
    left = 0;
  }
  for (int i = kDTypeCount - 1; left > 0 && i >= 0; --i) {
    if (types.has(static_cast<DType>(i))) {
      text += dtype_name(static_cast<DType>(i));
      --left;
      text += left > 1 ? ", " : left == 1 ? " or " : "";
    }
  }
  text += "[";
  for (const char* c = pattern; *c != '\0'; ++c) {
    text += *c == ' ' ? ", " : std::string(1, *c);
  }
  return text + "]";
}

void Reader::raise_unreadable(const Source& source, PyObject* object, const char* name, DTypeSet types,
                              const char* pattern) const {
  std::string text = std::string(operation_) + ": argument '" + name + "' ";
  text += source.problem.empty() ? "must be " + wanted(types, pattern) + ", got " + describe(object) : source.problem;
  PyObject* kind = source.value_problem ? PyExc_ValueError : PyExc_TypeError;
  PyErr_SetString(kind, text.c_str());
  if (source.cause) {
    py::error_already_set error;
    PyException_SetCause(error.value().ptr(), py::object(source.cause).release().ptr());
    throw error;
  }
  throw py::error_already_set();
}

const Reader::Symbol* Reader::find(const char* name, std::size_t length) const {
  for (int i = 0; i < symbol_count_; ++i) {
    const Symbol& symbol = symbols_[static_cast<std::size_t>(i)];
    if (symbol.length == length && std::memcmp(symbol.name, name, length) == 0) {
      return &symbol;
    }
  }
  return nullptr;
}

void Reader::bind(const char* name, int64_t value) {
  const std::size_t length = std::strlen(name);
  if (const Symbol* symbol = find(name, length); symbol != nullptr) {
    if (symbol->size != value) {
      throw value_error("argument '%s' must be %lld, got %lld", name, static_cast<long long>(symbol->size),
                        static_cast<long long>(value));
    }
    return;
  }
  if (symbol_count_ == kMaxSymbols) {
    throw std::logic_error("Reader: too many shape symbols");
  }
  symbols_[static_cast<std::size_t>(symbol_count_++)] = {name, length, value, false};
}

int64_t Reader::dim(const char* name) const {
  const Symbol* symbol = find(name, std::strlen(name));
  if (symbol == nullptr) {
    throw std::logic_error(std::string("Reader: unknown shape symbol ") + name);
  }
  return symbol->size;
}

void Reader::match_shape(TensorView& view, PyObject* object, const char* name, DTypeSet types, const char* pattern) {
  std::array<Axis, kMaxRank> axes;
  bool open = false;
  const int count = split_pattern(pattern, axes, open);
  bool absent = false;
  if (count > 0 && axes[0].optional) {  // the first argument with this axis decides for all
    const Symbol* symbol = find(axes[0].name, axes[0].length);
    absent = symbol != nullptr ? symbol->absent : view.rank == count - 1;
  }
  const int needed = absent ? count - 1 : count;
  if (open ? view.rank < needed : view.rank != needed) {
    throw value_error("argument '%s' must be %s, got %s", name, wanted(types, pattern).c_str(),
                      describe(object).c_str());
  }
  if (absent) {
    if (view.rank == kMaxRank) {
      throw value_error("argument '%s' has more than 8 dimensions", name);
    }
    for (int axis = view.rank; axis > 0; --axis) {
      view.shape[static_cast<std::size_t>(axis)] = view.shape[static_cast<std::size_t>(axis - 1)];
      view.strides[static_cast<std::size_t>(axis)] = view.strides[static_cast<std::size_t>(axis - 1)];
    }
    view.shape[0] = 1;
    view.strides[0] = view.rank > 0 ? view.shape[1] : 1;
    ++view.rank;
  }
  for (int axis = 0; axis < count; ++axis) {
    const Axis& wanted_axis = axes[static_cast<std::size_t>(axis)];
    const int64_t size = view.shape[static_cast<std::size_t>(axis)];
    int64_t expected = 0;
    if (wanted_axis.name[0] >= '0' && wanted_axis.name[0] <= '9') {
      expected = std::strtoll(wanted_axis.name, nullptr, 10);
    } else if (const Symbol* symbol = find(wanted_axis.name, wanted_axis.length); symbol != nullptr) {
      expected = symbol->size;
    } else {
      if (symbol_count_ == kMaxSymbols) {
        throw std::logic_error("Reader: too many shape symbols");
      }
      symbols_[static_cast<std::size_t>(symbol_count_++)] = {wanted_axis.name, wanted_axis.length, size,
                                                             wanted_axis.optional && absent};
      continue;
    }
    if (size != expected && wanted_axis.name[0] >= '0' && wanted_axis.name[0] <= '9') {
      throw value_error("argument '%s' must be %s, got %s", name, wanted(types, pattern).c_str(),
                        describe(object).c_str());
    }
    if (size != expected) {
      throw value_error("argument '%s' must be %s with %.*s = %lld, got %s", name, wanted(types, pattern).c_str(),
                        static_cast<int>(wanted_axis.length), wanted_axis.name, static_cast<long long>(expected),
                        describe(object).c_str());
    }
  }
}

void Reader::check_device(const TensorView& view, const char* name) const {
  if (!same_device(device_type_, view.device_type)) {
    throw type_error("argument '%s' is on %s, but the call runs on %s; move it with .to()", name,
                     device_text(view.device_type, view.device_id).c_str(), device_text(device_type_, 0).c_str());
  }
  if (argument_count_ > 1 && argument(0).view.device_id != view.device_id && device_type_ != dlpack::kCpu) {
    throw type_error("argument '%s' is on %s, but argument '%s' is on %s", name,
                     device_text(view.device_type, view.device_id).c_str(), argument(0).name,
                     device_text(argument(0).view.device_type, argument(0).view.device_id).c_str());
  }
}

void Reader::check_strides(const TensorView& view, const char* name, Strides strides) const {
  if (strides == Strides::kAny) {
    return;
  }
  int64_t expected = 1;
  for (int axis = view.rank - 1; axis >= 0; --axis) {
    const auto i = static_cast<std::size_t>(axis);
    if (view.shape[i] > 1 && view.strides[i] != expected) {
      throw value_error("argument '%s' must %s; call .contiguous() or np.ascontiguousarray() on it", name,
                        strides == Strides::kRows ? "have unit stride along its last axis" : "be contiguous");
    }
    if (strides == Strides::kRows) {
      return;
    }
    expected *= view.shape[i];
  }
}

TensorView Reader::read(py::handle object, const char* name, DTypeSet types, const char* pattern, Strides strides,
                        bool output) {
  if (argument_count_ == kMaxArguments) {
    throw std::logic_error("Reader: too many arguments");
  }
  Argument& argument = *new (slot(argument_count_)) Argument;
  ++argument_count_;
  argument.name = name;
  argument.output = output;
  Source& source = argument.source;
  if (!source.read(object.ptr(), output)) {
    raise_unreadable(source, object.ptr(), name, types, pattern);
  }
  TensorView view = source.view;
  if (!types.has(view.dtype)) {
    throw type_error("argument '%s' must be %s, got %s", name, wanted(types, pattern).c_str(),
                     describe(object.ptr()).c_str());
  }
  match_shape(view, object.ptr(), name, types, pattern);
  argument.view = view;
  check_device(view, name);
  int64_t bytes = item_size(view.dtype);
  for (int axis = 0; axis < view.rank; ++axis) {
    if (__builtin_mul_overflow(bytes, view.shape[static_cast<std::size_t>(axis)], &bytes)) {
      throw value_error("argument '%s' has a size that overflows 64 bits", name);
    }
  }
  if (bytes > 0) {
    if (view.data == nullptr) {
      throw type_error("argument '%s' has no storage", name);
    }
    if (reinterpret_cast<uintptr_t>(view.data) % static_cast<uintptr_t>(item_size(view.dtype)) != 0) {
      throw value_error("argument '%s' is not aligned to its item size", name);
    }
    check_strides(view, name, strides);
  }
  return view;
}

void Reader::no_overlap() const {
  for (int i = 0; i < argument_count_; ++i) {
    const Argument& output = argument(i);
    if (!output.output || output.view.size() == 0) {
      continue;
    }
    const char *low, *high;
    extent(output.view, low, high);
    for (int j = 0; j < argument_count_; ++j) {
      const Argument& other = argument(j);
      if (j == i || other.view.size() == 0) {
        continue;
      }
      const char *other_low, *other_high;
      extent(other.view, other_low, other_high);
      if (low < other_high && other_low < high) {
        throw value_error("argument '%s' must not overlap argument '%s'", output.name, other.name);
      }
    }
  }
}

void* Reader::stream() const {
  for (int i = 0; i < argument_count_; ++i) {
    const Argument& candidate = argument(i);
    const dlpack::ExchangeApi* exchange = candidate.source.exchange;
    void* stream = nullptr;
    if (exchange != nullptr && exchange->current_work_stream != nullptr &&
        exchange->current_work_stream(candidate.view.device_type, candidate.view.device_id, &stream) == 0) {
      return stream;
    }
  }
  PyErr_Clear();
  return nullptr;
}

}  // namespace tokops
