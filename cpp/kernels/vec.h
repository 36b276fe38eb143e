// SPDX-License-Identifier: Apache-2.0
// Fixed-width vectors (GCC vector extensions) for kernel files: the number of lanes is part of a kernel's
// contract, the compiler maps it to SSE, AVX2, AVX-512 or NEON. Loads and stores are unaligned and read exactly
// sizeof(V) bytes. Lane sums use one halving tree (i with i + half), so bits do not depend on the level.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tokops/dtype.h"

namespace tokops {
namespace TOKOPS_ISA {
namespace {

typedef float f32x8 __attribute__((vector_size(32)));
typedef float f32x16 __attribute__((vector_size(64)));
typedef double f64x8 __attribute__((vector_size(64)));
typedef double f64x16 __attribute__((vector_size(128)));
typedef int32_t i32x8 __attribute__((vector_size(32)));
typedef int32_t i32x16 __attribute__((vector_size(64)));
typedef uint32_t u32x8 __attribute__((vector_size(32)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef int64_t i64x8 __attribute__((vector_size(64)));
typedef uint64_t u64x8 __attribute__((vector_size(64)));
typedef uint16_t u16x16 __attribute__((vector_size(32)));
typedef uint16_t u16x32 __attribute__((vector_size(64)));
typedef uint8_t u8x16 __attribute__((vector_size(16)));

template <class V>
__attribute__((always_inline)) inline void load(V& vector, const void* from) {
  memcpy(&vector, from, sizeof(V));
}

template <class V>
__attribute__((always_inline)) inline void store(void* to, const V& vector) {
  memcpy(to, &vector, sizeof(V));
}

// Lanes (i, i + 8), then + 4, + 2, + 1.
__attribute__((always_inline)) inline float tree_sum(const f32x16& v) {
  float lane[16];
  memcpy(lane, &v, sizeof(v));
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      lane[i] += lane[i + half];
    }
  }
  return lane[0];
}

__attribute__((always_inline)) inline double tree_sum(const f64x16& v) {
  double lane[16];
  memcpy(lane, &v, sizeof(v));
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      lane[i] += lane[i + half];
    }
  }
  return lane[0];
}

}  // namespace
}  // namespace TOKOPS_ISA
}  // namespace tokops
