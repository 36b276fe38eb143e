// SPDX-License-Identifier: Apache-2.0
#include "bind/bpe_text.h"

#include <cstdio>
#include <utility>

namespace py = pybind11;

namespace tokops {
namespace {

bpe::Bytes view(const char* data, Py_ssize_t size) {
  return {reinterpret_cast<const uint8_t*>(data), static_cast<std::size_t>(size)};
}

py::object checked(PyObject* made) {
  if (made == nullptr) {
    throw py::error_already_set();
  }
  return py::reinterpret_steal<py::object>(made);
}

}  // namespace

TextArgument::TextArgument(const char* operation, py::handle text) {
  if (PyUnicode_Check(text.ptr())) {
    read_string(text);
  } else if (PyBytes_Check(text.ptr())) {
    owner_ = py::reinterpret_borrow<py::object>(text);
    bytes_ = view(PyBytes_AS_STRING(text.ptr()), PyBytes_GET_SIZE(text.ptr()));
  } else if (PyByteArray_Check(text.ptr()) || PyMemoryView_Check(text.ptr())) {
    owner_ = py::reinterpret_borrow<py::object>(text);
    if (PyObject_GetBuffer(text.ptr(), &buffer_, PyBUF_SIMPLE) != 0) {
      PyErr_Clear();  // a memoryview with gaps: its bytes are copied
      owner_ = checked(PyBytes_FromObject(text.ptr()));
      bytes_ = view(PyBytes_AS_STRING(owner_.ptr()), PyBytes_GET_SIZE(owner_.ptr()));
      return;
    }
    bytes_ = view(static_cast<const char*>(buffer_.buf), buffer_.len);
  } else {
    throw py::type_error(std::string(operation) + ": argument 'text' must be str or bytes, got " +
                         Py_TYPE(text.ptr())->tp_name);
  }
}

TextArgument::TextArgument(TextArgument&& other) noexcept
    : owner_(std::move(other.owner_)), buffer_(std::exchange(other.buffer_, Py_buffer{})), bytes_(other.bytes_) {}

TextArgument::~TextArgument() {
  if (buffer_.obj != nullptr) {
    PyBuffer_Release(&buffer_);
  }
}

void TextArgument::read_string(py::handle text) {
  if (PyUnicode_IS_ASCII(text.ptr())) {
    owner_ = py::reinterpret_borrow<py::object>(text);
    bytes_ = view(reinterpret_cast<const char*>(PyUnicode_1BYTE_DATA(text.ptr())), PyUnicode_GET_LENGTH(text.ptr()));
    return;
  }
  PyObject* encoded = PyUnicode_AsUTF8String(text.ptr());
  if (encoded == nullptr) {
    if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError) == 0) {
      throw py::error_already_set();
    }
    PyErr_Clear();
    const py::object units = checked(PyUnicode_AsEncodedString(text.ptr(), "utf-16-le", "surrogatepass"));
    int order = -1;
    const py::object repaired = checked(
        PyUnicode_DecodeUTF16(PyBytes_AS_STRING(units.ptr()), PyBytes_GET_SIZE(units.ptr()), "replace", &order));
    encoded = PyUnicode_AsUTF8String(repaired.ptr());
  }
  owner_ = checked(encoded);
  bytes_ = view(PyBytes_AS_STRING(owner_.ptr()), PyBytes_GET_SIZE(owner_.ptr()));
}

void raise_if(const char* operation, const Status& status) {
  if (status.ok()) {
    return;
  }
  char message[160];
  if (status.code == bpe::kMissingByte) {
    std::snprintf(message, sizeof message, "%s: no token for byte 0x%02llX at byte offset %lld", operation,
                  static_cast<unsigned long long>(status.value), static_cast<long long>(status.column));
  } else {
    std::snprintf(message, sizeof message, "%s: the text has a piece of 4 GiB or more", operation);
  }
  throw py::value_error(message);
}

}  // namespace tokops
