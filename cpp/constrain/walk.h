// SPDX-License-Identifier: Apache-2.0
// One row's walk: tokens drawn without replacement in proportion to their integer masses.
// A draw takes a 64-bit word z, u = high half of z * R, and picks the first open token in id order whose running
// mass exceeds u. Two levels of sums (256 tokens, 16 chunks) and one recomputed chunk: O(v/4096 + 300) per draw.
// The memory (sums, groups, open) belongs to the owner of the rows; nothing is allocated here.
// The logits may have been changed by their owner since the load: draws are then wrong, but stay in bounds and end.
#pragma once

#include <cstdint>

#include "constrain/masses.h"

namespace tokops::constrain {

enum Purpose : uint32_t { kWalk = 0, kPhantom = 1, kExact = 2 };

constexpr int64_t kGroup = 16;  // chunks per group

struct Drawn {
  int64_t token = -1;  // -1: nothing with mass is left
  int64_t mass = 0;
};

class Walk {
 public:
  uint64_t seed = 0, stream = 0, step = 0;
  int64_t vocab = 0;
  int64_t* sums = nullptr;    // [chunks] mass of the open tokens
  int64_t* groups = nullptr;  // [ceil(chunks / 16)]
  uint32_t* open = nullptr;   // [ceil(v / 32)] bits of tokens kept, allowed and not drawn
  bool greedy = false;
  bool live = false;  // false: bad logits or nothing in the support

  int64_t total = 0;
  int64_t remaining = 0;
  int64_t tier = 0;
  double log_scale = 0.0;
  float first_top = 0.0f;
  float top = 0.0f;

  [[nodiscard]] uint64_t word(Purpose purpose) noexcept;
  // Picks an open token, which stays open.
  [[nodiscard]] Drawn pick(const LogitRow& row, Purpose purpose) noexcept;
  [[nodiscard]] Drawn draw(const LogitRow& row) noexcept;
  void close(int64_t token, int64_t mass) noexcept;
  void reopen(int64_t token, int64_t mass) noexcept;
  // Recomputes the sums of what is open; returns the mass of the whole row.
  int64_t sum_open(const LogitRow& row, const float* maxima, const uint32_t* bits) noexcept;
  // Closes what `allowed` (bits) does not have.
  void restrict_to(const LogitRow& row, const uint32_t* allowed) noexcept;
  // Measures the open tokens against the best of them; false when nothing open is in the support.
  [[nodiscard]] bool next_tier(const LogitRow& row) noexcept;
  [[nodiscard]] int64_t words() const noexcept { return (vocab + 31) / 32; }

  uint32_t used[3] = {0, 0, 0};

 private:
  [[nodiscard]] Drawn find(const LogitRow& row, int64_t chunk, int64_t u) const noexcept;
  void change(int64_t token, int64_t mass) noexcept;
};

}  // namespace tokops::constrain
