// SPDX-License-Identifier: Apache-2.0
// TextArgument: the bytes of a str or bytes-like argument for the length of a call.
// ASCII strings and bytes are read in place; other strings are encoded into a temporary, so that no UTF-8 copy stays
// with the caller's object. Surrogate pairs are joined, lone surrogates become U+FFFD. The memory stays valid without
// the GIL. TypeError: `encode: argument 'text' must be str or bytes, got int`.
#pragma once

#include <pybind11/pybind11.h>

#include <span>
#include <string>

#include "bind/gil.h"
#include "bpe/encoder.h"

namespace tokops {

class TextArgument {
 public:
  TextArgument(const char* operation, pybind11::handle text);
  TextArgument(TextArgument&& other) noexcept;
  TextArgument(const TextArgument&) = delete;
  TextArgument& operator=(const TextArgument&) = delete;
  TextArgument& operator=(TextArgument&&) = delete;
  ~TextArgument();

  [[nodiscard]] bpe::Bytes bytes() const noexcept { return bytes_; }

 private:
  void read_string(pybind11::handle text);

  pybind11::object owner_;
  Py_buffer buffer_{};
  bpe::Bytes bytes_;
};

// Runs the work, without the GIL when there are more than about 2 KiB of text.
template <class F>
auto run_on_text(std::size_t bytes, F&& work) {
  if (bytes < 2048) {
    return work();
  }
  const ReleaseGil release;
  return work();
}

// ValueError of a failed encode.
void raise_if(const char* operation, const Status& status);

}  // namespace tokops
