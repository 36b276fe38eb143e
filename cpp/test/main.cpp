// SPDX-License-Identifier: Apache-2.0
// tokops_test                                  runs every test
// tokops_test --fuzz SECONDS [--seed N] [NAME] runs each fuzz target (or one) for that long
// tokops_test --replay NAME SEED ITERATION     runs one fuzz input again
// tokops_test --entry NAME                     runs one measured entry once (under callgrind)
// tokops_test --list                           names all of them
// tokops_test --levels                         names the instruction-set levels of this machine
// Exit status 1 when anything failed; a failing fuzz input is printed as the --replay line that repeats it.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "check.h"
#include "tokops/isa.h"

// callgrind counts only inside this function (--toggle-collect=tokops_measured).
extern "C" __attribute__((noinline)) void tokops_measured(const std::function<void()>& body) { body(); }

namespace tokops::test {
namespace {

int run_tests() {
  int failed = 0;
  for (const Test& test : tests()) {
    try {
      test.run();
    } catch (const std::exception& error) {
      std::printf("FAILED %s: %s\n", test.name, error.what());
      ++failed;
    }
  }
  std::printf("%zu tests, %d failed, isa %s\n", tests().size(), failed, std::string(isa_name(active_isa())).c_str());
  return failed == 0 ? 0 : 1;
}

bool fuzz_once(const FuzzTarget& target, uint64_t seed, uint64_t iteration) {
  try {
    Random random(seed, iteration);
    target.run(random);
    return true;
  } catch (const std::exception& error) {
    std::printf("FAILED --replay %s %llu %llu: %s\n", target.name, static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(iteration), error.what());
    return false;
  }
}

int run_fuzz(double seconds, uint64_t seed, std::string_view only) {
  using Clock = std::chrono::steady_clock;
  int failed = 0;
  for (const FuzzTarget& target : fuzz_targets()) {
    if (!only.empty() && only != target.name) {
      continue;
    }
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    uint64_t iteration = 0;
    bool good = true;
    while (good && Clock::now() < end) {
      good = fuzz_once(target, seed, iteration++);
    }
    failed += good ? 0 : 1;
    std::printf("fuzz %s: %llu inputs%s\n", target.name, static_cast<unsigned long long>(iteration),
                good ? "" : ", FAILED");
  }
  return failed == 0 ? 0 : 1;
}

int replay(std::string_view name, uint64_t seed, uint64_t iteration) {
  for (const FuzzTarget& target : fuzz_targets()) {
    if (name == target.name) {
      return fuzz_once(target, seed, iteration) ? 0 : 1;
    }
  }
  std::printf("no fuzz target has this name\n");
  return 2;
}

int run_entry(std::string_view name) {
  for (const Entry& entry : entries()) {
    if (name == entry.name) {
      const std::function<void()> body = entry.prepare();
      tokops_measured(body);
      return 0;
    }
  }
  std::printf("no entry has this name\n");
  return 2;
}

int list() {
  for (const Test& test : tests()) {
    std::printf("test %s\n", test.name);
  }
  for (const FuzzTarget& target : fuzz_targets()) {
    std::printf("fuzz %s\n", target.name);
  }
  for (const Entry& entry : entries()) {
    std::printf("entry %s\n", entry.name);
  }
  return 0;
}

uint64_t number(const std::string& text) { return std::strtoull(text.c_str(), nullptr, 10); }

int run(std::vector<std::string> arguments) {
  configure_isa_from_environment();
  if (arguments.empty()) {
    return run_tests();
  }
  if (arguments[0] == "--list") {
    return list();
  }
  if (arguments[0] == "--levels") {
    for (const Isa level : available_isas()) {
      std::printf("%s\n", std::string(isa_name(level)).c_str());
    }
    return 0;
  }
  if (arguments[0] == "--entry" && arguments.size() == 2) {
    return run_entry(arguments[1]);
  }
  if (arguments[0] == "--replay" && arguments.size() == 4) {
    return replay(arguments[1], number(arguments[2]), number(arguments[3]));
  }
  if (arguments[0] == "--fuzz" && arguments.size() >= 2) {
    const double seconds = std::strtod(arguments[1].c_str(), nullptr);
    arguments.erase(arguments.begin(), arguments.begin() + 2);
    uint64_t seed = 1;
    if (arguments.size() >= 2 && arguments[0] == "--seed") {
      seed = number(arguments[1]);
      arguments.erase(arguments.begin(), arguments.begin() + 2);
    }
    return run_fuzz(seconds, seed, arguments.empty() ? "" : arguments[0]);
  }
  std::printf(
      "usage: tokops_test [--list | --levels | --entry NAME | --fuzz SECONDS [--seed N] [NAME] | "
      "--replay NAME SEED ITERATION]\n");
  return 2;
}

}  // namespace
}  // namespace tokops::test

int main(int argc, char** argv) {
  try {
    return tokops::test::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::printf("FAILED: %s\n", error.what());
    return 2;
  }
}
