// SPDX-License-Identifier: Apache-2.0
// One constant table of function pointers per kernel file and instruction-set level.
// TOKOPS_KERNEL_TABLE(Type, name) in the kernel's header declares isa_base::name, isa_v3::name, isa_v4::name and,
// outside kernel files, the accessor name() that picks the table of the active level. There is no central list.
// A kernel file is compiled once per level with TOKOPS_ISA (the namespace) and TOKOPS_LEVEL (2, 3, 4) defined.
#pragma once

#ifdef TOKOPS_ISA

#define TOKOPS_KERNEL_TABLE(Type, name) \
  namespace TOKOPS_ISA {                \
  extern const Type name;               \
  }

#else

#include "tokops/isa.h"

#if defined(TOKOPS_HAVE_X86_LEVELS)
#define TOKOPS_KERNEL_TABLE(Type, name)   \
  namespace isa_base {                    \
  extern const Type name;                 \
  }                                       \
  namespace isa_v3 {                      \
  extern const Type name;                 \
  }                                       \
  namespace isa_v4 {                      \
  extern const Type name;                 \
  }                                       \
  inline const Type& name() noexcept {    \
    switch (active_isa()) {               \
      case Isa::kV4: return isa_v4::name; \
      case Isa::kV3: return isa_v3::name; \
      default: return isa_base::name;     \
    }                                     \
  }
#else
#define TOKOPS_KERNEL_TABLE(Type, name) \
  namespace isa_base {                  \
  extern const Type name;               \
  }                                     \
  inline const Type& name() noexcept { return isa_base::name; }
#endif

#endif
