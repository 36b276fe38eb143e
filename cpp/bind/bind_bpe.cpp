// SPDX-License-Identifier: Apache-2.0
// Bindings of bpe.Encoding: BpeCore (vocabulary, pattern, merge rule) and BpeSpecials. Both are immutable, so any
// number of threads may call them at once.
#include "bind/bind_bpe.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "bind/bind_core.h"
#include "bind/bpe_text.h"
#include "bind/tensor_arg.h"
#include "bpe/decoder.h"
#include "bpe/encoder.h"
#include "tokops/thread_pool.h"

namespace py = pybind11;

namespace tokops {
namespace {

constexpr DTypeSet kIntegers{DType::kInt8,  DType::kUInt8,  DType::kInt16, DType::kUInt16,
                             DType::kInt32, DType::kUInt32, DType::kInt64, DType::kUInt64};

std::vector<bpe::TokenId> token_ids(const py::dict& tokens) {
  std::vector<bpe::TokenId> out;
  out.reserve(tokens.size());
  for (const auto& [token, id] : tokens) {
    out.push_back({token.cast<std::string>(), id.cast<uint32_t>()});
  }
  return out;
}

py::list to_list(const std::vector<uint32_t>& ids) {
  py::list out(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    PyObject* value = PyLong_FromUnsignedLong(ids[i]);
    if (value == nullptr) {
      throw py::error_already_set();
    }
    PyList_SET_ITEM(out.ptr(), static_cast<Py_ssize_t>(i), value);
  }
  return out;
}

bpe::Encoder make_encoder(const py::dict& ranks, const py::dict& specials, const std::string& pattern,
                          const py::object& merges, bool ignore_merges) {
  if (merges.is_none()) {
    return {bpe::Vocabulary(token_ids(ranks), token_ids(specials)), bpe::Splitter(pattern), ignore_merges};
  }
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const py::handle pair : merges) {
    const auto both = pair.cast<py::tuple>();
    pairs.emplace_back(both[0].cast<std::string>(), both[1].cast<std::string>());
  }
  return {bpe::Vocabulary(token_ids(ranks), token_ids(specials), pairs), bpe::Splitter(pattern), ignore_merges};
}

using Specials = bpe::SpecialTexts;

py::list encode(const bpe::Encoder& core, const char* operation, py::handle text, const Specials* specials) {
  const TextArgument argument(operation, text);
  std::vector<uint32_t> ids;
  raise_if(operation,
           run_on_text(argument.bytes().size(), [&] { return core.encode(argument.bytes(), specials, ids); }));
  return to_list(ids);
}

IdBuffer encode_array(const bpe::Encoder& core, const char* operation, py::handle text, const Specials* specials) {
  const TextArgument argument(operation, text);
  IdBuffer ids;
  raise_if(operation,
           run_on_text(argument.bytes().size(), [&] { return core.encode(argument.bytes(), specials, ids.values); }));
  return ids;
}

int64_t count(const bpe::Encoder& core, const char* operation, py::handle text, const Specials* specials) {
  const TextArgument argument(operation, text);
  int64_t number = 0;
  raise_if(operation,
           run_on_text(argument.bytes().size(), [&] { return core.count(argument.bytes(), specials, number); }));
  return number;
}

py::list encode_pieces(const bpe::Encoder& core, const char* operation, const py::list& pieces) {
  bpe::Merger merger(core.vocabulary, 64 * pieces.size());
  std::vector<uint32_t> ids;
  int64_t offset = 0;
  for (const py::handle piece : pieces) {
    const TextArgument argument(operation, piece);
    raise_if(operation, core.encode_piece(argument.bytes(), offset, merger, ids));
    offset += static_cast<int64_t>(argument.bytes().size());
  }
  return to_list(ids);
}

py::object find(const bpe::Encoder&, const char* operation, py::handle text, const Specials& specials) {
  const TextArgument argument(operation, text);
  const auto size = static_cast<int64_t>(argument.bytes().size());
  const auto match =
      run_on_text(argument.bytes().size(), [&] { return specials.find(argument.bytes().data(), size, 0); });
  return match.text == nullptr ? py::object(py::none()) : py::object(py::str(match.text->bytes));
}

py::list parts(const bpe::Encoder&, const char* operation, py::handle text, const Specials* specials) {
  const TextArgument argument(operation, text);
  const auto* data = argument.bytes().data();
  const auto size = static_cast<int64_t>(argument.bytes().size());
  const auto bytes = [&](int64_t begin, int64_t end) {
    return py::bytes(reinterpret_cast<const char*>(data + begin), static_cast<std::size_t>(end - begin));
  };
  py::list out;
  int64_t begin = 0;
  while (specials != nullptr) {
    const auto match = specials->find(data, size, begin);
    if (match.text == nullptr) {
      break;
    }
    out.append(bytes(begin, match.begin));
    out.append(match.text->id);
    begin = match.begin + static_cast<int64_t>(match.text->bytes.size());
  }
  out.append(bytes(begin, size));
  return out;
}

std::vector<TextArgument> read_texts(const char* operation, const py::list& texts, int64_t& bytes) {
  std::vector<TextArgument> out;
  out.reserve(texts.size());
  for (const py::handle text : texts) {
    out.emplace_back(operation, text);
    bytes += static_cast<int64_t>(out.back().bytes().size());
  }
  return out;
}

// Texts per block: about 64 KiB of text, and at most `blocks` blocks when that is not 0.
int64_t grain_of(int64_t texts, int64_t bytes, int64_t blocks) {
  const int64_t by_size = std::max<int64_t>(1, texts * 65536 / std::max<int64_t>(bytes, 1));
  return blocks == 0 ? by_size : std::max(by_size, (texts + blocks - 1) / blocks);
}

py::tuple encode_batch(const bpe::Encoder& core, const char* operation, const py::list& texts, const Specials* specials,
                       int64_t blocks) {
  int64_t bytes = 0;
  const std::vector<TextArgument> arguments = read_texts(operation, texts, bytes);
  const auto n = static_cast<int64_t>(arguments.size());
  const int64_t grain = grain_of(n, bytes, blocks);
  std::vector<std::vector<uint32_t>> parts(static_cast<std::size_t>((n + grain - 1) / grain));
  std::vector<Status> failures(parts.size());
  IdBuffer ids;
  OffsetBuffer offsets{std::vector<int64_t>(static_cast<std::size_t>(n + 1))};
  run_on_text(static_cast<std::size_t>(bytes), [&] {
    parallel_for(n, grain, [&](int64_t begin, int64_t end) {
      const auto block = static_cast<std::size_t>(begin / grain);
      for (int64_t i = begin; i < end && failures[block].ok(); ++i) {
        const std::size_t before = parts[block].size();
        failures[block] = core.encode(arguments[static_cast<std::size_t>(i)].bytes(), specials, parts[block]);
        offsets.values[static_cast<std::size_t>(i + 1)] = static_cast<int64_t>(parts[block].size() - before);
      }
    });
    for (std::size_t i = 0; i + 1 < offsets.values.size(); ++i) {
      offsets.values[i + 1] += offsets.values[i];
    }
    ids.values.reserve(static_cast<std::size_t>(offsets.values.back()));
    for (const auto& part : parts) {
      ids.values.insert(ids.values.end(), part.begin(), part.end());
    }
    return 0;
  });
  for (const Status& failure : failures) {
    raise_if(operation, failure);
  }
  return py::make_tuple(std::move(ids), std::move(offsets));
}

OffsetBuffer count_batch(const bpe::Encoder& core, const char* operation, const py::list& texts, int64_t blocks) {
  int64_t bytes = 0;
  const std::vector<TextArgument> arguments = read_texts(operation, texts, bytes);
  const auto n = static_cast<int64_t>(arguments.size());
  OffsetBuffer numbers{std::vector<int64_t>(arguments.size())};
  std::vector<Status> failures(arguments.size());
  run_on_text(static_cast<std::size_t>(bytes), [&] {
    parallel_for(n, grain_of(n, bytes, blocks), [&](int64_t begin, int64_t end) {
      for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
        failures[i] = core.count(arguments[i].bytes(), nullptr, numbers.values[i]);
      }
    });
    return 0;
  });
  for (const Status& failure : failures) {
    raise_if(operation, failure);
  }
  return numbers;
}

int64_t token_at(const char* operation, PyObject* item, std::size_t place) {
  if (PyLong_CheckExact(item)) {
    const long value = PyLong_AsLong(item);  // -1 with an error set beyond 63 bits
    if (value >= 0 && value <= 0xFFFFFFFFL) {
      return value;
    }
    PyErr_Clear();
  } else {
    const auto index = py::reinterpret_steal<py::object>(PyIndex_Check(item) ? PyNumber_Index(item) : nullptr);
    if (index) {
      return token_at(operation, index.ptr(), place);
    }
    PyErr_Clear();
    throw py::type_error(std::string(operation) + ": tokens[" + std::to_string(place) + "] must be int, got " +
                         Py_TYPE(item)->tp_name);
  }
  const std::string message = std::string(operation) + ": tokens[" + std::to_string(place) + "] must be in [0, 2**32)";
  PyErr_SetString(PyExc_OverflowError, message.c_str());
  throw py::error_already_set();
}

std::vector<int64_t> read_tokens(const char* operation, py::handle tokens) {
  std::vector<int64_t> out;
  if (PyTuple_Check(tokens.ptr()) || PyList_Check(tokens.ptr())) {
    // A tuple of its own items cannot change while __index__ of one of them runs, a list could.
    const auto items = py::reinterpret_steal<py::object>(PySequence_Tuple(tokens.ptr()));
    if (!items) {
      throw py::error_already_set();
    }
    out.resize(static_cast<std::size_t>(PyTuple_GET_SIZE(items.ptr())));
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = token_at(operation, PyTuple_GET_ITEM(items.ptr(), static_cast<Py_ssize_t>(i)), i);
    }
    return out;
  }
  Reader read(operation);
  const TensorView view = read.input(tokens, "tokens", kIntegers, "n", Strides::kAny);
  out.resize(static_cast<std::size_t>(view.shape[0]));
  const auto copy = [&]<class T>(const T* from) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const T value = from[static_cast<int64_t>(i) * view.strides[0]];
      out[i] = value > T(0) && static_cast<uint64_t>(value) > 0xFFFFFFFFu ? -1 : static_cast<int64_t>(value);
    }
  };
  switch (view.dtype) {
    case DType::kInt8: copy(view.as<const int8_t>()); break;
    case DType::kUInt8: copy(view.as<const uint8_t>()); break;
    case DType::kInt16: copy(view.as<const int16_t>()); break;
    case DType::kUInt16: copy(view.as<const uint16_t>()); break;
    case DType::kInt32: copy(view.as<const int32_t>()); break;
    case DType::kUInt32: copy(view.as<const uint32_t>()); break;
    case DType::kInt64: copy(view.as<const int64_t>()); break;
    default: copy(view.as<const uint64_t>()); break;
  }
  return out;
}

py::bytes decode(const bpe::Encoder& core, const char* operation, py::handle tokens, bool skip_special_tokens) {
  const std::vector<int64_t> ids = read_tokens(operation, tokens);
  const bpe::Decoding decoding = bpe::decode(core.vocabulary, ids, skip_special_tokens);
  if (decoding.place >= 0) {
    const std::string id = py::str(tokens[py::int_(decoding.place)]);
    throw py::key_error(std::string(operation) + ": no token has id " + id + " (position " +
                        std::to_string(decoding.place) + ")");
  }
  auto out =
      py::reinterpret_steal<py::bytes>(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(decoding.size)));
  if (!out) {
    throw py::error_already_set();
  }
  bpe::write(decoding, reinterpret_cast<uint8_t*>(PyBytes_AS_STRING(out.ptr())));
  return out;
}

template <class Buffer>
void register_buffer(py::module_& m, const char* name) {
  py::class_<Buffer>(m, name, plain_type(), py::is_final(), py::buffer_protocol()).def_buffer([](Buffer& buffer) {
    return py::buffer_info(buffer.values.data(), static_cast<py::ssize_t>(buffer.values.size()));
  });
}

}  // namespace

void register_bpe(py::module_& m) {
  register_buffer<IdBuffer>(m, "IdBuffer");
  register_buffer<OffsetBuffer>(m, "OffsetBuffer");
  py::class_<Specials>(m, "BpeSpecials", plain_type(), py::is_final());
  py::class_<bpe::Encoder>(m, "BpeCore", plain_type(), py::is_final())
      .def(py::init(&make_encoder), py::arg("ranks"), py::arg("specials"), py::arg("pattern"), py::arg("merges"),
           py::arg("ignore_merges"))
      .def(
          "specials", [](const bpe::Encoder&, const py::dict& chosen) { return Specials(token_ids(chosen)); },
          py::arg("chosen"))
      .def("find", &find, py::arg("operation"), py::arg("text"), py::arg("specials"))
      .def("parts", &parts, py::arg("operation"), py::arg("text"), py::arg("specials").none(true))
      .def("encode", &encode, py::arg("operation"), py::arg("text"), py::arg("specials").none(true) = nullptr)
      .def("encode_array", &encode_array, py::arg("operation"), py::arg("text"),
           py::arg("specials").none(true) = nullptr)
      .def("encode_pieces", &encode_pieces, py::arg("operation"), py::arg("pieces"))
      .def("encode_batch", &encode_batch, py::arg("operation"), py::arg("texts"), py::arg("specials").none(true),
           py::arg("blocks"))
      .def("count", &count, py::arg("operation"), py::arg("text"), py::arg("specials").none(true) = nullptr)
      .def("count_batch", &count_batch, py::arg("operation"), py::arg("texts"), py::arg("blocks"))
      .def("decode", &decode, py::arg("operation"), py::arg("tokens"), py::arg("skip_special_tokens") = false)
      .def("memory_bytes", [](const bpe::Encoder& core) { return core.vocabulary.memory_bytes(); });
  register_bpe_training(m);
}

}  // namespace tokops
