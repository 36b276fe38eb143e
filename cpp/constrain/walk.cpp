// SPDX-License-Identifier: Apache-2.0
#include "constrain/walk.h"

#include <algorithm>
#include <array>

#include "tokops/rng.h"

namespace tokops::constrain {
namespace {

bool is_open(const uint32_t* open, int64_t token) noexcept { return (open[token >> 5] >> (token & 31) & 1u) != 0; }

}  // namespace

uint64_t Walk::word(Purpose purpose) noexcept {
  const uint64_t counter = step << 32 | static_cast<uint64_t>(purpose) << 28 | used[purpose]++;
  return low_u64(philox(seed, stream, counter));
}

Drawn Walk::pick(const LogitRow& row, Purpose purpose) noexcept {
  const ConstrainMasses& kernel = constrain_masses();
  if (greedy) {
    float best = 0.0f;
    const int64_t token = kernel.open_argmax(row, open, &best);
    int64_t mass = 0;
    if (token < 0) {
      remaining = 0;
      return {};
    }
    kernel.masses(row, top, token, 1, &mass);
    return {token, mass};
  }
  const int64_t chunks = chunks_of(vocab);
  const int64_t group_count = (chunks + kGroup - 1) / kGroup;
  while (remaining > 0) {
    int64_t u = static_cast<int64_t>(mul_high(word(purpose), static_cast<uint64_t>(remaining)));
    int64_t group = 0;
    while (group + 1 < group_count && u >= groups[group]) {
      u -= groups[group++];
    }
    int64_t chunk = group * kGroup;
    const int64_t last = std::min(chunk + kGroup, chunks) - 1;
    while (chunk < last && u >= sums[chunk]) {
      u -= sums[chunk++];
    }
    const Drawn found = find(row, chunk, u);
    if (found.token >= 0) {
      return found;
    }
    // Only when the logits changed under the walk: drop the chunk and go on with what is left.
    const int64_t lost = sums[chunk];
    remaining = lost > 0 ? remaining - lost : 0;
    groups[group] -= lost;
    sums[chunk] = 0;
  }
  return {};
}

Drawn Walk::find(const LogitRow& row, int64_t chunk, int64_t u) const noexcept {
  std::array<int64_t, kMassChunk> mass;
  const int64_t begin = chunk * kMassChunk;
  const int64_t count = std::min(kMassChunk, vocab - begin);
  constrain_masses().masses(row, top, begin, count, mass.data());
  Drawn found;
  for (int64_t i = 0; i < count; ++i) {
    if (!is_open(open, begin + i) || mass[static_cast<std::size_t>(i)] <= 0) {
      continue;
    }
    const int64_t own = mass[static_cast<std::size_t>(i)];
    found = {begin + i, std::min(own, sums[chunk])};
    if (u < own) {
      break;
    }
    u -= own;
  }
  return found.mass > 0 ? found : Drawn{};
}

Drawn Walk::draw(const LogitRow& row) noexcept {
  const Drawn found = pick(row, kWalk);
  if (found.token >= 0) {
    close(found.token, found.mass);
  }
  return found;
}

void Walk::change(int64_t token, int64_t mass) noexcept {
  sums[token / kMassChunk] += mass;
  groups[token / (kMassChunk * kGroup)] += mass;
  remaining += mass;
}

void Walk::close(int64_t token, int64_t mass) noexcept {
  open[token >> 5] &= ~(1u << (token & 31));
  change(token, -mass);
}

void Walk::reopen(int64_t token, int64_t mass) noexcept {
  open[token >> 5] |= 1u << (token & 31);
  change(token, mass);
}

int64_t Walk::sum_open(const LogitRow& row, const float* maxima, const uint32_t* bits) noexcept {
  const int64_t whole = constrain_masses().chunk_sums(row, top, maxima, bits, sums);
  const int64_t chunks = chunks_of(vocab);
  remaining = 0;
  for (int64_t chunk = 0; chunk < chunks; chunk += kGroup) {
    int64_t sum = 0;
    for (int64_t i = chunk; i < std::min(chunk + kGroup, chunks); ++i) {
      sum += sums[i];
    }
    groups[chunk / kGroup] = sum;
    remaining += sum;
  }
  return whole;
}

void Walk::restrict_to(const LogitRow& row, const uint32_t* allowed) noexcept {
  for (int64_t i = 0; i < words(); ++i) {
    open[i] &= allowed[i];
  }
  std::array<float, kMaxChunks> maxima;
  (void)constrain_masses().chunk_maxima(row, maxima.data());
  (void)sum_open(row, maxima.data(), open);
}

bool Walk::next_tier(const LogitRow& row) noexcept {
  float best = 0.0f;
  if (constrain_masses().open_argmax(row, open, &best) < 0) {
    return false;
  }
  std::array<float, kMaxChunks> maxima;
  (void)constrain_masses().chunk_maxima(row, maxima.data());
  top = best;
  ++tier;
  log_scale = static_cast<double>(top) - static_cast<double>(first_top);
  (void)sum_open(row, maxima.data(), open);
  return remaining > 0;
}

}  // namespace tokops::constrain
