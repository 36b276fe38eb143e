// SPDX-License-Identifier: Apache-2.0
// Philox against its published known answers, every 16-bit float, and the bump allocator's promises.
// The float oracles are the compiler's own arithmetic in double and a search of the nearest neighbours,
// not the code under test.
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <new>
#include <span>
#include <vector>

#include "check.h"
#include "tokops/dtype.h"
#include "tokops/rng.h"
#include "tokops/scratch.h"

namespace tokops {
namespace {

struct KnownAnswer {
  uint64_t seed, stream, counter;
  std::array<uint32_t, 4> words;
};

// Random123's kat_vectors (philox4x32 10), and one row of the token-loop convention.
constexpr uint64_t kOnes = ~uint64_t{0};
constexpr std::array<KnownAnswer, 4> kAnswers = {{
    {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {kOnes, kOnes, kOnes, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    {42, 3, uint64_t{7} << 32 | 5, {0xe0dad5f8, 0x361a473e, 0xd046d0c8, 0xb603b434}},
}};

TOKOPS_TEST(philox_gives_the_published_words) {
  for (const KnownAnswer& answer : kAnswers) {
    const PhiloxBlock block = philox(answer.seed, answer.stream, answer.counter);
    for (std::size_t i = 0; i < 4; ++i) {
      TOKOPS_CHECK_EQ(block.word[i], answer.words[i]);
    }
  }
}

TOKOPS_TEST(mul_high_gives_the_upper_64_bits) {
  TOKOPS_CHECK_EQ(mul_high(kOnes, kOnes), kOnes - 1);
  TOKOPS_CHECK_EQ(mul_high(uint64_t{1} << 63, 2), uint64_t{1});
  TOKOPS_CHECK_EQ(mul_high(kOnes, 1), uint64_t{0});
}

// Value of a 16-bit float with the given widths, by the definition of the format, in double.
double value_of(uint16_t bits, int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const double fraction = std::ldexp(bits & ((1 << fraction_bits) - 1), -fraction_bits);
  const double sign = (bits >> 15) != 0 ? -1.0 : 1.0;
  if (exponent == (1 << exponent_bits) - 1) {
    return fraction == 0.0 ? sign * std::numeric_limits<double>::infinity() : std::nan("");
  }
  return exponent == 0 ? sign * std::ldexp(fraction, 1 - bias) : sign * std::ldexp(1.0 + fraction, exponent - bias);
}

bool same_float(float a, double b) {
  if (std::isnan(b)) {
    return std::isnan(a);
  }
  return static_cast<double>(a) == b && std::signbit(a) == std::signbit(b);
}

TOKOPS_TEST(every_16_bit_float_widens_to_its_value_and_narrows_back) {
  for (uint32_t i = 0; i < 65536; ++i) {
    const auto bits = static_cast<uint16_t>(i);
    const float half = float_from_f16(bits);
    const float brain = float_from_bf16(bits);
    TOKOPS_CHECK(same_float(half, value_of(bits, 5, 10)));
    TOKOPS_CHECK(same_float(brain, value_of(bits, 8, 7)));
    if (std::isnan(half)) {
      TOKOPS_CHECK(std::isnan(float_from_f16(f16_from_float(half))));
    } else {
      TOKOPS_CHECK_EQ(f16_from_float(half), bits);
    }
    if (std::isnan(brain)) {
      TOKOPS_CHECK(std::isnan(float_from_bf16(bf16_from_float(brain))));
    } else {
      TOKOPS_CHECK_EQ(bf16_from_float(brain), bits);
    }
  }
}

// Round to nearest even between the two neighbours of the format that enclose x >= 0, found by bisection.
uint16_t nearest(float x, float (*widen)(uint16_t), uint16_t infinity) {
  uint16_t low = 0;
  uint16_t high = infinity;
  while (high - low > 1) {
    const auto middle = static_cast<uint16_t>((low + high) / 2);
    (widen(middle) <= x ? low : high) = middle;
  }
  if (widen(high) <= x) {
    return high;
  }
  // The value that infinity would have if the format went on: one step above the largest.
  const auto step = static_cast<double>(widen(low)) - static_cast<double>(widen(static_cast<uint16_t>(low - 1)));
  const double above = high == infinity ? static_cast<double>(widen(low)) + step : static_cast<double>(widen(high));
  const double down = static_cast<double>(x) - static_cast<double>(widen(low));
  const double up = above - static_cast<double>(x);
  if (down == up) {
    return low % 2 == 0 ? low : high;
  }
  return down < up ? low : high;
}

void check_narrowing(float x) {
  const auto sign = static_cast<uint16_t>(std::signbit(x) ? 0x8000 : 0);
  const uint16_t half = nearest(std::fabs(x), float_from_f16, 0x7c00);
  const uint16_t brain = nearest(std::fabs(x), float_from_bf16, 0x7f80);
  TOKOPS_CHECK_EQ(f16_from_float(x), static_cast<uint16_t>(half | sign));
  TOKOPS_CHECK_EQ(bf16_from_float(x), static_cast<uint16_t>(brain | sign));
}

TOKOPS_TEST(narrowing_rounds_to_nearest_even_at_and_around_every_midpoint) {
  for (uint32_t i = 0; i < 0x7c00; ++i) {
    const float a = float_from_f16(static_cast<uint16_t>(i));
    const float next = i == 0x7bff ? 65536.0F : float_from_f16(static_cast<uint16_t>(i + 1));
    const float middle = a + (next - a) / 2;
    for (const float x : {std::nextafter(middle, 0.0F), middle, std::nextafter(middle, next)}) {
      check_narrowing(x);
      check_narrowing(-x);
    }
  }
  check_narrowing(std::numeric_limits<float>::max());
  check_narrowing(std::numeric_limits<float>::denorm_min());
  check_narrowing(std::numeric_limits<float>::infinity());
}

TOKOPS_FUZZ(narrowing_of_random_floats) {
  const float x = std::bit_cast<float>(random.word());
  if (!std::isnan(x)) {
    check_narrowing(x);
  }
}

TOKOPS_TEST(scratch_gives_aligned_disjoint_memory) {
  Scratch scratch;
  std::vector<std::span<uint8_t>> parts;
  for (const std::size_t size : {1U, 63U, 64U, 65U, 70000U, 3U, 200000U}) {
    const auto part = scratch.take<uint8_t>(size);
    TOKOPS_CHECK_EQ(part.size(), size);
    TOKOPS_CHECK_EQ(reinterpret_cast<uintptr_t>(part.data()) % 64, uintptr_t{0});
    for (uint8_t& byte : part) {
      byte = static_cast<uint8_t>(parts.size() + 1);
    }
    parts.push_back(part);
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    for (const uint8_t byte : parts[i]) {
      TOKOPS_CHECK_EQ(static_cast<std::size_t>(byte), i + 1);
    }
  }
}

TOKOPS_TEST(scratch_refuses_a_size_whose_bytes_overflow) {
  Scratch scratch;
  bool refused = false;
  try {
    static_cast<void>(scratch.take<uint64_t>(std::numeric_limits<std::size_t>::max() / 4));
  } catch (const std::bad_alloc&) {
    refused = true;
  }
  TOKOPS_CHECK(refused);
}

TOKOPS_ENTRY(philox_1000_blocks) {
  return [] {
    uint32_t mixed = 0;
    for (uint64_t i = 0; i < 1000; ++i) {
      mixed ^= philox(1, 2, i).word[3];
    }
    TOKOPS_CHECK(mixed != 0);
  };
}

}  // namespace
}  // namespace tokops
