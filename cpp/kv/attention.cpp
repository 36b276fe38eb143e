// SPDX-License-Identifier: Apache-2.0
#include "kv/attention.h"

#include <algorithm>
#include <limits>

#include "kernels/kv_attend.h"
#include "kernels/kv_score.h"
#include "kernels/kv_softmax.h"
#include "kv/heads.h"
#include "kv/statistics.h"
#include "kv/token_lists.h"
#include "tokops/thread_pool.h"

namespace tokops::kv {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr int64_t kGrainBytes = 1 << 19;  // of keys and values per thread block: about 50 us

std::size_t size(int64_t count) { return static_cast<std::size_t>(count); }

class Attention {
 public:
  explicit Attention(const AttentionArguments& a)
      : a_(a),
        keys_(a.keys),
        values_(a.values),
        batch_(a.q.shape[0]),
        heads_(a.q.shape[1]),
        kv_heads_(a.keys.shape[1]),
        queries_(a.q, scratch_) {}

  Status run() {
    const Status status = lists_.read(a_, scratch_);
    if (!status.ok()) {
      return status;
    }
    // A unit is the query heads that share both their KV head and their list.
    units_ = std::max(kv_heads_, lists_.lists());
    group_ = heads_ / units_;
    plan();
    const int64_t bytes = kBlock * (keys_.width() + values_.width()) * item_size(keys_.type());
    parallel_for(tasks_.empty() ? 0 : static_cast<int64_t>(tasks_.size()), std::max<int64_t>(1, kGrainBytes / bytes),
                 [&](int64_t from, int64_t to) { work(from, to); });
    parallel_for(batch_ * heads_, 64, [&](int64_t from, int64_t to) {
      for (int64_t at = from; at < to; ++at) {
        merge(at / heads_, at % heads_);
      }
    });
    return {};
  }

 private:
  struct Task {
    int64_t batch;
    int64_t unit;
    int64_t begin;  // rank of the first id
    int64_t count;
  };

  [[nodiscard]] int64_t list_of(int64_t unit) const noexcept { return unit * lists_.lists() / units_; }

  void plan() {
    first_task_ = scratch_.take<int64_t>(size(batch_ * units_ + 1));
    int64_t total = 0;
    for (int64_t at = 0; at < batch_ * units_; ++at) {
      first_task_[size(at)] = total;
      total += (lists_.count(at / units_, list_of(at % units_)) + kBlock - 1) / kBlock;
    }
    first_task_[size(batch_ * units_)] = total;
    tasks_ = scratch_.take<Task>(size(total));
    stats_ = scratch_.take<BlockStats>(size(total * group_));
    partial_ = scratch_.take<float>(size(total * group_ * values_.width()));
    for (int64_t at = 0; at < batch_ * units_; ++at) {
      const int64_t count = lists_.count(at / units_, list_of(at % units_));
      for (int64_t range = 0; range * kBlock < count; ++range) {
        tasks_[size(first_task_[size(at)] + range)] = {at / units_, at % units_, range * kBlock,
                                                       std::min(kBlock, count - range * kBlock)};
      }
    }
  }

  void work(int64_t from, int64_t to) {
    Scratch scratch;
    const auto logits = scratch.take<float>(size(group_ * kBlock));
    const void* rows[kBlock];
    for (int64_t index = from; index < to; ++index) {
      const Task& task = tasks_[size(index)];
      const int64_t head = task.unit * group_;
      const int64_t kv_head = head * kv_heads_ / heads_;
      point(keys_, task, kv_head, rows);
      kv_score().dot(keys_.type(), rows, task.count, keys_.width(), queries_.head(task.batch, head), queries_.stride(),
                     group_, a_.scale, logits.data(), kBlock);
      for (int64_t h = 0; h < group_; ++h) {
        float* const x = logits.data() + h * kBlock;
        // Seen before softcap, which would hide a NaN behind a number.
        const bool unusable = a_.softcap > 0.0f && kv_softmax().stats(x, task.count, nullptr).unusable;
        if (a_.softcap > 0.0f) {
          kv_softmax().softcap(x, task.count, a_.softcap);
        }
        BlockStats& stats = stats_[size(index * group_ + h)];
        stats = kv_softmax().stats(x, task.count, x);
        stats.unusable = stats.unusable || unusable;
      }
      point(values_, task, kv_head, rows);
      kv_attend().accumulate(values_.type(), rows, task.count, values_.width(), logits.data(), kBlock, group_,
                             partial_.data() + index * group_ * values_.width());
    }
  }

  void point(const TokenRows& tokens, const Task& task, int64_t kv_head, const void** rows) const noexcept {
    const int32_t* const ids = lists_.ids(task.batch, list_of(task.unit));
    if (ids == nullptr) {
      tokens.run(task.batch, kv_head, lists_.first(task.batch) + task.begin, task.count, rows);
    } else {
      tokens.list(task.batch, kv_head, ids + task.begin, task.count, rows);
    }
  }

  void merge(int64_t batch, int64_t head) {
    Scratch scratch;
    const int64_t unit = batch * units_ + head / group_;
    const int64_t first = first_task_[size(unit)];
    const int64_t ranges = first_task_[size(unit + 1)] - first;
    const int64_t width = values_.width();
    const auto blocks = scratch.take<BlockStats>(size(ranges + 1));
    bool unusable = false;
    for (int64_t range = 0; range < ranges; ++range) {
      blocks[size(range)] = stats_[size((first + range) * group_ + head % group_)];
      unusable = unusable || blocks[size(range)].unusable;
    }
    int64_t terms = ranges;
    if (a_.sink_logits.present()) {
      const float sink = a_.sink_logits.as<const float>()[head];
      unusable = unusable || !(sink < std::numeric_limits<float>::infinity());
      blocks[size(terms++)] = {sink, 1.0f, false};
    }
    const Merged merged = merge_blocks(blocks.data(), terms);
    const auto out = scratch.take<float>(size(width));
    std::fill(out.begin(), out.end(), 0.0f);
    for (int64_t range = 0; range < ranges; ++range) {
      const float share = exp32_from(blocks[size(range)].maximum, merged.maximum);
      const float* const part = partial_.data() + ((first + range) * group_ + head % group_) * width;
      for (int64_t d = 0; d < width; ++d) {
        out[size(d)] += part[d] * share;
      }
    }
    const int64_t at = batch * heads_ + head;
    a_.lse.as<float>()[at] = unusable ? kNan : merged.log_sum();
    const float inverse = merged.inverse();
    for (int64_t d = 0; d < width; ++d) {
      write(at * width + d, unusable ? kNan : out[size(d)] * inverse);
    }
  }

  void write(int64_t at, float value) const noexcept {
    switch (a_.out.dtype) {
      case DType::kFloat32: a_.out.as<float>()[at] = value; break;
      case DType::kFloat16: a_.out.as<uint16_t>()[at] = f16_from_float(value); break;
      default: a_.out.as<uint16_t>()[at] = bf16_from_float(value); break;
    }
  }

  const AttentionArguments& a_;
  Scratch scratch_;
  TokenRows keys_, values_;
  int64_t batch_, heads_, kv_heads_;
  QueryLanes queries_;
  TokenLists lists_;
  int64_t units_ = 1;
  int64_t group_ = 1;
  std::span<Task> tasks_;          // ordered by (batch, unit, range)
  std::span<int64_t> first_task_;  // of each (batch, unit), and the end
  std::span<BlockStats> stats_;    // [task, head of the unit]
  std::span<float> partial_;       // [task, head of the unit, Dv]
};

}  // namespace

Status attend(const AttentionArguments& arguments) { return Attention(arguments).run(); }

}  // namespace tokops::kv
