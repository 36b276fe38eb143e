// SPDX-License-Identifier: Apache-2.0
// See compact.h. First pass: count and check; second pass: positions, then runs of neighbours as one copy.
#include "prune/compact.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "tokops/thread_pool.h"

namespace tokops::prune {
namespace {

int64_t grain_of(int64_t bytes_per_row) { return std::max<int64_t>(1, 262144 / std::max<int64_t>(bytes_per_row, 1)); }

// Copies x[positions[j]] to out[j]; a run of neighbours is one copy when rows touch.
void gather(const std::byte* x, int64_t stride, int64_t bytes, std::span<const int64_t> positions, std::byte* out) {
  const auto count = static_cast<int64_t>(positions.size());
  for (int64_t j = 0; j < count;) {
    int64_t run = 1;
    const int64_t first = positions[static_cast<std::size_t>(j)];
    while (stride == bytes && j + run < count && positions[static_cast<std::size_t>(j + run)] == first + run) {
      ++run;
    }
    std::memcpy(out + j * bytes, x + first * stride, static_cast<std::size_t>(run * bytes));
    j += run;
  }
}

void fill(const std::byte* item, int64_t item_bytes, std::byte* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(to + i * item_bytes, item, static_cast<std::size_t>(item_bytes));
  }
}

// Number of ids before the tail of -1, or the status of the first wrong one.
Status count_ids(const int64_t* ids, int64_t limit, int64_t length, int64_t row, int64_t& count) {
  count = std::find(ids, ids + limit, int64_t{-1}) - ids;
  for (int64_t j = 0; j < limit; ++j) {
    if (j < count ? ids[j] < 0 || ids[j] >= length : ids[j] != -1) {
      return {kCompactBadPosition, row, j, ids[j]};
    }
  }
  return {};
}

}  // namespace

Status compact(const TensorView& x, const TensorView& keep, const TensorView& pad, int64_t min_keep,
               const TensorView& out, const TensorView& mask, const TensorView& index, const TensorView& lengths) {
  const int64_t batch = x.shape[0];
  const int64_t length = x.shape[1];
  const int64_t width = out.shape[1];
  const int64_t item = item_size(x.dtype);
  const int64_t bytes = x.shape[2] * item;
  const int64_t kept = keep.shape[1];
  const bool by_mask = keep.dtype == DType::kBool;
  std::vector<int64_t> counts(static_cast<std::size_t>(batch));
  for (int64_t row = 0; row < batch; ++row) {
    int64_t& count = counts[static_cast<std::size_t>(row)];
    if (by_mask) {
      const auto* flags = keep.as<const uint8_t>() + row * kept;
      count = kept - std::count(flags, flags + kept, uint8_t{0});
    } else if (Status bad = count_ids(keep.as<const int64_t>() + row * kept, kept, length, row, count); !bad.ok()) {
      return bad;
    }
    const int64_t needed = count > 0 ? count : std::min(min_keep, length);
    if (needed > width) {
      return {kCompactTooNarrow, row, 0, needed};
    }
  }
  parallel_for(batch, grain_of(width * bytes), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      int64_t count = counts[static_cast<std::size_t>(row)];
      int64_t* to = index.as<int64_t>() + row * width;
      if (by_mask) {
        const auto* flags = keep.as<const uint8_t>() + row * kept;
        for (int64_t j = 0, place = 0; place < count; ++j) {
          to[place] = j;
          place += flags[j] != 0 ? 1 : 0;
        }
      } else {
        std::copy_n(keep.as<const int64_t>() + row * kept, count, to);
      }
      if (count == 0 && min_keep > 0 && length > 0) {
        to[0] = 0;
        count = 1;
      }
      std::fill(to + count, to + width, int64_t{-1});
      std::byte* target = out.as<std::byte>() + row * width * bytes;
      gather(x.as<const std::byte>() + row * x.strides[0] * item, x.strides[1] * item, bytes,
             {to, static_cast<std::size_t>(count)}, target);
      fill(pad.as<const std::byte>(), item, target + count * bytes, (width - count) * x.shape[2]);
      std::fill_n(mask.as<uint8_t>() + row * width, count, uint8_t{1});
      std::fill_n(mask.as<uint8_t>() + row * width + count, width - count, uint8_t{0});
      lengths.as<int64_t>()[row] = count;
    }
  });
  return {};
}

Status compact_ragged(const TensorView& x, const TensorView& offsets, const TensorView& keep, const TensorView& out,
                      const TensorView& out_offsets, const TensorView& index) {
  const int64_t n = x.shape[0];
  const int64_t sequences = offsets.shape[0] - 1;
  const bool narrow = offsets.dtype == DType::kInt32;
  const auto offset = [&](int64_t i) {
    return narrow ? int64_t{offsets.as<const int32_t>()[i]} : offsets.as<const int64_t>()[i];
  };
  for (int64_t s = 0; s < sequences; ++s) {
    if (offset(s + 1) < offset(s)) {
      return {kCompactBadOffsets, s, 0, 0};
    }
  }
  if (sequences < 0 || offset(0) != 0 || offset(sequences) != n) {
    return {kCompactBadOffsets, sequences, 0, 0};
  }
  std::vector<int64_t> rows;
  if (keep.dtype == DType::kBool) {
    for (int64_t i = 0; i < n; ++i) {
      if (keep.as<const uint8_t>()[i] != 0) {
        rows.push_back(i);
      }
    }
  } else {
    rows.assign(keep.as<const int64_t>(), keep.as<const int64_t>() + keep.shape[0]);
  }
  const auto total = static_cast<int64_t>(rows.size());
  if (total != index.shape[0]) {
    return {kCompactTooNarrow, 0, 0, total};
  }
  std::vector<int64_t> ends(static_cast<std::size_t>(sequences) + 1);
  int64_t sequence = 0;
  for (int64_t j = 0; j < total; ++j) {
    const int64_t row = rows[static_cast<std::size_t>(j)];
    if (row < 0 || row >= n) {
      return {kCompactBadPosition, j, 0, row};
    }
    while (row >= offset(sequence + 1)) {
      ends[static_cast<std::size_t>(++sequence)] = j;
    }
    if (row < offset(sequence)) {
      return {kCompactNotGrouped, j, 0, row};
    }
  }
  std::fill(ends.begin() + sequence + 1, ends.end(), total);
  for (int64_t s = 0; s <= sequences; ++s) {
    const int64_t end = ends[static_cast<std::size_t>(s)];
    if (narrow) {
      out_offsets.as<int32_t>()[s] = static_cast<int32_t>(end);
    } else {
      out_offsets.as<int64_t>()[s] = end;
    }
  }
  std::copy(rows.begin(), rows.end(), index.as<int64_t>());
  const int64_t item = item_size(x.dtype);
  const int64_t bytes = x.shape[1] * item;
  parallel_for(total, grain_of(bytes), [&](int64_t begin, int64_t end) {
    gather(x.as<const std::byte>(), x.strides[0] * item, bytes,
           std::span(rows).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)),
           out.as<std::byte>() + begin * bytes);
  });
  return {};
}

}  // namespace tokops::prune
