// SPDX-License-Identifier: Apache-2.0
#include "constrain/step.h"

#include <algorithm>
#include <cmath>

#include "constrain/geometric.h"
#include "constrain/truncate.h"

namespace tokops::constrain {
namespace {

constexpr int64_t kTop = int64_t{1} << 44;
constexpr int64_t kCheapMask = 64;  // a mask that costs at most this many checks is worth a switch
constexpr int64_t kMany = int64_t{1} << 62;

}  // namespace

double log_weight(const Outcome& o) noexcept {
  if (o.num == 0) {
    return -INFINITY;
  }
  const auto log_of = [](int64_t count) { return std::log(static_cast<double>(count)); };
  return log_of(o.num) - log_of(o.den) - log_of(o.div) + o.log_scale;
}

void Step::start(Walk& walk, const LogitRow& row, const StepOptions& options, int64_t mask_cost,
                 uint32_t* accepted) noexcept {
  *this = Step{};
  options_ = options;
  known_ = accepted;
  if (walk.greedy) {
    options_.estimator = Estimator::kNone;
  } else if (options_.estimator == Estimator::kAuto) {
    choose(walk, mask_cost);
  }
  if (mask_cost < 0 || options_.estimator == Estimator::kGawrs) {
    options_.mask_after = -1;
  }
  if (options_.estimator == Estimator::kExact) {
    asking_ = kAskEverything;
  } else if (options_.estimator == Estimator::kGawrs) {
    next_gawrs(walk, row);
  } else {
    next_ordered(walk, row);
  }
}

void Step::start_dead(int8_t status) noexcept {
  *this = Step{};
  outcome.status = status;
}

// The automatic policy depends on the row and the state's mask cost, never on time.
void Step::choose(const Walk& walk, int64_t mask_cost) noexcept {
  const bool cheap = mask_cost >= 0 && mask_cost <= kCheapMask;
  if (mask_cost == 0) {
    options_.estimator = Estimator::kExact;
  } else if (walk.total <= 3 * kTop / 2) {
    options_.estimator = Estimator::kDesraj;
    options_.extra = 2;
    options_.eps = 1.0 / 16;
  } else if (cheap || (mask_cost >= 0 && options_.mask_after >= 0)) {
    options_.estimator = Estimator::kRawrs;
  } else {
    options_.estimator = Estimator::kGawrs;
    options_.max_accepts = 2;
  }
  if (cheap && options_.mask_after < 0 && options_.estimator != Estimator::kExact) {
    options_.mask_after = 3;
  }
}

bool Step::reach_mass(Walk& walk, const LogitRow& row) const noexcept {
  while (walk.remaining <= 0) {
    if (!options_.tail || !walk.next_tier(row)) {
      return false;
    }
  }
  return true;
}

void Step::stop(const Walk& walk, int8_t status) noexcept {
  asking_ = kAskNothing;
  outcome.status = status;
  outcome.den = walk.total;
  outcome.log_scale = walk.log_scale;
  outcome.hi = status == kKilled ? walk.remaining : 0;
}

void Step::accept(const Walk& walk, int64_t num, int64_t den, int64_t lo, int64_t hi, int64_t div) noexcept {
  asking_ = kAskNothing;
  outcome = {token_, num, den, div, lo, hi, walk.log_scale, kOk};
}

void Step::add_rejects(int64_t count) noexcept { rejects_ = std::min(rejects_ + count, kMany); }

// Counts a refusal; true when it ends or interrupts the walk.
bool Step::refuse(const Walk& walk) noexcept {
  add_rejects(1);
  ++refused_;
  if (spent()) {
    stop(walk, kKilled);
    return true;
  }
  if (refused_ == options_.mask_after) {
    asking_ = kAskMask;
    return true;
  }
  return false;
}

void Step::ask(Phase phase, const Drawn& drawn) noexcept {
  phase_ = phase;
  drawn_ = drawn;
  asking_ = drawn.token;
}

void Step::answer(Walk& walk, const LogitRow& row, bool valid) noexcept {
  ++checks;
  switch (phase_) {
    case Phase::kOrdered:
      if (valid) {
        first_accepted(walk, row);
      } else if (!refuse(walk)) {
        next_ordered(walk, row);
      }
      return;
    case Phase::kExtra: {
      const int64_t num = accepted_ + (valid ? before_ : 0);
      accepted_ += valid ? drawn_.mass : 0;
      if (final_) {
        accept(walk, num, walk.total, accepted_, accepted_ + walk.remaining);
      } else {
        next_extra(walk, row);
      }
      return;
    }
    case Phase::kSecond:
      if (valid) {
        accepted_ += drawn_.mass;
        accept(walk, before_, walk.total, accepted_, before_ - second_refused_mass_, rejects_ + second_refused_ + 1);
      } else {
        ++second_refused_;
        second_refused_mass_ += drawn_.mass;
        next_second(walk, row);
      }
      return;
    case Phase::kGawrs: answer_gawrs(walk, row, valid); return;
  }
}

void Step::answer_everything(Walk& walk, const LogitRow& row, const uint32_t* allowed) noexcept {
  if (allowed == nullptr) {
    next_ordered(walk, row);
    return;
  }
  walk.restrict_to(row, allowed);
  all_open_allowed(walk, row);
}

void Step::all_open_allowed(Walk& walk, const LogitRow& row) noexcept {
  if (!reach_mass(walk, row)) {
    stop(walk, kNoValid);
    return;
  }
  const int64_t mass = walk.remaining;
  token_ = walk.pick(row, kExact).token;
  accept(walk, mass, walk.total, mass, mass);
}

void Step::next_ordered(Walk& walk, const LogitRow& row) noexcept {
  while (reach_mass(walk, row)) {
    const Drawn drawn = walk.draw(row);
    if (drawn.token >= 0) {
      ask(Phase::kOrdered, drawn);
      return;
    }
  }
  stop(walk, kNoValid);
}

void Step::first_accepted(Walk& walk, const LogitRow& row) noexcept {
  token_ = drawn_.token;
  accepted_ = drawn_.mass;
  if (walk.greedy) {
    walk.log_scale = 0.0;
  }
  if (options_.estimator == Estimator::kNone) {
    accept(walk, 1, 1, accepted_, accepted_ + walk.remaining);
    return;
  }
  if (options_.estimator == Estimator::kPaper && walk.tier == 0) {
    before_ = walk.remaining + drawn_.mass;
    walk.reopen(drawn_.token, drawn_.mass);
    next_second(walk, row);
    return;
  }
  if (options_.max_rejects >= 0 && rejects_ == options_.max_rejects - 1) {  // the last permitted attempt
    accept(walk, accepted_ + walk.remaining, walk.total, accepted_, accepted_ + walk.remaining);
    return;
  }
  const bool several = options_.estimator == Estimator::kDesraj && walk.tier == 0;
  extra_ = several ? options_.extra : 1;
  threshold_ = several ? floor_times(options_.eps, walk.total) : 0;
  next_extra(walk, row);
}

void Step::next_extra(Walk& walk, const LogitRow& row) noexcept {
  before_ = walk.remaining;
  const Drawn drawn = walk.remaining > 0 ? walk.draw(row) : Drawn{};
  if (drawn.token < 0) {
    accept(walk, accepted_, walk.total, accepted_, accepted_);
    return;
  }
  ++asked_extra_;
  // Decided before the answer is seen: that keeps the weight unbiased.
  final_ = asked_extra_ == extra_ || before_ <= threshold_ || walk.remaining <= 0;
  ask(Phase::kExtra, drawn);
}

// paper: on without replacement from the state before the first accept, until something is accepted.
void Step::next_second(Walk& walk, const LogitRow& row) noexcept {
  const Drawn drawn = walk.draw(row);
  if (drawn.token < 0 || drawn.token == token_) {
    accept(walk, before_, walk.total, accepted_, before_ - second_refused_mass_, rejects_ + second_refused_ + 1);
    return;
  }
  ask(Phase::kSecond, drawn);
}

void Step::next_gawrs(Walk& walk, const LogitRow& row) noexcept {
  while (walk.remaining > 0 && accepts_ < options_.max_accepts && !spent()) {
    if (walk.remaining < walk.total) {
      add_rejects(geometric(walk.remaining, walk.total, [&] { return walk.word(kPhantom); }));
      if (spent()) {
        break;
      }
    }
    const Drawn drawn = walk.pick(row, kWalk);
    if (drawn.token < 0) {
      break;
    }
    if ((known_[drawn.token >> 5] >> (drawn.token & 31) & 1u) != 0) {
      ++accepts_;
      continue;
    }
    ask(Phase::kGawrs, drawn);
    return;
  }
  if (accepts_ > 0) {
    const int64_t rejects = options_.max_rejects < 0 ? rejects_ : std::min(rejects_, options_.max_rejects);
    accept(walk, std::min(options_.max_accepts - 1, accepts_), accepts_ + rejects - 1, accepted_, walk.remaining);
  } else if (spent()) {
    stop(walk, kKilled);
  } else {
    next_ordered(walk, row);
  }
}

void Step::answer_gawrs(Walk& walk, const LogitRow& row, bool valid) noexcept {
  if (valid) {
    known_[drawn_.token >> 5] |= 1u << (drawn_.token & 31);
    token_ = accepts_ == 0 ? drawn_.token : token_;
    accepted_ += drawn_.mass;
    ++accepts_;
  } else {
    walk.close(drawn_.token, drawn_.mass);
    if (accepts_ > 0) {
      add_rejects(1);
    } else if (refuse(walk)) {
      return;
    }
  }
  next_gawrs(walk, row);
}

}  // namespace tokops::constrain
