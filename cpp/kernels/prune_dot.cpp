// SPDX-License-Identifier: Apache-2.0
// Tiles of 4 x 4 rows, one vector accumulator per pair, each row read once. Columns go in chunks of 512, so that sums
// are short, which keeps the error bound low.
// A chunk is at most 512 / lanes additions per lane; chunk sums are added as vectors, lanes by a tree at the end.
// The tail is padded with zeros. Nothing is read past a row.
#include "kernels/prune_dot.h"

#include "kernels/prune_row.h"
#include "kernels/vec.h"

namespace tokops {
namespace TOKOPS_ISA {
namespace {

constexpr int64_t kChunk = 512;
constexpr int64_t kAhead = 256;  // columns prefetched ahead; past a row's end this is only a hint

// acc += a * b, in one rounding where the level has it.
static inline f32x16 multiply_add(const f32x16& a, const f32x16& b, const f32x16& acc) {
#if TOKOPS_LEVEL >= 4
  return (f32x16)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)acc);
#else
  return acc + a * b;
#endif
}

template <class Row, int kA, int kB>
void tile_of(const void* const* a_rows, const void* const* b_rows, int64_t d, float* out) {
  using Item = typename Row::Item;
  f32x16 total[kA][kB];
#pragma GCC unroll 4
  for (int i = 0; i < kA; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kB; ++j) {
      total[i][j] = f32x16{};
    }
  }
  for (int64_t chunk = 0; chunk < d; chunk += kChunk) {
    const int64_t end = chunk + kChunk < d ? chunk + kChunk : d;
    f32x16 sum[kA][kB];
#pragma GCC unroll 4
    for (int i = 0; i < kA; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < kB; ++j) {
        sum[i][j] = f32x16{};
      }
    }
    int64_t c = chunk;
    for (; c + 16 <= end; c += 16) {
      f32x16 a[kA];
#pragma GCC unroll 4
      for (int i = 0; i < kA; ++i) {
        a[i] = Row::load16(static_cast<const Item*>(a_rows[i]) + c);
        __builtin_prefetch(static_cast<const Item*>(a_rows[i]) + c + kAhead);
      }
#pragma GCC unroll 4
      for (int j = 0; j < kB; ++j) {
        const f32x16 b = Row::load16(static_cast<const Item*>(b_rows[j]) + c);
        __builtin_prefetch(static_cast<const Item*>(b_rows[j]) + c + kAhead);
#pragma GCC unroll 4
        for (int i = 0; i < kA; ++i) {
          sum[i][j] = multiply_add(a[i], b, sum[i][j]);
        }
      }
    }
    if (c < end) {
#pragma GCC unroll 4
      for (int j = 0; j < kB; ++j) {
        const f32x16 b = load_part<Row>(static_cast<const Item*>(b_rows[j]) + c, end - c);
#pragma GCC unroll 4
        for (int i = 0; i < kA; ++i) {
          sum[i][j] = multiply_add(load_part<Row>(static_cast<const Item*>(a_rows[i]) + c, end - c), b, sum[i][j]);
        }
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kA; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < kB; ++j) {
        total[i][j] += sum[i][j];
      }
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kA; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kB; ++j) {
      out[i * kB + j] = tree_sum(total[i][j]);
    }
  }
}

#if TOKOPS_LEVEL >= 4
// bfloat16 pairs multiplied and added in one instruction; each 32-column step rounds a lane twice.
template <int kA, int kB>
__attribute__((target("avx512bf16"))) void tile_bf16(const void* const* a_rows, const void* const* b_rows, int64_t d,
                                                     float* out) {
  __m512 total[kA][kB];
#pragma GCC unroll 4
  for (int i = 0; i < kA; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kB; ++j) {
      total[i][j] = _mm512_setzero_ps();
    }
  }
  for (int64_t chunk = 0; chunk < d; chunk += 2 * kChunk) {
    const int64_t end = chunk + 2 * kChunk < d ? chunk + 2 * kChunk : d;
    __m512 sum[kA][kB];
#pragma GCC unroll 4
    for (int i = 0; i < kA; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < kB; ++j) {
        sum[i][j] = _mm512_setzero_ps();
      }
    }
    for (int64_t c = chunk; c < end; c += 32) {
      const __mmask32 lanes = end - c >= 32 ? 0xffffffffu : (1u << (end - c)) - 1u;
      __m512i a[kA];
#pragma GCC unroll 4
      for (int i = 0; i < kA; ++i) {
        a[i] = _mm512_maskz_loadu_epi16(lanes, static_cast<const uint16_t*>(a_rows[i]) + c);
        __builtin_prefetch(static_cast<const uint16_t*>(a_rows[i]) + c + 2 * kAhead);
      }
#pragma GCC unroll 4
      for (int j = 0; j < kB; ++j) {
        const __m512i b = _mm512_maskz_loadu_epi16(lanes, static_cast<const uint16_t*>(b_rows[j]) + c);
        __builtin_prefetch(static_cast<const uint16_t*>(b_rows[j]) + c + 2 * kAhead);
#pragma GCC unroll 4
        for (int i = 0; i < kA; ++i) {
          sum[i][j] = _mm512_dpbf16_ps(sum[i][j], reinterpret_cast<__m512bh>(a[i]), reinterpret_cast<__m512bh>(b));
        }
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kA; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < kB; ++j) {
        total[i][j] = _mm512_add_ps(total[i][j], sum[i][j]);
      }
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kA; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kB; ++j) {
      f32x16 lanes;
      memcpy(&lanes, &total[i][j], sizeof(lanes));
      out[i * kB + j] = tree_sum(lanes);
    }
  }
}
#endif

using Tile = void (*)(const void* const*, const void* const*, int64_t, float*);

template <class Row>
void tile_rows(const void* const* a, int64_t a_count, const void* const* b, int64_t b_count, int64_t d, float* out) {
  static constexpr Tile kTiles[4][4] = {
      {tile_of<Row, 1, 1>, tile_of<Row, 1, 2>, tile_of<Row, 1, 3>, tile_of<Row, 1, 4>},
      {tile_of<Row, 2, 1>, tile_of<Row, 2, 2>, tile_of<Row, 2, 3>, tile_of<Row, 2, 4>},
      {tile_of<Row, 3, 1>, tile_of<Row, 3, 2>, tile_of<Row, 3, 3>, tile_of<Row, 3, 4>},
      {tile_of<Row, 4, 1>, tile_of<Row, 4, 2>, tile_of<Row, 4, 3>, tile_of<Row, 4, 4>},
  };
  kTiles[a_count - 1][b_count - 1](a, b, d, out);
}

bool has_bf16_dots() {
#if TOKOPS_LEVEL >= 4
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

void tile(DType type, const void* const* a, int64_t a_count, const void* const* b, int64_t b_count, int64_t d,
          float* out) {
  if (type == DType::kFloat32) {
    return tile_rows<F32Row>(a, a_count, b, b_count, d, out);
  }
  if (type == DType::kFloat16) {
    return tile_rows<F16Row>(a, a_count, b, b_count, d, out);
  }
#if TOKOPS_LEVEL >= 4
  if (has_bf16_dots()) {
    static constexpr Tile kTiles[4][4] = {
        {tile_bf16<1, 1>, tile_bf16<1, 2>, tile_bf16<1, 3>, tile_bf16<1, 4>},
        {tile_bf16<2, 1>, tile_bf16<2, 2>, tile_bf16<2, 3>, tile_bf16<2, 4>},
        {tile_bf16<3, 1>, tile_bf16<3, 2>, tile_bf16<3, 3>, tile_bf16<3, 4>},
        {tile_bf16<4, 1>, tile_bf16<4, 2>, tile_bf16<4, 3>, tile_bf16<4, 4>},
    };
    return kTiles[a_count - 1][b_count - 1](a, b, d, out);
  }
#endif
  tile_rows<Bf16Row>(a, a_count, b, b_count, d, out);
}

// Additions of one lane in a chunk (twice per bfloat16 pair), the product's own rounding, one addition per chunk,
// four levels of the tree.
int64_t depth(DType type, int64_t d) {
  const bool pairs = type == DType::kBFloat16 && has_bf16_dots();
  const int64_t columns = d < kChunk ? d : kChunk;
  const int64_t steps = (columns + 15) / 16;
  return (pairs ? 2 * steps + 2 : steps) + 1 + (d + kChunk - 1) / kChunk + 4;
}

}  // namespace

extern const PruneDot prune_dot;
const PruneDot prune_dot = {tile, depth};

}  // namespace TOKOPS_ISA
}  // namespace tokops
