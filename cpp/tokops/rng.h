// SPDX-License-Identifier: Apache-2.0
// Philox4x32-10 counter-based random words, the same in the Python reference, C++ and CUDA.
// block(seed, stream, counter) is a pure function: a draw depends on nothing but its three numbers.
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
#pragma once

#include <stdint.h>

#include "tokops/dtype.h"

namespace tokops {

struct PhiloxBlock {
  uint32_t word[4];
};

static TOKOPS_HD uint64_t mul_high(uint64_t a, uint64_t b) {
#if defined(__CUDA_ARCH__)
  return __umul64hi(a, b);
#else
  __extension__ typedef unsigned __int128 uint128;
  return static_cast<uint64_t>((static_cast<uint128>(a) * b) >> 64);
#endif
}

static TOKOPS_HD PhiloxBlock philox(uint64_t seed, uint64_t stream, uint64_t counter) {
  uint32_t key0 = static_cast<uint32_t>(seed);
  uint32_t key1 = static_cast<uint32_t>(seed >> 32);
  uint32_t c0 = static_cast<uint32_t>(counter);
  uint32_t c1 = static_cast<uint32_t>(counter >> 32);
  uint32_t c2 = static_cast<uint32_t>(stream);
  uint32_t c3 = static_cast<uint32_t>(stream >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t left = static_cast<uint64_t>(0xd2511f53u) * c0;
    const uint64_t right = static_cast<uint64_t>(0xcd9e8d57u) * c2;
    c0 = static_cast<uint32_t>(right >> 32) ^ c1 ^ key0;
    c1 = static_cast<uint32_t>(right);
    c2 = static_cast<uint32_t>(left >> 32) ^ c3 ^ key1;
    c3 = static_cast<uint32_t>(left);
    key0 += 0x9e3779b9u;
    key1 += 0xbb67ae85u;
  }
  return {{c0, c1, c2, c3}};
}

static TOKOPS_HD uint64_t low_u64(const PhiloxBlock& block) {
  return block.word[0] | (static_cast<uint64_t>(block.word[1]) << 32);
}

static TOKOPS_HD uint64_t high_u64(const PhiloxBlock& block) {
  return block.word[2] | (static_cast<uint64_t>(block.word[3]) << 32);
}

}  // namespace tokops
