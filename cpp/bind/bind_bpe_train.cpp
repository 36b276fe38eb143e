// SPDX-License-Identifier: Apache-2.0
// Bindings of bpe training: BpeCounter counts pieces of texts, BpeTrainer learns merges. One thread at a time may use
// an object; calls hold a mutex, so that several threads wait instead of corrupting it.
#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bind/bind_bpe.h"
#include "bind/bpe_text.h"
#include "bind/tensor_arg.h"
#include "bpe/piece_counter.h"
#include "bpe/trainer.h"
#include "tokops/thread_pool.h"

namespace py = pybind11;

namespace tokops {
namespace {

py::bytes to_bytes(bpe::Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

class Counter {
 public:
  explicit Counter(const std::string& pattern) : splitter_(pattern) {
    if (!splitter_.ok()) {
      throw py::value_error("BpeCounter: no pattern is named '" + pattern + "'");
    }
  }

  py::list pieces(const char* operation, py::handle text) const {
    const TextArgument argument(operation, text);
    const bpe::Bytes bytes = argument.bytes();
    bpe::Cursor cursor = splitter_.start(bytes.data(), static_cast<int64_t>(bytes.size()));
    py::list out;
    for (bpe::Piece piece = splitter_.next(cursor); piece.end > piece.begin; piece = splitter_.next(cursor)) {
      out.append(to_bytes(
          bytes.subspan(static_cast<std::size_t>(piece.begin), static_cast<std::size_t>(piece.end - piece.begin))));
    }
    return out;
  }

  void add(const char* operation, const py::list& texts) {
    std::vector<TextArgument> arguments;
    arguments.reserve(texts.size());
    for (const py::handle text : texts) {
      arguments.emplace_back(operation, text);
    }
    const auto n = static_cast<int64_t>(arguments.size());
    const ReleaseGil release;
    parallel_for(n, kTextsPerBlock, [&](int64_t begin, int64_t end) {
      bpe::PieceCounter part;
      for (int64_t i = begin; i < end; ++i) {
        part.add(splitter_, arguments[static_cast<std::size_t>(i)].bytes());
      }
      const std::lock_guard lock(mutex_);
      counter_.add(part);
    });
  }

  py::list items() {
    const std::lock_guard lock(mutex_);
    py::list out(counter_.size());
    for (uint32_t i = 0; i < counter_.size(); ++i) {
      out[i] = py::make_tuple(to_bytes(counter_.piece(i)), counter_.count(i));
    }
    return out;
  }

 private:
  static constexpr int64_t kTextsPerBlock = 32;

  bpe::Splitter splitter_;
  bpe::PieceCounter counter_;
  std::mutex mutex_;
};

class LockedTrainer {
 public:
  LockedTrainer(py::handle ids_obj, py::handle offsets_obj, py::handle counts_obj,
                const std::vector<std::string>& vocab, int64_t vocab_size, uint64_t min_frequency,
                int64_t max_token_length, bool characters) {
    Reader read("bpe.train");
    const TensorView ids = read.input(ids_obj, "ids", kInt32, "n");
    const TensorView offsets = read.input(offsets_obj, "offsets", kInt64, "w1");
    const TensorView counts = read.input(counts_obj, "counts", {DType::kUInt64}, "w");
    const std::span<const int32_t> letters(ids.as<const int32_t>(), static_cast<std::size_t>(ids.size()));
    const std::span<const int64_t> starts(offsets.as<const int64_t>(), static_cast<std::size_t>(offsets.size()));
    const std::span<const uint64_t> words(counts.as<const uint64_t>(), static_cast<std::size_t>(counts.size()));
    const bool ordered = starts.size() == words.size() + 1 && starts.front() == 0 &&
                         starts.back() == static_cast<int64_t>(letters.size()) && std::ranges::is_sorted(starts);
    const bool known = std::ranges::all_of(
        letters, [&](int32_t id) { return id >= 0 && static_cast<std::size_t>(id) < vocab.size(); });
    if (!ordered || !known || letters.size() >= 0xFFFFFFFFu) {
      throw read.value_error("bpe.train: words must be ids of 'vocab' with ascending offsets, below 2**32 in all");
    }
    trainer_ = read.run(ids.bytes(), [&] {
      return std::make_unique<bpe::Trainer>(
          letters, starts, words, vocab,
          bpe::Trainer::Options{vocab_size, min_frequency, max_token_length, characters});
    });
  }

  bool advance(int64_t merges) {
    const ReleaseGil release;
    const std::lock_guard lock(mutex_);
    return trainer_->advance(merges);
  }

  py::tuple result() {
    const std::lock_guard lock(mutex_);
    py::list merges;
    for (const auto& [left, right] : trainer_->merges()) {
      merges.append(py::make_tuple(left, right));
    }
    py::list vocab;
    for (int64_t id = 0; id < trainer_->vocab_size(); ++id) {
      vocab.append(py::bytes(trainer_->token(id)));
    }
    py::list counts;
    for (const uint64_t count : trainer_->counts()) {
      counts.append(count);
    }
    return py::make_tuple(merges, counts, vocab);
  }

 private:
  std::unique_ptr<bpe::Trainer> trainer_;
  std::mutex mutex_;
};

}  // namespace

void register_bpe_training(py::module_& m) {
  py::class_<Counter>(m, "BpeCounter", plain_type(), py::is_final())
      .def(py::init<const std::string&>(), py::arg("pattern"))
      .def("pieces", &Counter::pieces, py::arg("operation"), py::arg("text"))
      .def("add", &Counter::add, py::arg("operation"), py::arg("texts"))
      .def("items", &Counter::items);
  py::class_<LockedTrainer>(m, "BpeTrainer", plain_type(), py::is_final())
      .def(py::init([](py::handle ids, py::handle offsets, py::handle counts, const py::list& vocab, int64_t vocab_size,
                       uint64_t min_frequency, int64_t max_token_length, bool characters) {
             std::vector<std::string> tokens;
             for (const py::handle token : vocab) {
               tokens.push_back(token.cast<std::string>());
             }
             return std::make_unique<LockedTrainer>(ids, offsets, counts, tokens, vocab_size, min_frequency,
                                                    max_token_length, characters);
           }),
           py::arg("ids"), py::arg("offsets"), py::arg("counts"), py::arg("vocab"), py::kw_only(),
           py::arg("vocab_size"), py::arg("min_frequency"), py::arg("max_token_length"), py::arg("characters"))
      .def("advance", &LockedTrainer::advance, py::arg("merges"))
      .def("result", &LockedTrainer::result);
}

}  // namespace tokops
