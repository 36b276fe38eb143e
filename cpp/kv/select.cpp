// SPDX-License-Identifier: Apache-2.0
#include "kv/select.h"

#include <algorithm>
#include <limits>

#include "kernels/kv_score.h"
#include "kernels/kv_softmax.h"
#include "kv/heads.h"
#include "kv/ranges.h"
#include "kv/statistics.h"
#include "tokops/order_key.h"
#include "tokops/row_topk.h"
#include "tokops/thread_pool.h"

namespace tokops::kv {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
constexpr int64_t kScoreBytes = 1 << 19;  // of keys per thread block: about 50 us
constexpr int64_t kVoteTokens = 2048;
constexpr int64_t kRowBytes = 1 << 20;  // of keys per batch row: below, rows run in parallel, else blocks

// One batch row.
class RowSelect {
 public:
  RowSelect(const SelectArguments& a, const QueryLanes& queries, int64_t row)
      : a_(a),
        queries_(queries),
        row_(row),
        heads_(a.q.shape[1]),
        kv_heads_(a.keys.shape[1]),
        lists_(a.counts.shape[1]),
        range_(range_of(a.starts, a.lens, row, a.keys.shape[2])),
        length_(range_.size()),
        blocks_((length_ + kBlock - 1) / kBlock),
        first_candidate_(std::min(a.n_sink, length_)),
        end_candidate_(std::max(first_candidate_, length_ - std::min(a.n_local, length_))) {}

  Status run() {
    scores_ = scratch_.take<float>(size(heads_ * length_));
    inside_ = HeadStatistics(heads_, blocks_, scratch_);
    all_ = HeadStatistics(heads_, blocks_, scratch_);
    score();
    const Status status = leave_out_unusable();
    if (!status.ok()) {
      return status;
    }
    merge();
    for (int64_t list = 0; list < lists_; ++list) {
      choose(list);
    }
    a_.vote_slack.as<float>()[row_] = 0.0f;
    a_.status.as<int32_t>()[row_] = unusable_.empty() ? 0 : 1;
    return {};
  }

 private:
  static std::size_t size(int64_t count) { return static_cast<std::size_t>(count); }
  [[nodiscard]] float* scores_of(int64_t head) noexcept { return scores_.data() + head * length_; }

  void score() {
    const TokenRows keys(a_.keys);
    const int64_t group = heads_ / kv_heads_;
    const int64_t block_bytes = kBlock * keys.width() * item_size(keys.type());
    const int64_t grain = std::max<int64_t>(1, kScoreBytes / std::max<int64_t>(1, block_bytes));
    parallel_for(kv_heads_ * blocks_, grain, [&](int64_t from, int64_t to) {
      const void* rows[kBlock];
      for (int64_t task = from; task < to; ++task) {
        const int64_t kv_head = task / blocks_;
        const int64_t begin = task % blocks_ * kBlock;
        const int64_t count = std::min(kBlock, length_ - begin);
        const int64_t head = kv_head * group;
        keys.run(row_, kv_head, range_.begin + begin, count, rows);
        kv_score().dot(keys.type(), rows, count, keys.width(), queries_.head(row_, head), queries_.stride(), group,
                       a_.scale, scores_of(head) + begin, length_);
        for (int64_t h = head; h < head + group; ++h) {
          block_statistics(h, task % blocks_);
        }
      }
    });
  }

  void block_statistics(int64_t head, int64_t block) noexcept {
    const int64_t begin = block * kBlock;
    const int64_t end = std::min(begin + kBlock, length_);
    const float* const x = scores_of(head) + begin;
    const BlockStats all = kv_softmax().stats(x, end - begin, nullptr);
    all_.set(head, block, all);
    const int64_t from = std::max(begin, first_candidate_);
    const int64_t to = std::min(end, end_candidate_);
    if (from == begin && to == end) {
      inside_.set(head, block, all);
      return;
    }
    float members[kBlock];  // tokens outside of the candidates as -inf, so that lanes stay aligned to the block
    std::fill(members, members + (end - begin), kMinusInfinity);
    if (from < to) {
      std::copy(x + (from - begin), x + (to - begin), members + (from - begin));
    }
    inside_.set(head, block, kv_softmax().stats(members, end - begin, nullptr));
  }

  // Tokens with a NaN or +inf logit get -inf in every head; statistics are then made anew.
  Status leave_out_unusable() {
    if (!all_.unusable()) {
      return {};
    }
    unusable_ = scratch_.take<uint8_t>(size(length_));
    std::fill(unusable_.begin(), unusable_.end(), uint8_t{0});
    for (int64_t head = 0; head < heads_; ++head) {
      for (int64_t j = 0; j < length_; ++j) {
        if (!(scores_of(head)[j] < -kMinusInfinity)) {
          if (a_.refuse_unusable) {
            return {.code = kSelectUnusable, .row = row_, .column = head, .value = range_.begin + j};
          }
          unusable_[size(j)] = 1;
        }
      }
    }
    for (int64_t head = 0; head < heads_; ++head) {
      for (int64_t j = 0; j < length_; ++j) {
        scores_of(head)[j] = unusable_[size(j)] != 0 ? kMinusInfinity : scores_of(head)[j];
      }
      for (int64_t block = 0; block < blocks_; ++block) {
        block_statistics(head, block);
      }
    }
    return {};
  }

  void merge() {
    for (int64_t head = 0; head < heads_; ++head) {
      inside_.merge(head);
      all_.merge(head);
      a_.lse.as<float>()[row_ * heads_ + head] = all_.log_sum(head);
    }
  }

  void choose(int64_t list) {
    const int64_t group = heads_ / lists_;
    const int64_t head = list * group;
    const int64_t candidates = end_candidate_ - first_candidate_;
    const int64_t at = row_ * lists_ + list;
    const int64_t width = a_.indices.shape[2];
    int32_t* const ids = a_.indices.as<int32_t>() + at * width;
    const auto first = static_cast<int32_t>(range_.begin);
    int64_t count = 0;
    float kth = kMinusInfinity;
    for (int64_t j = 0; j < first_candidate_; ++j) {
      ids[count++] = first + static_cast<int32_t>(j);
    }
    if (a_.k >= candidates) {
      for (int64_t j = first_candidate_; j < end_candidate_; ++j) {
        ids[count++] = first + static_cast<int32_t>(j);
      }
    } else if (a_.k > 0) {
      Scratch scratch;
      const float* const votes = vote(head, group, scratch);
      const TopkResult best = row_topk(votes, DType::kFloat32, candidates,
                                       first + static_cast<int32_t>(first_candidate_), a_.k, {}, ids + count, scratch);
      kth = float_of_order_key(static_cast<uint32_t>(best.kth_key));
      count += best.count;
    }
    for (int64_t j = end_candidate_; j < length_; ++j) {
      ids[count++] = first + static_cast<int32_t>(j);
    }
    std::fill(ids + count, ids + width, -1);
    a_.counts.as<int32_t>()[at] = static_cast<int32_t>(count);
    a_.kth.as<float>()[at] = kth;
    retained_mass(head, group, ids, count);
  }

  // Votes of the candidates; unusable tokens have -inf and so come last.
  const float* vote(int64_t head, int64_t group, Scratch& scratch) {
    const int64_t candidates = end_candidate_ - first_candidate_;
    auto votes = scratch.take<float>(size(candidates));
    parallel_for((candidates + kVoteTokens - 1) / kVoteTokens, 1, [&](int64_t from, int64_t to) {
      for (int64_t part = from; part < to; ++part) {
        const int64_t begin = part * kVoteTokens;
        const int64_t count = std::min(kVoteTokens, candidates - begin);
        kv_softmax().votes(scores_of(head) + first_candidate_ + begin, length_, group, count, inside_.maximum(head),
                           inside_.inverse(head), votes.data() + begin);
      }
    });
    for (int64_t j = 0; j < static_cast<int64_t>(unusable_.empty() ? 0 : candidates); ++j) {
      votes[size(j)] = unusable_[size(first_candidate_ + j)] != 0 ? kMinusInfinity : votes[size(j)];
    }
    return votes.data();
  }

  void retained_mass(int64_t head, int64_t group, const int32_t* ids, int64_t count) {
    parallel_for(group, 4, [&](int64_t from, int64_t to) {
      for (int64_t h = head + from; h < head + to; ++h) {
        const float* const x = scores_of(h);
        float listed[kBlock];
        float total = 0.0f;
        for (int64_t begin = 0; begin < count; begin += kBlock) {
          const int64_t part = std::min(kBlock, count - begin);
          for (int64_t i = 0; i < part; ++i) {
            listed[i] = x[ids[begin + i] - range_.begin];
          }
          total += kv_softmax().mass(listed, part, *all_.maximum(h), *all_.inverse(h));
        }
        a_.mass.as<float>()[row_ * heads_ + h] = total;
      }
    });
  }

  const SelectArguments& a_;
  const QueryLanes& queries_;
  int64_t row_, heads_, kv_heads_, lists_;
  Range range_;
  int64_t length_, blocks_, first_candidate_, end_candidate_;
  Scratch scratch_;
  std::span<float> scores_;      // [Hq, length]
  HeadStatistics inside_, all_;  // over the candidates, over all valid tokens
  std::span<uint8_t> unusable_;  // per token; empty when every logit is usable
};

}  // namespace

Status select(const SelectArguments& a) {
  const int64_t batch = a.q.shape[0];
  const int64_t n = a.keys.shape[2];
  Status status = check_ranges(a.starts, a.lens, batch, n, kSelectBadRange);
  if (!status.ok()) {
    return status;
  }
  Scratch scratch;
  const QueryLanes queries(a.q, scratch);
  auto outcomes = scratch.take<Status>(static_cast<std::size_t>(batch));
  const auto rows = [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) {
      outcomes[static_cast<std::size_t>(row)] = RowSelect(a, queries, row).run();
    }
  };
  const int64_t row_bytes = a.keys.shape[1] * n * a.keys.shape[3] * item_size(a.keys.dtype);
  if (batch > 1 && row_bytes < kRowBytes) {
    parallel_for(batch, std::max<int64_t>(1, kScoreBytes / std::max<int64_t>(1, row_bytes)), rows);
  } else {
    rows(0, batch);
  }
  for (const Status& outcome : outcomes) {
    if (!outcome.ok()) {
      return outcome;
    }
  }
  return {};
}

}  // namespace tokops::kv
