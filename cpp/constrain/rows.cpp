// SPDX-License-Identifier: Apache-2.0
#include "constrain/rows.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "constrain/mask.h"
#include "tokops/thread_pool.h"

namespace tokops::constrain {
namespace {

constexpr int64_t kDrawGrain = 64;  // rows of about 1 us each

}  // namespace

Rows::Rows(int64_t vocab, uint64_t seed, const int64_t* streams, int64_t batch, const Distribution& distribution)
    : vocab_(vocab), distribution_(distribution) {
  const auto rows = static_cast<std::size_t>(batch);
  const auto chunks = static_cast<std::size_t>(chunks_of(vocab));
  const std::size_t groups = (chunks + kGroup - 1) / kGroup;
  const auto words = static_cast<std::size_t>((vocab + 31) / 32);
  walks_.resize(rows);
  steps_.resize(rows);
  status_.assign(rows, kNoValid);
  sums_.resize(rows * chunks);
  groups_.resize(rows * groups);
  open_.resize(rows * words);
  for (std::size_t row = 0; row < rows; ++row) {
    Walk& walk = walks_[row];
    walk.seed = seed;
    walk.stream = static_cast<uint64_t>(streams[row]);
    walk.vocab = vocab;
    walk.greedy = distribution.greedy;
    walk.sums = sums_.data() + row * chunks;
    walk.groups = groups_.data() + row * groups;
    walk.open = open_.data() + row * words;
  }
}

int64_t Rows::memory_bytes() const noexcept {
  const std::size_t bytes = walks_.size() * sizeof(Walk) + steps_.size() * sizeof(Step) + status_.size() +
                            (sums_.size() + groups_.size()) * sizeof(int64_t) +
                            (open_.size() + accepted_.size()) * sizeof(uint32_t);
  return static_cast<int64_t>(bytes);
}

void Rows::load(const TensorView& logits, const int64_t* steps, const TensorView& mask, int8_t* status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  parallel_for(batch(), row_grain(vocab_), [&](int64_t begin, int64_t end) {
    std::vector<uint64_t> keys;
    for (int64_t i = begin; i < end; ++i) {
      walk(i).step = static_cast<uint64_t>(steps[i]);
      const int8_t found = load_row(logits_of(logits, i), i, mask, keys);
      status_[static_cast<std::size_t>(i)] = found;
      status[i] = found;
    }
  });
}

int8_t Rows::load_row(const LogitRow& row, int64_t index, const TensorView& mask, std::vector<uint64_t>& keys) {
  Walk& w = walk(index);
  w.live = false;
  w.total = w.remaining = w.tier = 0;
  w.log_scale = 0.0;
  std::fill(std::begin(w.used), std::end(w.used), 0u);
  std::array<float, kMaxChunks> maxima;
  if (!constrain_masses().chunk_maxima(row, maxima.data())) {
    return kBadLogits;
  }
  w.top = w.first_top = largest_of(maxima.data(), chunks_of(vocab_));
  if (w.top == -INFINITY) {
    return kNoValid;
  }
  w.live = true;
  if (distribution_.truncation.on()) {
    const int64_t whole = w.sum_open(row, maxima.data(), nullptr);
    truncate(row, w.top, whole, distribution_.truncation, keys, w.open);
    (void)w.sum_open(row, maxima.data(), w.open);
    w.total = w.remaining;
    if (mask.present()) {
      std::vector<uint32_t> allowed(static_cast<std::size_t>(w.words()));
      pack_mask_row(mask, index, vocab_, allowed.data());
      w.restrict_to(row, allowed.data());
    }
    return kOk;
  }
  if (mask.present()) {
    pack_mask_row(mask, index, vocab_, w.open);
    w.total = w.sum_open(row, maxima.data(), w.open);
  } else {
    fill_words(vocab_, w.open);
    w.total = w.sum_open(row, maxima.data(), nullptr);
  }
  return kOk;
}

void Rows::totals(int64_t* total, int64_t* remaining) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (int64_t i = 0; i < batch(); ++i) {
    total[i] = walk(i).total;
    remaining[i] = walk(i).remaining;
  }
}

void Rows::draw(const TensorView& logits, const int64_t* rows, int64_t count, int64_t n, int64_t* tokens,
                int64_t* masses) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (int64_t i = 0; i < count; ++i) {
    Walk& w = walk(rows[i]);
    const LogitRow row = logits_of(logits, rows[i]);
    for (int64_t j = 0; j < n; ++j) {
      const Drawn drawn = w.live && w.remaining > 0 ? w.draw(row) : Drawn{};
      tokens[i * n + j] = drawn.token;
      masses[i * n + j] = drawn.mass;
    }
  }
}

void Rows::begin(const TensorView& logits, const StepOptions& options, const int64_t* mask_cost) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const int64_t words = (vocab_ + 31) / 32;
  if (options.estimator == Estimator::kGawrs || options.estimator == Estimator::kAuto) {
    accepted_.assign(static_cast<std::size_t>(batch() * words), 0u);
  }
  parallel_for(batch(), kDrawGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (walk(i).live) {
        step(i).start(walk(i), logits_of(logits, i), options, mask_cost[i], accepted_.data() + i * words);
      } else {
        step(i).start_dead(status_[static_cast<std::size_t>(i)]);
      }
    }
  });
}

int64_t Rows::asking(int64_t* rows, int64_t* tokens) {
  const std::lock_guard<std::mutex> lock(mutex_);
  int64_t count = 0;
  for (int64_t i = 0; i < batch(); ++i) {
    if (step(i).asking() != kAskNothing) {
      rows[count] = i;
      tokens[count++] = step(i).asking();
    }
  }
  return count;
}

bool Rows::answer(const TensorView& logits, const int64_t* rows, int64_t count, const bool* valid) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (int64_t i = 0; i < count; ++i) {
    const bool ordered = i == 0 || rows[i] > rows[i - 1];
    if (!ordered || rows[i] < 0 || rows[i] >= batch() || step(rows[i]).asking() < 0) {
      return false;
    }
  }
  parallel_for(count, kDrawGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      step(rows[i]).answer(walk(rows[i]), logits_of(logits, rows[i]), valid[i]);
    }
  });
  return true;
}

int64_t Rows::open_tokens(const TensorView& logits, int64_t row, int64_t* tokens) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const LogitRow source = logits_of(logits, row);
  const Walk& w = walk(row);
  int64_t count = 0;
  for (int64_t token = 0; w.live && token < vocab_; ++token) {
    const bool open = (w.open[token >> 5] >> (token & 31) & 1u) != 0;
    if (open && constrain_masses().scaled(source, token) > -INFINITY) {
      tokens[count++] = token;
    }
  }
  return count;
}

bool Rows::answer_everything(const TensorView& logits, int64_t row, const TensorView& mask, int64_t checks) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Step& s = step(row);
  if (s.asking() != kAskMask && (s.asking() != kAskEverything || !mask.present())) {
    return false;
  }
  s.checks += static_cast<int32_t>(checks);
  const LogitRow source = logits_of(logits, row);
  if (!mask.present()) {
    s.answer_everything(walk(row), source, nullptr);
    return true;
  }
  std::vector<uint32_t> allowed(static_cast<std::size_t>((vocab_ + 31) / 32));
  pack_mask_row(mask, 0, vocab_, allowed.data());
  s.answer_everything(walk(row), source, allowed.data());
  return true;
}

void Rows::step_mask(const TensorView& logits, const TensorView& mask) {
  const std::lock_guard<std::mutex> lock(mutex_);
  parallel_for(batch(), row_grain(vocab_), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      step_row(logits_of(logits, i), i, mask);
    }
  });
}

void Rows::step_row(const LogitRow& row, int64_t index, const TensorView& mask) {
  Step& s = step(index);
  Walk& w = walk(index);
  while (s.asking() != kAskNothing) {
    if (s.asking() >= 0) {
      s.answer(w, row, !mask.present() || mask_bit(mask, index, s.asking()));
    } else if (!mask.present()) {
      s.all_open_allowed(w, row);
    } else {
      std::vector<uint32_t> allowed(static_cast<std::size_t>(w.words()));
      pack_mask_row(mask, index, vocab_, allowed.data());
      s.answer_everything(w, row, allowed.data());
    }
  }
}

}  // namespace tokops::constrain
