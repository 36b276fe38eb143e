// SPDX-License-Identifier: Apache-2.0
// The test executable's own few lines of framework: tests, fuzz targets and measured entries register
// themselves at start; a failed check throws Failure, which ends the test it stands in.
// A fuzz target draws one random input per call and compares with something simpler; an entry prepares its
// input and returns the body whose instructions callgrind counts.
#pragma once

#include <cstdint>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tokops/rng.h"

namespace tokops::test {

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Random numbers of one fuzz iteration; the same seed and iteration give the same input everywhere.
class Random {
 public:
  Random(uint64_t seed, uint64_t iteration) : seed_(seed), stream_(iteration) {}

  uint32_t word() { return philox(seed_, stream_, counter_++).word[0]; }
  // Uniform in [low, high].
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(
                     mul_high(low_u64(philox(seed_, stream_, counter_++)), static_cast<uint64_t>(high - low) + 1));
  }

 private:
  uint64_t seed_;
  uint64_t stream_;
  uint64_t counter_ = 0;
};

struct Test {
  const char* name;
  void (*run)();
};

struct FuzzTarget {
  const char* name;
  void (*run)(Random& random);
};

struct Entry {
  const char* name;
  std::function<void()> (*prepare)();
};

inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

inline std::vector<FuzzTarget>& fuzz_targets() {
  static std::vector<FuzzTarget> all;
  return all;
}

inline std::vector<Entry>& entries() {
  static std::vector<Entry> all;
  return all;
}

template <class List, class Item>
bool add(List& list, Item item) {
  list.push_back(std::move(item));
  return true;
}

template <class A, class B>
void require_equal(const A& a, const B& b, const char* what, const char* file, int line) {
  if (!(a == b)) {
    std::ostringstream text;
    text << file << ":" << line << ": " << what << ": " << a << " against " << b;
    throw Failure(text.str());
  }
}

inline void require(bool claim, const char* what, const char* file, int line) {
  if (!claim) {
    throw Failure(std::string(file) + ":" + std::to_string(line) + ": " + what);
  }
}

}  // namespace tokops::test

#define TOKOPS_CHECK(claim) ::tokops::test::require((claim), #claim, __FILE__, __LINE__)
#define TOKOPS_CHECK_EQ(a, b) ::tokops::test::require_equal((a), (b), #a " == " #b, __FILE__, __LINE__)

#define TOKOPS_TEST(name)                                                                     \
  static void test_##name();                                                                  \
  [[maybe_unused]] static const bool registered_##name =                                      \
      ::tokops::test::add(::tokops::test::tests(), ::tokops::test::Test{#name, test_##name}); \
  static void test_##name()

#define TOKOPS_FUZZ(name)                                                                                  \
  static void fuzz_##name(::tokops::test::Random& random);                                                 \
  [[maybe_unused]] static const bool registered_##name =                                                   \
      ::tokops::test::add(::tokops::test::fuzz_targets(), ::tokops::test::FuzzTarget{#name, fuzz_##name}); \
  static void fuzz_##name(::tokops::test::Random& random)

#define TOKOPS_ENTRY(name)                                                                          \
  static std::function<void()> prepare_##name();                                                    \
  [[maybe_unused]] static const bool registered_##name =                                            \
      ::tokops::test::add(::tokops::test::entries(), ::tokops::test::Entry{#name, prepare_##name}); \
  static std::function<void()> prepare_##name()
