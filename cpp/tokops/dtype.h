// SPDX-License-Identifier: Apache-2.0
// Element types and the exact conversions between float32 and the two 16-bit floats.
// Kernel-safe: only static inline functions, no STL. Widening is exact; narrowing rounds to nearest even,
// keeps infinities and turns every NaN into a quiet one.
// TOKOPS_HD marks a function that nvcc also compiles for the device.
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__CUDACC__)
#define TOKOPS_HD __host__ __device__ __forceinline__
#else
#define TOKOPS_HD inline
#endif

namespace tokops {

enum class DType : uint8_t {
  kBool,
  kUInt8,
  kInt8,
  kUInt16,
  kInt16,
  kUInt32,
  kInt32,
  kUInt64,
  kInt64,
  kBFloat16,
  kFloat16,
  kFloat32,
  kFloat64,
};

constexpr int kDTypeCount = 13;

static constexpr int64_t item_size(DType type) {
  switch (type) {
    case DType::kBool:
    case DType::kUInt8:
    case DType::kInt8: return 1;
    case DType::kUInt16:
    case DType::kInt16:
    case DType::kFloat16:
    case DType::kBFloat16: return 2;
    case DType::kUInt32:
    case DType::kInt32:
    case DType::kFloat32: return 4;
    default: return 8;
  }
}

static TOKOPS_HD uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

static TOKOPS_HD float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

static TOKOPS_HD float float_from_bf16(uint16_t half) { return float_of(static_cast<uint32_t>(half) << 16); }

static TOKOPS_HD uint16_t bf16_from_float(float value) {
  const uint32_t bits = bits_of(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    return static_cast<uint16_t>((bits >> 16) | 0x40u);
  }
  const uint32_t round = 0x7fffu + ((bits >> 16) & 1u);
  return static_cast<uint16_t>((bits + round) >> 16);
}

// A subnormal half is an integer multiple of 2^-24, so one exact float32 product widens it.
static TOKOPS_HD float float_from_f16(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  const uint32_t fraction = half & 0x3ffu;
  if (exponent == 0) {
    return float_of(sign | bits_of(static_cast<float>(fraction) * 0x1p-24f));
  }
  if (exponent == 31) {
    return float_of(sign | 0x7f800000u | (fraction << 13));
  }
  return float_of(sign | ((exponent + 112u) << 23) | (fraction << 13));
}

static TOKOPS_HD uint16_t f16_from_float(float value) {
  const uint32_t bits = bits_of(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    return static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  }
  if (magnitude >= 0x477ff000u) {  // rounds to 2^16 or more
    return static_cast<uint16_t>(sign | 0x7c00u);
  }
  if (magnitude < 0x38800000u) {  // below 2^-14: adding 0.5 leaves round(value * 2^24) in the low bits
    const float shifted = float_of(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (bits_of(shifted) - 0x3f000000u));
  }
  const uint32_t round = 0xfffu + ((magnitude >> 13) & 1u);
  return static_cast<uint16_t>(sign | ((magnitude + round - 0x38000000u) >> 13));
}

}  // namespace tokops
