// SPDX-License-Identifier: Apache-2.0
// Whole vectors first; a tail of less than 16 is copied to a buffer filled with -inf, whose exp adds exactly 0.
#include "kernels/kv_softmax.h"

#include "kernels/kv_lanes.h"

namespace tokops {
namespace TOKOPS_ISA {
namespace {

constexpr float kInfinity = __builtin_inff();

TOKOPS_INLINE void load_group(const float* x, int64_t left, vf (&group)[kParts]) {
  if (left >= kLanes) {
    memcpy(group, x, sizeof(group));
    return;
  }
  float lane[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) {
    lane[i] = i < left ? x[i] : -kInfinity;
  }
  memcpy(group, lane, sizeof(group));
}

TOKOPS_INLINE void store_group(float* to, int64_t left, const vf (&group)[kParts]) {
  memcpy(to, group, left >= kLanes ? sizeof(group) : static_cast<size_t>(left) * sizeof(float));
}

BlockStats stats(const float* x, int64_t count, float* weights) noexcept {
  vf top[kParts];
  vi bad[kParts] = {};
  for (int part = 0; part < kParts; ++part) {
    top[part] = splat(-kInfinity);
  }
  for (int64_t i = 0; i < count; i += kLanes) {
    vf group[kParts];
    load_group(x + i, count - i, group);
    for (int part = 0; part < kParts; ++part) {
      const vf v = group[part];
      top[part] = v > top[part] ? v : top[part];
      bad[part] |= ~(v < kInfinity);
    }
  }
  float lane[kLanes];
  int32_t bad_lane[kLanes];
  memcpy(lane, top, sizeof(lane));
  memcpy(bad_lane, bad, sizeof(bad_lane));
  BlockStats result{-kInfinity, 0.0f, false};
  for (int i = 0; i < kLanes; ++i) {
    result.maximum = lane[i] > result.maximum ? lane[i] : result.maximum;
    result.unusable = result.unusable || bad_lane[i] != 0;
  }
  vf sum[kParts] = {};
  for (int64_t i = 0; i < count; i += kLanes) {
    vf group[kParts];
    load_group(x + i, count - i, group);
    for (int part = 0; part < kParts; ++part) {
      group[part] = exp_lanes(group[part] - result.maximum);
      sum[part] += group[part];
    }
    if (weights != nullptr) {
      store_group(weights + i, count - i, group);
    }
  }
  result.sum = tree_sum(sum);
  return result;
}

void votes(const float* x, int64_t stride, int64_t heads, int64_t count, const float* maximum, const float* inverse,
           float* votes) noexcept {
  for (int64_t j = 0; j < count; j += kLanes) {
    vf total[kParts] = {};
    for (int64_t head = 0; head < heads; ++head) {
      vf group[kParts];
      load_group(x + head * stride + j, count - j, group);
      for (int part = 0; part < kParts; ++part) {
        total[part] += exp_lanes(group[part] - maximum[head]) * inverse[head];
      }
    }
    store_group(votes + j, count - j, total);
  }
}

float mass(const float* x, int64_t count, float maximum, float inverse) noexcept {
  vf sum[kParts] = {};
  for (int64_t i = 0; i < count; i += kLanes) {
    vf group[kParts];
    load_group(x + i, count - i, group);
    for (int part = 0; part < kParts; ++part) {
      sum[part] += exp_lanes(group[part] - maximum) * inverse;
    }
  }
  return tree_sum(sum);
}

// tanh from exp(-2|x|); near 0, where the difference would cancel, x - x^3 / 3 + 2 x^5 / 15.
TOKOPS_INLINE vf tanh_lanes(vf x) {
  const vu sign = reinterpret_cast<vu>(x) & 0x80000000u;
  const vf size = as_float(reinterpret_cast<vu>(x) & 0x7fffffffu);
  const vf decay = exp_lanes(size * -2.0f);
  const vf far = as_float(reinterpret_cast<vu>((1.0f - decay) / (1.0f + decay)) | sign);
  const vf square = x * x;
  const vf near = x * (1.0f + square * (static_cast<float>(-1.0 / 3.0) + square * static_cast<float>(2.0 / 15.0)));
  return size < 0.0625f ? near : far;
}

void softcap(float* x, int64_t count, float cap) noexcept {
  for (int64_t i = 0; i < count; i += kLanes) {
    vf group[kParts];
    load_group(x + i, count - i, group);
    for (int part = 0; part < kParts; ++part) {
      group[part] = tanh_lanes(group[part] / cap) * cap;
    }
    store_group(x + i, count - i, group);
  }
}

}  // namespace

extern const KvSoftmax kv_softmax;
const KvSoftmax kv_softmax = {.stats = stats, .votes = votes, .mass = mass, .softcap = softcap};

}  // namespace TOKOPS_ISA
}  // namespace tokops
