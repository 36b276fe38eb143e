// SPDX-License-Identifier: Apache-2.0
// Which instruction-set level the kernel tables use: base (x86-64-v2, NEON or scalar), v3 (AVX2), v4 (AVX-512).
// The level is detected once; TOKOPS_ISA lowers it at first use (an unknown or too high value is an error),
// set_active_isa() switches it for tests. Results never depend on the level, only speed does.
#pragma once

#include <string_view>
#include <vector>

namespace tokops {

enum class Isa : int { kBase = 2, kV3 = 3, kV4 = 4 };

[[nodiscard]] Isa detected_isa() noexcept;
[[nodiscard]] Isa active_isa() noexcept;
[[nodiscard]] std::vector<Isa> available_isas();
[[nodiscard]] std::string_view isa_name(Isa level) noexcept;

// Throws std::invalid_argument for an unknown name or a level above detected_isa().
void set_active_isa(std::string_view name);

// Reads TOKOPS_ISA; throws std::invalid_argument as set_active_isa does. Called once at start.
void configure_isa_from_environment();

}  // namespace tokops
