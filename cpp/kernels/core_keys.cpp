// SPDX-License-Identifier: Apache-2.0
// A vector of 16, 8 or 4 values becomes order keys that are compared with the threshold; survivors are stored
// compactly. v4 compresses whole vectors; elsewhere a bit mask of the survivors is walked. The tail goes one by one;
// nothing is read past x[n - 1].
#include "kernels/core_keys.h"

#include "kernels/vec.h"
#include "tokops/order_key.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tokops {
namespace TOKOPS_ISA {
namespace {

#if TOKOPS_LEVEL >= 4
constexpr int kWidth = 16;
#elif TOKOPS_LEVEL == 3
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif
typedef uint32_t Words __attribute__((vector_size(4 * kWidth)));
typedef int32_t SignedWords __attribute__((vector_size(4 * kWidth)));
typedef uint16_t Halves __attribute__((vector_size(2 * kWidth)));

struct Float32 {
  using Item = uint32_t;
  static inline Words bits(const Item* from) {
    Words v;
    load(v, from);
    return v;
  }
  static inline uint32_t bits_one(Item item) { return item; }
  static constexpr uint32_t kInfinity = kInfinity32;
};

template <uint32_t infinity>
struct Half {
  using Item = uint16_t;
  static inline Words bits(const Item* from) {
    Halves halves;
    load(halves, from);
    return __builtin_convertvector(halves, Words) << 16;
  }
  static inline uint32_t bits_one(Item item) { return static_cast<uint32_t>(item) << 16; }
  static constexpr uint32_t kInfinity = infinity;
};

template <class Source>
struct FloatKeys {
  using Item = typename Source::Item;
  static __attribute__((always_inline)) inline Words keys(const Item* from, uint32_t reverse) {
    const Words bits = Source::bits(from);
    const Words magnitude = bits & 0x7fffffffu;
    const Words sign = reinterpret_cast<Words>(reinterpret_cast<SignedWords>(bits) >> 31);
    const Words zero = reinterpret_cast<Words>(magnitude == 0u);
    const Words number = reinterpret_cast<Words>(magnitude <= Source::kInfinity);
    // -0.0 has sign bits set: clearing them makes it +0.0.
    const Words key = (bits & ~zero) ^ ((sign & ~zero) | 0x80000000u);
    return (key ^ reverse) & number;
  }
  static inline uint32_t key(Item item, uint32_t reverse) {
    return float_order_key(Source::bits_one(item), Source::kInfinity, reverse);
  }
};

struct IntKeys {
  using Item = int32_t;
  static __attribute__((always_inline)) inline Words keys(const Item* from, uint32_t reverse) {
    Words bits;
    load(bits, from);
    return bits ^ (0x80000000u ^ reverse);
  }
  static inline uint32_t key(Item item, uint32_t reverse) { return int_order_key(item, reverse); }
};

#if TOKOPS_LEVEL < 4
// Bit i is set when lane i of a is at least b.
__attribute__((always_inline)) inline uint32_t at_least(const Words& a, uint32_t b) {
  const Words reached = reinterpret_cast<Words>(a >= b);
#if TOKOPS_LEVEL == 3
  return static_cast<uint32_t>(_mm256_movemask_ps(reinterpret_cast<__m256>(reached)));
#elif defined(__x86_64__)
  return static_cast<uint32_t>(_mm_movemask_ps(reinterpret_cast<__m128>(reached)));
#else
  uint32_t mask = 0;
  for (int lane = 0; lane < kWidth; ++lane) {
    mask |= (reached[lane] & 1u) << lane;
  }
  return mask;
#endif
}
#endif

#if TOKOPS_LEVEL >= 4
// gcc 12 may keep a mask across a call in a 2-byte stack slot and count the bits of 4 bytes of it (seen where the
// thread sanitizer puts calls between); passing the value through a general register forbids that.
__attribute__((always_inline)) inline int64_t lanes_in(__mmask16 mask) {
  uint32_t bits = mask;
  __asm__("" : "+r"(bits));
  return __builtin_popcount(bits);
}
#endif

template <class Keys>
int64_t pairs_of(const typename Keys::Item* x, int64_t n, int32_t first, uint32_t reverse, uint32_t threshold,
                 uint32_t* keys, int32_t* ids) {
  int64_t count = 0;
  int64_t i = 0;
#if TOKOPS_LEVEL >= 4
  __m512i id = _mm512_add_epi32(_mm512_set1_epi32(first),
                                _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
  const __m512i limit = _mm512_set1_epi32(static_cast<int32_t>(threshold));
  for (; i + 16 <= n; i += 16) {
    const __m512i key = reinterpret_cast<__m512i>(Keys::keys(x + i, reverse));
    const __mmask16 reached = _mm512_cmpge_epu32_mask(key, limit);
    _mm512_storeu_si512(keys + count, _mm512_maskz_compress_epi32(reached, key));
    _mm512_storeu_si512(ids + count, _mm512_maskz_compress_epi32(reached, id));
    count += lanes_in(reached);
    id = _mm512_add_epi32(id, _mm512_set1_epi32(16));
  }
#else
  for (; i + kWidth <= n; i += kWidth) {
    const Words key = Keys::keys(x + i, reverse);
    uint32_t reached = at_least(key, threshold);
    if (reached != 0) {
      uint32_t lane_key[kWidth];
      store(lane_key, key);
      do {
        const int lane = __builtin_ctz(reached);
        keys[count] = lane_key[lane];
        ids[count] = first + static_cast<int32_t>(i) + lane;
        ++count;
        reached &= reached - 1;
      } while (reached != 0);
    }
  }
#endif
  for (; i < n; ++i) {
    const uint32_t key = Keys::key(x[i], reverse);
    keys[count] = key;
    ids[count] = first + static_cast<int32_t>(i);
    count += key >= threshold;
  }
  return count;
}

int64_t pairs32(const void* x, DType type, int64_t n, int32_t first, uint32_t reverse, uint32_t threshold,
                uint32_t* keys, int32_t* ids) noexcept {
  switch (type) {
    case DType::kInt32:
      return pairs_of<IntKeys>(static_cast<const int32_t*>(x), n, first, reverse, threshold, keys, ids);
    case DType::kFloat32:
      return pairs_of<FloatKeys<Float32>>(static_cast<const uint32_t*>(x), n, first, reverse, threshold, keys, ids);
    case DType::kFloat16:
      return pairs_of<FloatKeys<Half<kInfinity16>>>(static_cast<const uint16_t*>(x), n, first, reverse, threshold, keys,
                                                    ids);
    default:
      return pairs_of<FloatKeys<Half<kInfinity32>>>(static_cast<const uint16_t*>(x), n, first, reverse, threshold, keys,
                                                    ids);
  }
}

int64_t pairs64(const double* x, int64_t n, int32_t first, uint64_t reverse, uint64_t threshold, uint64_t* keys,
                int32_t* ids) noexcept {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    uint64_t bits;
    memcpy(&bits, x + i, sizeof(bits));
    const uint64_t key = double_order_key(bits, reverse);
    keys[count] = key;
    ids[count] = first + static_cast<int32_t>(i);
    count += key >= threshold;
  }
  return count;
}

}  // namespace

extern const CoreKeys core_keys;
const CoreKeys core_keys = {.pairs32 = pairs32, .pairs64 = pairs64};

}  // namespace TOKOPS_ISA
}  // namespace tokops
