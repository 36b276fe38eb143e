// SPDX-License-Identifier: Apache-2.0
// Which instruction-set level the kernel tables use: base (x86-64-v2, NEON or scalar), v3 (AVX2), v4 (AVX-512).
// The level is detected once; set_active_isa() lowers it (an unknown or too high name is an error). Results never
// depend on the level, only speed does.
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

// Applies TOKOPS_ISA; throws std::invalid_argument as set_active_isa does. For programs without the Python package,
// which reads its environment itself.
void configure_isa_from_environment();

}  // namespace tokops
