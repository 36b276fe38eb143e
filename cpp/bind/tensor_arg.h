// SPDX-License-Identifier: Apache-2.0
// Reader: turns the arguments of one operator call into TensorViews and says in one form what is wrong.
//
//   Reader read("kv.topk");
//   const TensorView x = read.input(x_obj, "x", kFloats, "rows? n", Strides::kRows);
//   const TensorView ids = read.output(ids_obj, "ids", {DType::kInt32}, "rows? k");
//
// Checks in this order: kind, dtype, rank, shape symbols, device, strides; run() then refuses outputs that overlap
// anything. A shape pattern lists axes: a name (one symbol, one size per call), an integer, `name?` for a leading
// axis that may be absent, a final `...` for any further axes. Views always have the pattern's full rank: an absent
// leading axis appears with size 1. Messages: `kv.topk: argument 'x' must be float32[rows?, n], got int64[3, 4]`.
#pragma once

#include <pybind11/pybind11.h>

#include <array>
#include <cstdarg>
#include <cstddef>
#include <initializer_list>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "bind/gil.h"
#include "bind/tensor_source.h"
#include "tokops/span.h"
#include "tokops/status.h"

namespace tokops {

class DTypeSet {
 public:
  constexpr DTypeSet(std::initializer_list<DType> types) {
    for (const DType type : types) {
      bits_ |= 1u << static_cast<unsigned>(type);
    }
  }
  [[nodiscard]] constexpr bool has(DType type) const { return (bits_ >> static_cast<unsigned>(type) & 1u) != 0; }
  static constexpr DTypeSet all() {
    DTypeSet set{};
    set.bits_ = (1u << kDTypeCount) - 1;
    return set;
  }

 private:
  uint32_t bits_ = 0;
};

constexpr DTypeSet kFloats{DType::kFloat32, DType::kFloat16, DType::kBFloat16};
constexpr DTypeSet kBits16{DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kUInt16};  // kv: uint16 = bf16
constexpr DTypeSet kInt32{DType::kInt32};
constexpr DTypeSet kInt64{DType::kInt64};
constexpr DTypeSet kAnyDType = DTypeSet::all();

enum class Strides { kContiguous, kRows, kAny };

// Raised (as _cpu.MissingOutput, a TypeError) when an output is None: every input and scalar has been read by then,
// so a caller that only wants the arguments judged passes None.
struct MissingOutput : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Reader {
 public:
  explicit Reader(const char* operation, int32_t device_type = dlpack::kCpu)
      : operation_(operation), device_type_(device_type) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() {
    if (PyGILState_Check() == 0) {
      return;  // a daemon thread is being unwound at interpreter exit: Python objects are out of reach
    }
    for (int i = 0; i < argument_count_; ++i) {
      slot(i)->~Argument();
    }
  }

  TensorView input(pybind11::handle object, const char* name, DTypeSet types, const char* pattern,
                   Strides strides = Strides::kContiguous) {
    return read(object, name, types, pattern, strides, false);
  }
  // None gives an absent view.
  TensorView optional(pybind11::handle object, const char* name, DTypeSet types, const char* pattern,
                      Strides strides = Strides::kContiguous) {
    return object.is_none() ? TensorView{} : read(object, name, types, pattern, strides, false);
  }
  TensorView output(pybind11::handle object, const char* name, DTypeSet types, const char* pattern,
                    Strides strides = Strides::kContiguous) {
    if (object.is_none()) {
      throw MissingOutput(std::string(operation_) + ": argument '" + name + "' must be given, got NoneType");
    }
    return read(object, name, types, pattern, strides, true);
  }

  // Ties a scalar argument to a shape symbol: sets it, or raises ValueError when a tensor said otherwise.
  void bind(const char* name, int64_t value);
  // The size of a symbol that has been seen.
  [[nodiscard]] int64_t dim(const char* name) const;

  // ValueError when the bytes from the first to the last element of an output overlap those of an input or of
  // another output. run() calls it.
  void no_overlap() const;

  // Runs the work, without the GIL when it touches more than about 32 KiB (2 us).
  template <class F>
  auto run(int64_t work_bytes, F&& work) const -> std::invoke_result_t<F> {
    no_overlap();
    if (work_bytes < kReleaseBytes) {
      return work();
    }
    const ReleaseGil release;
    return work();
  }

  // Python's current stream of the arguments' device (CUDA only), 0 when the library does not tell.
  [[nodiscard]] void* stream() const;

  [[nodiscard]] pybind11::value_error value_error(const char* format, ...) const __attribute__((format(printf, 2, 3)));
  [[nodiscard]] pybind11::type_error type_error(const char* format, ...) const __attribute__((format(printf, 2, 3)));

 private:
  static constexpr int64_t kReleaseBytes = 32 * 1024;
  static constexpr int kMaxArguments = 16;
  static constexpr int kMaxSymbols = 24;

  struct Argument {
    Source source;
    TensorView view;
    const char* name = nullptr;
    bool output = false;
  };
  struct Symbol {
    const char* name;  // points into a pattern: not terminated
    std::size_t length;
    int64_t size;
    bool absent;
  };

  TensorView read(pybind11::handle object, const char* name, DTypeSet types, const char* pattern, Strides strides,
                  bool output);
  void match_shape(TensorView& view, PyObject* object, const char* name, DTypeSet types, const char* pattern);
  void check_device(const TensorView& view, const char* name) const;
  void check_strides(const TensorView& view, const char* name, Strides strides) const;
  [[nodiscard]] const Symbol* find(const char* name, std::size_t length) const;
  [[noreturn]] void raise_unreadable(const Source& source, PyObject* object, const char* name, DTypeSet types,
                                     const char* pattern) const;
  [[nodiscard]] std::string wanted(DTypeSet types, const char* pattern) const;

  const char* operation_;
  int32_t device_type_;
  [[nodiscard]] Argument* slot(int index) { return reinterpret_cast<Argument*>(storage_) + index; }
  [[nodiscard]] const Argument& argument(int index) const {
    return *std::launder(reinterpret_cast<const Argument*>(storage_) + index);
  }

  // Arguments are made in place as they are read: a call pays for those it has.
  alignas(Argument) std::byte storage_[kMaxArguments * sizeof(Argument)];
  int argument_count_ = 0;
  std::array<Symbol, kMaxSymbols> symbols_;
  int symbol_count_ = 0;
};

}  // namespace tokops
