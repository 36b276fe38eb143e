// SPDX-License-Identifier: Apache-2.0
#include "bind/tensor_source.h"

#include <atomic>
#include <cstring>
#include <utility>

namespace tokops {
namespace {

namespace py = pybind11;

// What the reader must know about a type.
struct TypeFacts {
  PyTypeObject* type;
  const dlpack::ExchangeApi* exchange;  // null when the type publishes none
  PyObject* is_neg;                     // the method of tensor types, else null
  bool masked;                          // numpy's masked arrays
};

TypeFacts look_up(PyTypeObject* type) {
  auto* object = reinterpret_cast<PyObject*>(type);
  TypeFacts facts{type, nullptr, nullptr, PyObject_HasAttrString(object, "mask") != 0};
  PyObject* capsule = PyObject_GetAttrString(object, "__dlpack_c_exchange_api__");
  if (capsule != nullptr && PyCapsule_CheckExact(capsule) != 0) {
    auto* header = static_cast<dlpack::ExchangeHeader*>(PyCapsule_GetPointer(capsule, "dlpack_exchange_api"));
    while (header != nullptr && header->version.major != 1) {
      header = header->previous;
    }
    auto* api = reinterpret_cast<dlpack::ExchangeApi*>(header);
    facts.exchange = api != nullptr && api->view_of_object != nullptr ? api : nullptr;
  }
  if (facts.exchange == nullptr) {
    Py_XDECREF(capsule);  // else it is kept for good: the table may live inside it
  }
  PyErr_Clear();
  if (facts.exchange != nullptr) {
    facts.is_neg = PyObject_GetAttrString(object, "is_neg");
    PyErr_Clear();
  }
  return facts;
}

// Types that publish an exchange table or live as long as the process are remembered, in a list that only grows at
// its head, so that readers need no lock; the type and what its facts point to are kept alive by it.
TypeFacts facts_of(PyTypeObject* type) {
  struct Node {
    TypeFacts facts;
    const Node* next;
  };
  static std::atomic<const Node*> head{nullptr};
  for (const Node* node = head.load(std::memory_order_acquire); node != nullptr; node = node->next) {
    if (node->facts.type == type) {
      return node->facts;
    }
  }
  const TypeFacts facts = look_up(type);
  if (facts.exchange != nullptr || (type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0) {
    Py_INCREF(reinterpret_cast<PyObject*>(type));
    auto* node = new Node{facts, head.load(std::memory_order_acquire)};
    while (!head.compare_exchange_weak(node->next, node, std::memory_order_acq_rel)) {
    }
  }
  return facts;
}

bool dtype_from_dlpack(const dlpack::DataType& type, DType& out) {
  if (type.lanes != 1) {
    return false;
  }
  const int log_bytes = type.bits == 8 ? 0 : type.bits == 16 ? 1 : type.bits == 32 ? 2 : type.bits == 64 ? 3 : -1;
  if (log_bytes < 0) {
    return false;
  }
  static constexpr DType kInts[] = {DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64};
  static constexpr DType kUInts[] = {DType::kUInt8, DType::kUInt16, DType::kUInt32, DType::kUInt64};
  switch (type.code) {
    case dlpack::kInt: out = kInts[log_bytes]; return true;
    case dlpack::kUInt: out = kUInts[log_bytes]; return true;
    case dlpack::kBool: out = DType::kBool; return log_bytes == 0;
    case dlpack::kBFloat: out = DType::kBFloat16; return log_bytes == 1;
    case dlpack::kFloat:
      out = log_bytes == 1 ? DType::kFloat16 : log_bytes == 2 ? DType::kFloat32 : DType::kFloat64;
      return log_bytes > 0;
    default: return false;
  }
}

bool dtype_from_format(const char* format, Py_ssize_t size, DType& out) {
  if (format == nullptr) {
    format = "B";
  }
  if (*format == '@' || *format == '=' || *format == '<') {
    ++format;  // the machine is little-endian or the build refuses it
  }
  if (format[0] == '\0' || format[1] != '\0') {
    return false;
  }
  const int log_bytes = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : size == 8 ? 3 : -1;
  if (log_bytes < 0) {
    return false;
  }
  dlpack::DataType type{0, static_cast<uint8_t>(size * 8), 1};
  switch (*format) {
    case '?': type.code = dlpack::kBool; break;
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q':
    case 'n': type.code = dlpack::kInt; break;
    case 'B':
    case 'H':
    case 'I':
    case 'L':
    case 'Q':
    case 'N': type.code = dlpack::kUInt; break;
    case 'e':
    case 'f':
    case 'd': type.code = dlpack::kFloat; break;
    default: return false;
  }
  return dtype_from_dlpack(type, out);
}

bool is_named_bfloat16(PyObject* object) {
  PyObject* dtype = PyObject_GetAttrString(object, "dtype");
  PyObject* name = dtype == nullptr ? nullptr : PyObject_GetAttrString(dtype, "name");
  const bool match =
      name != nullptr && PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "bfloat16") == 0;
  Py_XDECREF(name);
  Py_XDECREF(dtype);
  PyErr_Clear();
  return match;
}

bool requires_grad(PyObject* object) {
  static PyObject* name = PyUnicode_InternFromString("requires_grad");
  PyObject* result = PyObject_GetAttr(object, name);
  const bool yes = result == Py_True;
  Py_XDECREF(result);
  PyErr_Clear();
  return yes;
}

bool is_negated(PyObject* object, PyObject* is_neg) {
  PyObject* result = is_neg == nullptr ? nullptr : PyObject_CallOneArg(is_neg, object);
  const bool yes = result == Py_True;
  Py_XDECREF(result);
  PyErr_Clear();
  return yes;
}

}  // namespace

const char* dtype_name(DType type) noexcept {
  static constexpr const char* kNames[kDTypeCount] = {"bool",    "uint8",   "int8",   "uint16", "int16",
                                                      "uint32",  "int32",   "uint64", "int64",  "bfloat16",
                                                      "float16", "float32", "float64"};
  return kNames[static_cast<int>(type)];
}

bool Source::fail(std::string text, bool value) {
  problem = std::move(text);
  value_problem = value;
  view.rank = -1;
  return false;
}

bool Source::fail_with_python_error(const char* text) {
  if (PyErr_Occurred() != nullptr) {
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    cause = py::reinterpret_steal<py::object>(value);
    Py_XDECREF(type);
    Py_XDECREF(trace);
  }
  return fail(text);
}

void Source::release() noexcept {
  if (has_buffer_) {
    PyBuffer_Release(&buffer_);
    has_buffer_ = false;
  }
  Py_CLEAR(kept_);
}

bool Source::read(PyObject* object, bool writable) {
  const TypeFacts facts = facts_of(Py_TYPE(object));
  exchange = facts.exchange;
  if (exchange != nullptr) {
    return read_exchange(object, facts.is_neg, writable);
  }
  if (facts.masked) {
    return fail("");  // the mask would be dropped silently
  }
  if (PyObject_CheckBuffer(object) != 0) {
    return read_buffer(object, writable);
  }
  if (PyType_Check(object) == 0 && PyObject_HasAttrString(object, "__dlpack__") != 0) {
    return read_capsule(object, writable);
  }
  PyErr_Clear();
  return fail("");
}

bool Source::take_dlpack(const dlpack::Tensor& tensor) {
  if (!dtype_from_dlpack(tensor.dtype, view.dtype)) {
    return fail("");
  }
  if (tensor.ndim < 0 || tensor.ndim > kMaxRank) {
    return fail("has more than 8 dimensions", true);
  }
  view.rank = tensor.ndim;
  view.device_type = tensor.device.type;
  view.device_id = tensor.device.id;
  view.data = tensor.data == nullptr ? nullptr : static_cast<char*>(tensor.data) + tensor.byte_offset;
  int64_t stride = 1;
  for (int axis = tensor.ndim - 1; axis >= 0; --axis) {
    const auto i = static_cast<std::size_t>(axis);
    view.shape[i] = tensor.shape[axis];
    view.strides[i] = tensor.strides == nullptr ? stride : tensor.strides[axis];
    if (view.shape[i] < 0 || __builtin_mul_overflow(stride, view.shape[i] > 0 ? view.shape[i] : 1, &stride)) {
      return fail("has sizes that are negative or overflow 64 bits", true);
    }
  }
  return true;
}

bool Source::read_exchange(PyObject* object, PyObject* is_neg, bool writable) {
  dlpack::Tensor tensor{};
  if (exchange->view_of_object(object, &tensor) != 0) {
    return fail_with_python_error("");
  }
  if (!take_dlpack(tensor)) {
    return false;
  }
  view.writable = true;
  if (writable && requires_grad(object)) {
    return fail("requires grad; use torch.no_grad() tensors or .detach()", true);
  }
  if (is_negated(object, is_neg)) {
    if (writable) {
      return fail("has its negative bit set; call .resolve_neg()", true);
    }
    kept_ = PyObject_CallMethod(object, "resolve_neg", nullptr);
    if (kept_ == nullptr || exchange->view_of_object(kept_, &tensor) != 0) {
      return fail_with_python_error("");
    }
    return take_dlpack(tensor);
  }
  return true;
}

bool Source::read_buffer(PyObject* object, bool writable) {
  bool bfloat16 = false;
  has_buffer_ = PyObject_GetBuffer(object, &buffer_, PyBUF_RECORDS_RO) == 0;
  if (!has_buffer_) {
    PyErr_Clear();
    if (!is_named_bfloat16(object)) {
      return fail("");
    }
    kept_ = PyObject_CallMethod(object, "view", "s", "uint16");
    bfloat16 = true;
    has_buffer_ = kept_ != nullptr && PyObject_GetBuffer(kept_, &buffer_, PyBUF_RECORDS_RO) == 0;
    if (!has_buffer_) {
      return fail_with_python_error("");
    }
  }
  if (buffer_.ndim > kMaxRank) {
    return fail("has more than 8 dimensions", true);
  }
  if (!dtype_from_format(buffer_.format, buffer_.itemsize, view.dtype)) {
    return fail("");
  }
  if (bfloat16) {
    view.dtype = DType::kBFloat16;
  }
  view.rank = buffer_.ndim;
  view.data = buffer_.buf;
  view.writable = buffer_.readonly == 0;
  if (writable && !view.writable) {
    return fail("is read-only", true);
  }
  int64_t stride = buffer_.itemsize;
  for (int axis = buffer_.ndim - 1; axis >= 0; --axis) {
    const auto i = static_cast<std::size_t>(axis);
    view.shape[i] = buffer_.shape[axis];
    const int64_t bytes = buffer_.strides == nullptr ? stride : buffer_.strides[axis];  // ctypes gives none
    if (bytes % buffer_.itemsize != 0) {
      return fail("has a stride that is not a multiple of its item size", true);
    }
    view.strides[i] = bytes / buffer_.itemsize;
    stride *= view.shape[i] > 0 ? view.shape[i] : 1;
  }
  return true;
}

bool Source::read_capsule(PyObject* object, bool writable) {
  const py::handle handle(object);
  py::object capsule;
  try {
    try {
      capsule = handle.attr("__dlpack__")(py::arg("max_version") = py::make_tuple(1, 0));
    } catch (py::error_already_set& error) {
      if (!error.matches(PyExc_TypeError)) {
        throw;
      }
      capsule = handle.attr("__dlpack__")();
    }
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_Exception) || error.matches(PyExc_MemoryError)) {
      throw;  // Ctrl-C and exhaustion are not a matter of this argument
    }
    cause = error.value();
    return fail("");
  }
  if (PyCapsule_IsValid(capsule.ptr(), "dltensor_versioned") != 0) {
    const auto* managed =
        static_cast<dlpack::ManagedTensorVersioned*>(PyCapsule_GetPointer(capsule.ptr(), "dltensor_versioned"));
    if (managed->version.major != 1) {
      return fail("uses a DLPack version that is not 1.x");
    }
    view.writable = (managed->flags & dlpack::kReadOnly) == 0;
    if (writable && (managed->flags & dlpack::kIsCopied) != 0) {
      return fail("is exported as a copy, so writing to it would be lost", true);
    }
    kept_ = capsule.release().ptr();
    if (!take_dlpack(managed->tensor)) {
      return false;
    }
  } else if (PyCapsule_IsValid(capsule.ptr(), "dltensor") != 0) {
    const auto* managed = static_cast<dlpack::ManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), "dltensor"));
    view.writable = true;
    kept_ = capsule.release().ptr();
    if (!take_dlpack(managed->tensor)) {
      return false;
    }
  } else {
    return fail("");
  }
  if (writable && !view.writable) {
    return fail("is read-only", true);
  }
  return true;
}

std::string describe(PyObject* object) {
  const py::handle handle(object);
  try {
    if (py::hasattr(handle, "dtype") && py::hasattr(handle, "shape") && PyType_Check(object) == 0) {
      std::string name = py::str(handle.attr("dtype"));
      if (name.rfind("torch.", 0) == 0) {
        name.erase(0, 6);
      }
      std::string text = name + "[";
      bool first = true;
      for (const py::handle size : py::tuple(handle.attr("shape"))) {
        text += (first ? "" : ", ") + std::string(py::str(size));
        first = false;
      }
      text += "]";
      const std::string module = py::str(py::type::handle_of(handle).attr("__module__"));
      const std::string type = py::str(py::type::handle_of(handle).attr("__name__"));
      const bool plain = type == "ndarray" || type == "Tensor" || type == "Parameter";
      if (plain && module.rfind("torch", 0) == 0 && py::hasattr(handle, "layout")) {
        const std::string layout = py::str(handle.attr("layout"));
        if (layout != "torch.strided") {
          text += " with layout " + layout;
        }
      }
      return plain ? text : type + " " + text;
    }
  } catch (py::error_already_set&) {
    // an object whose attributes raise is described by its type alone
  }
  return Py_TYPE(object)->tp_name;
}

}  // namespace tokops
