// SPDX-License-Identifier: Apache-2.0
// One constrained step of one row as a state machine: it asks about a token, is told, and asks on.
// The estimators and why their weights are right stand in the reference (reference/constrain/step.py); the phases
// here are its yields. No token is asked twice. Nothing is allocated; all arithmetic is on integers.
#pragma once

#include <cstdint>

#include "constrain/walk.h"

namespace tokops::constrain {

enum StepStatus : int8_t { kOk = 0, kNoValid = 1, kKilled = 2, kBadLogits = 3 };

enum class Estimator { kAuto, kRawrs, kDesraj, kPaper, kGawrs, kNone, kExact };

// Asked in place of a token: the answers for the whole row; its mask, if there is one now; nothing, finished.
constexpr int64_t kAskEverything = -1, kAskMask = -2, kAskNothing = -3;

struct StepOptions {
  Estimator estimator = Estimator::kAuto;
  int64_t extra = 1;
  double eps = 0.0;
  int64_t max_rejects = -1;  // -1: no limit
  int64_t max_accepts = 2;
  int64_t mask_after = -1;  // -1: never
  bool tail = true;
};

struct Outcome {
  int64_t token = -1;
  int64_t num = 0, den = 0, div = 1;
  int64_t lo = 0, hi = 0;
  double log_scale = 0.0;
  int8_t status = kNoValid;
};

// log(num) - log(den) - log(div) + log_scale; -inf when num is 0.
[[nodiscard]] double log_weight(const Outcome& outcome) noexcept;

class Step {
 public:
  // mask_cost: the state's, -1 without a mask. `accepted` has a bit per token, all clear; gawrs needs it.
  void start(Walk& walk, const LogitRow& row, const StepOptions& options, int64_t mask_cost,
             uint32_t* accepted) noexcept;
  void start_dead(int8_t status) noexcept;
  [[nodiscard]] int64_t asking() const noexcept { return asking_; }
  void answer(Walk& walk, const LogitRow& row, bool valid) noexcept;
  // Packed bits of the whole row, or null for "no mask now".
  void answer_everything(Walk& walk, const LogitRow& row, const uint32_t* allowed) noexcept;
  // Finishes a row that asks for everything when all that is open is allowed.
  void all_open_allowed(Walk& walk, const LogitRow& row) noexcept;

  Outcome outcome;
  int32_t checks = 0;

 private:
  enum class Phase { kOrdered, kExtra, kSecond, kGawrs };

  void choose(const Walk& walk, int64_t mask_cost) noexcept;
  [[nodiscard]] bool reach_mass(Walk& walk, const LogitRow& row) const noexcept;
  void stop(const Walk& walk, int8_t status) noexcept;
  void accept(const Walk& walk, int64_t num, int64_t den, int64_t lo, int64_t hi, int64_t div = 1) noexcept;
  [[nodiscard]] bool refuse(const Walk& walk) noexcept;
  [[nodiscard]] bool spent() const noexcept { return options_.max_rejects >= 0 && rejects_ >= options_.max_rejects; }
  void add_rejects(int64_t count) noexcept;
  void ask(Phase phase, const Drawn& drawn) noexcept;
  void next_ordered(Walk& walk, const LogitRow& row) noexcept;
  void first_accepted(Walk& walk, const LogitRow& row) noexcept;
  void next_extra(Walk& walk, const LogitRow& row) noexcept;
  void next_second(Walk& walk, const LogitRow& row) noexcept;
  void next_gawrs(Walk& walk, const LogitRow& row) noexcept;
  void answer_gawrs(Walk& walk, const LogitRow& row, bool valid) noexcept;

  StepOptions options_;
  Phase phase_ = Phase::kOrdered;
  int64_t asking_ = kAskNothing;
  Drawn drawn_;           // what is being asked
  int64_t rejects_ = 0;   // with phantoms
  int64_t refused_ = 0;   // distinct tokens
  int64_t token_ = -1;    // the first accepted
  int64_t accepted_ = 0;  // mass of accepted tokens seen
  int64_t before_ = 0;    // mass unseen before the token being asked
  int64_t asked_extra_ = 0;
  int64_t threshold_ = 0;  // desraj stops once the unseen mass is this small
  int64_t extra_ = 1;
  bool final_ = false;
  int64_t second_refused_ = 0;
  int64_t second_refused_mass_ = 0;
  int64_t accepts_ = 0;
  uint32_t* known_ = nullptr;  // gawrs: bits of accepted tokens
};

}  // namespace tokops::constrain
