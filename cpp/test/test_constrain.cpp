// SPDX-License-Identifier: Apache-2.0
// constrain::Rows draws against the definition: the next 64-bit word of the row's stream, scaled to the remaining
// mass, picks the first open token in id order whose running mass exceeds it. Whole numbers, so equality is exact.
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "check.h"
#include "constrain/masses.h"
#include "constrain/rows.h"
#include "tokops/rng.h"
#include "views.h"

namespace tokops {
namespace {

using test::view;

std::vector<float> draw_logits(test::Random& random, int64_t count) {
  std::vector<float> logits(static_cast<std::size_t>(count));
  const int64_t range = random.between(0, 2) == 0 ? 0 : random.between(1, 40);
  for (float& value : logits) {
    value = static_cast<float>(random.between(-range * 8, range * 8)) / 8.0F;
    if (random.between(0, 40) == 0) {
      value = -std::numeric_limits<float>::infinity();
    }
  }
  return logits;
}

struct Token {
  int64_t id = -1;
  int64_t mass = 0;
};

// Draws of one row without replacement; `masses` is emptied as they go.
std::vector<Token> draws_by_definition(std::vector<int64_t> masses, int64_t n, uint64_t seed, uint64_t stream,
                                       uint64_t step) {
  std::vector<Token> drawn;
  int64_t remaining = 0;
  for (const int64_t mass : masses) {
    remaining += mass;
  }
  for (int64_t j = 0; j < n; ++j) {
    Token token;
    if (remaining > 0) {
      const uint64_t word = low_u64(philox(seed, stream, step << 32 | static_cast<uint64_t>(j)));
      const auto u = static_cast<int64_t>(mul_high(word, static_cast<uint64_t>(remaining)));
      int64_t running = 0;
      for (std::size_t i = 0; i < masses.size() && token.id < 0; ++i) {
        running += masses[i];
        if (running > u) {
          token = {static_cast<int64_t>(i), masses[i]};
        }
      }
      masses[static_cast<std::size_t>(token.id)] = 0;
      remaining -= token.mass;
    }
    drawn.push_back(token);
  }
  return drawn;
}

TOKOPS_FUZZ(draws_against_the_running_sum) {
  const int64_t vocab = random.between(1, random.between(0, 3) == 0 ? 20000 : 300);
  const int64_t batch = random.between(1, 3);
  const int64_t n = random.between(1, vocab < 20 ? vocab + 2 : 20);
  std::vector<float> logits = draw_logits(random, batch * vocab);
  const uint64_t seed = random.word();
  std::vector<int64_t> streams;
  std::vector<int64_t> steps;
  std::vector<int64_t> numbers;
  for (int64_t row = 0; row < batch; ++row) {
    streams.push_back(random.between(0, 1000));
    steps.push_back(random.between(0, 1000));
    numbers.push_back(row);
  }
  const TensorView x = view(logits, DType::kFloat32, {batch, vocab});
  constrain::Rows rows(vocab, seed, streams.data(), batch, {});
  std::vector<int8_t> status(static_cast<std::size_t>(batch));
  rows.load(x, steps.data(), TensorView{}, status.data());
  std::vector<int64_t> tokens(static_cast<std::size_t>(batch * n));
  std::vector<int64_t> drawn_masses(tokens.size());
  rows.draw(x, numbers.data(), batch, n, tokens.data(), drawn_masses.data());
  std::vector<int64_t> masses(static_cast<std::size_t>(batch * vocab));
  constrain::masses(x, 1.0F, masses.data());
  for (int64_t row = 0; row < batch; ++row) {
    const auto r = static_cast<std::size_t>(row);
    const std::vector<int64_t> own(masses.begin() + row * vocab, masses.begin() + (row + 1) * vocab);
    const auto wanted =
        draws_by_definition(own, n, seed, static_cast<uint64_t>(streams[r]), static_cast<uint64_t>(steps[r]));
    for (int64_t j = 0; j < n; ++j) {
      const auto place = static_cast<std::size_t>(row * n + j);
      TOKOPS_CHECK_EQ(tokens[place], wanted[static_cast<std::size_t>(j)].id);
      TOKOPS_CHECK_EQ(drawn_masses[place], wanted[static_cast<std::size_t>(j)].mass);
    }
  }
}

TOKOPS_ENTRY(load_and_draw_32k) {
  constexpr int64_t kVocab = 32768;
  struct State {
    std::vector<float> logits;
    std::vector<int64_t> tokens = std::vector<int64_t>(8);
    std::vector<int64_t> masses = std::vector<int64_t>(8);
    int64_t stream = 3;
    int64_t step = 7;
    int64_t row = 0;
    int8_t status = 0;
  };
  auto state = std::make_shared<State>();
  test::Random random(1, 0);
  for (int64_t i = 0; i < kVocab; ++i) {
    state->logits.push_back(static_cast<float>(random.between(-80, 80)) / 8.0F);
  }
  return [state] {
    const TensorView x = view(state->logits, DType::kFloat32, {1, kVocab});
    constrain::Rows rows(kVocab, 42, &state->stream, 1, {});
    rows.load(x, &state->step, TensorView{}, &state->status);
    rows.draw(x, &state->row, 1, 8, state->tokens.data(), state->masses.data());
    TOKOPS_CHECK(state->tokens[7] >= 0);
  };
}

}  // namespace
}  // namespace tokops
