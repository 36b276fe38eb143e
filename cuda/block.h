// SPDX-License-Identifier: Apache-2.0
// One way to write a thread block for the device and for a simulation on the host.
// A kernel body is a sequence of phases: block.each([&](int t) {...}) runs the body for every thread and ends in a
// barrier. Rules that make both runs equal: inside a phase no thread reads what another writes, except through
// add(); a value that decides for the whole block is read with uniform(), which puts a barrier behind the read.
// HostBlock runs the threads of one phase ascending, of the next descending, of the third scattered, so a body that
// breaks the first rule gives wrong results. It cannot show a missing uniform(); that rule is kept by reading.
#pragma once

#include <stdint.h>

#include "tokops/dtype.h"

namespace tokops::cuda {

template <int kCount>
class HostBlock {
 public:
  static constexpr int kThreads = kCount;
  static_assert(kCount % 2 == 0);

  explicit HostBlock(int64_t index, int phase = 0) : index_(index), phase_(phase) {}

  [[nodiscard]] int64_t index() const { return index_; }

  template <class F>
  void each(F&& body) {
    const int order = phase_;
    phase_ = (phase_ + 1) % 3;
    for (int i = 0; i < kCount; ++i) {
      // 7 is prime to kCount, so the scattered order visits every thread once.
      body(order == 0 ? i : order == 1 ? kCount - 1 - i : (i * 7 + 3) % kCount);
    }
  }

  void add(uint32_t* counter, uint32_t amount) { *counter += amount; }

  template <class T>
  [[nodiscard]] T uniform(const T& shared) {
    return shared;
  }

 private:
  int64_t index_;
  int phase_;  // which order the next phase runs in
};

// A value that each thread keeps from one phase to the next: a register on the device.
template <class Block, class T>
class PerThread {
 public:
#if defined(__CUDA_ARCH__)
  TOKOPS_HD T& operator[](int /*thread*/) { return value_; }

 private:
  T value_;
#else
  TOKOPS_HD T& operator[](int thread) { return values_[thread]; }

 private:
  T values_[Block::kThreads];
#endif
};

#if defined(__CUDACC__)
// Its bodies exist in device code only; the host side of nvcc sees declarations it can type-check.
template <int kCount>
class DeviceBlock {
 public:
  static constexpr int kThreads = kCount;

  [[nodiscard]] TOKOPS_HD int64_t index() const {
#if defined(__CUDA_ARCH__)
    return blockIdx.x;
#else
    return 0;
#endif
  }

  template <class F>
  TOKOPS_HD void each(F&& body) {
#if defined(__CUDA_ARCH__)
    body(static_cast<int>(threadIdx.x));
    __syncthreads();
#endif
  }

  TOKOPS_HD void add(uint32_t* counter, uint32_t amount) {
#if defined(__CUDA_ARCH__)
    atomicAdd(counter, amount);
#endif
  }

  template <class T>
  [[nodiscard]] TOKOPS_HD T uniform(const T& shared) {
    const T value = shared;
#if defined(__CUDA_ARCH__)
    __syncthreads();
#endif
    return value;
  }
};
#endif

// Replaces value[t] by the sum of the values of the threads before t; returns the sum of all. Integers: exact in any
// order. log2(kThreads) + 2 barriers; `buffer` is shared memory.
template <class Block>
TOKOPS_HD uint32_t exclusive_scan(Block& block, PerThread<Block, uint32_t>& value,
                                  uint32_t (&buffer)[2][Block::kThreads]) {
  block.each([&](int t) { buffer[0][t] = value[t]; });
  int from = 0;
  for (int offset = 1; offset < Block::kThreads; offset *= 2) {
    block.each([&](int t) {
      const uint32_t before = t >= offset ? buffer[from][t - offset] : 0u;
      buffer[1 - from][t] = buffer[from][t] + before;
    });
    from = 1 - from;
  }
  block.each([&](int t) { value[t] = buffer[from][t] - value[t]; });
  return block.uniform(buffer[from][Block::kThreads - 1]);
}

}  // namespace tokops::cuda
