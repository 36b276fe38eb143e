// SPDX-License-Identifier: Apache-2.0
// A batch of rows: their walks and the steps under way, with the memory they need.
// Every call names the logits again; they must be the ones that were loaded (same shape), nothing is kept of them.
// Memory: batch * (v/256 * 8.5 + v/8 + about 400) bytes, v/8 more once gawrs is used; truncation takes 8 v bytes
// per thread during a load. Rows are independent, so threads, batch and order cannot change a row's result.
// One call at a time: a mutex is held while rows are worked on.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "constrain/step.h"
#include "constrain/truncate.h"
#include "tokops/span.h"

namespace tokops::constrain {

struct Distribution {
  float inverse = 1.0f;  // 1 / temperature
  bool greedy = false;
  Truncation truncation;
};

class Rows {
 public:
  Rows(int64_t vocab, uint64_t seed, const int64_t* streams, int64_t batch, const Distribution& distribution);

  [[nodiscard]] int64_t batch() const noexcept { return static_cast<int64_t>(walks_.size()); }
  [[nodiscard]] int64_t vocab() const noexcept { return vocab_; }
  [[nodiscard]] int64_t memory_bytes() const noexcept;

  // `mask` is absent, bool [b, v] or packed 32-bit words [b, ceil(v/32)], unit last stride.
  void load(const TensorView& logits, const int64_t* steps, const TensorView& mask, int8_t* status);
  void totals(int64_t* total, int64_t* remaining);
  // rows in [0, batch); tokens and masses are [count, n].
  void draw(const TensorView& logits, const int64_t* rows, int64_t count, int64_t n, int64_t* tokens, int64_t* masses);

  void begin(const TensorView& logits, const StepOptions& options, const int64_t* mask_cost);
  // Unfinished rows, ascending, and what each asks; returns their number.
  int64_t asking(int64_t* rows, int64_t* tokens);
  // rows strictly ascending, each asking about a token; false otherwise, and nothing is done.
  [[nodiscard]] bool answer(const TensorView& logits, const int64_t* rows, int64_t count, const bool* valid);
  int64_t open_tokens(const TensorView& logits, int64_t row, int64_t* tokens);
  // `mask` has one row, or is absent: no mask now. False unless the row asks for it.
  [[nodiscard]] bool answer_everything(const TensorView& logits, int64_t row, const TensorView& mask, int64_t checks);
  // Answers all questions from a mask; absent: everything open is allowed, for rows that ask for everything.
  void step_mask(const TensorView& logits, const TensorView& mask);
  [[nodiscard]] const Outcome& outcome(int64_t row) const noexcept {
    return steps_[static_cast<std::size_t>(row)].outcome;
  }
  [[nodiscard]] int32_t checks(int64_t row) const noexcept { return steps_[static_cast<std::size_t>(row)].checks; }

 private:
  int8_t load_row(const LogitRow& row, int64_t index, const TensorView& mask, std::vector<uint64_t>& keys);
  void step_row(const LogitRow& row, int64_t index, const TensorView& mask);
  [[nodiscard]] Walk& walk(int64_t row) noexcept { return walks_[static_cast<std::size_t>(row)]; }
  [[nodiscard]] Step& step(int64_t row) noexcept { return steps_[static_cast<std::size_t>(row)]; }
  [[nodiscard]] LogitRow logits_of(const TensorView& logits, int64_t row) const noexcept {
    return logit_row(logits, row, distribution_.inverse);
  }

  int64_t vocab_;
  Distribution distribution_;
  std::mutex mutex_;
  std::vector<Walk> walks_;
  std::vector<Step> steps_;
  std::vector<int8_t> status_;
  std::vector<int64_t> sums_;
  std::vector<int64_t> groups_;
  std::vector<uint32_t> open_;
  std::vector<uint32_t> accepted_;
};

}  // namespace tokops::constrain
