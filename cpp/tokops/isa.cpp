// SPDX-License-Identifier: Apache-2.0
#include "tokops/isa.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace tokops {
namespace {

// Everything that -march=x86-64-v3 and -v4 let the compiler use, LZCNT and MOVBE included: a machine that masks one
// of them would run a kernel of that level and decode the instruction as another.
Isa detect() noexcept {
#if defined(TOKOPS_HAVE_X86_LEVELS)
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                  __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c") && __builtin_cpu_supports("lzcnt") &&
                  __builtin_cpu_supports("movbe");
  if (v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return Isa::kV4;
  }
  return v3 ? Isa::kV3 : Isa::kBase;
#else
  return Isa::kBase;
#endif
}

std::atomic<Isa>& active() noexcept {
  static std::atomic<Isa> level{detect()};
  return level;
}

}  // namespace

Isa detected_isa() noexcept {
  static const Isa level = detect();
  return level;
}

Isa active_isa() noexcept { return active().load(std::memory_order_relaxed); }

std::string_view isa_name(Isa level) noexcept {
  switch (level) {
    case Isa::kV4: return "v4";
    case Isa::kV3: return "v3";
    default: return "base";
  }
}

std::vector<Isa> available_isas() {
  std::vector<Isa> levels;
  for (const Isa level : {Isa::kBase, Isa::kV3, Isa::kV4}) {
    if (level <= detected_isa()) {
      levels.push_back(level);
    }
  }
  return levels;
}

void set_active_isa(std::string_view name) {
  for (const Isa level : {Isa::kBase, Isa::kV3, Isa::kV4}) {
    if (name == isa_name(level)) {
      if (level > detected_isa()) {
        throw std::invalid_argument("instruction-set level '" + std::string(name) +
                                    "' is above what this machine has: '" + std::string(isa_name(detected_isa())) +
                                    "'");
      }
      active().store(level, std::memory_order_relaxed);
      return;
    }
  }
  throw std::invalid_argument("instruction-set level must be one of base, v3, v4, got '" + std::string(name) + "'");
}

void configure_isa_from_environment() {
  const char* wanted = std::getenv("TOKOPS_ISA");
  if (wanted != nullptr && *wanted != '\0') {
    set_active_isa(wanted);
  }
}

}  // namespace tokops
