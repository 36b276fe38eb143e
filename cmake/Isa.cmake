# SPDX-License-Identifier: Apache-2.0
# tokops_isa_kernels(target): compiles each file of cpp/kernels once per instruction-set level, as an OBJECT library
# whose code lives in its own namespace (TOKOPS_ISA), and links all of them into the target.
include(Sanitize)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set(TOKOPS_LEVELS base v3 v4)
  set(TOKOPS_FLAGS_base -march=x86-64-v2)
  set(TOKOPS_FLAGS_v3 -march=x86-64-v3)
  set(TOKOPS_FLAGS_v4 -march=x86-64-v4 -mprefer-vector-width=512)
else()
  set(TOKOPS_LEVELS base)
  set(TOKOPS_FLAGS_base "")
endif()
set(TOKOPS_NUMBER_base 2)
set(TOKOPS_NUMBER_v3 3)
set(TOKOPS_NUMBER_v4 4)

function(tokops_isa_kernels target)
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/cpp/kernels/*.cpp")
  if(NOT sources)
    return()
  endif()
  foreach(level IN LISTS TOKOPS_LEVELS)
    set(library tokops_kernels_${level})
    add_library(${library} OBJECT ${sources})
    target_include_directories(${library} PRIVATE cpp)
    target_compile_definitions(${library} PRIVATE TOKOPS_ISA=isa_${level} TOKOPS_LEVEL=${TOKOPS_NUMBER_${level}})
    target_compile_options(
      ${library} PRIVATE -O3 -ffp-contract=off -fno-exceptions -fno-rtti -Wno-psabi ${TOKOPS_FLAGS_${level}}
                         ${TOKOPS_WARNINGS})
    tokops_sanitize(${library})
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${library}>)
  endforeach()
  if("v3" IN_LIST TOKOPS_LEVELS)
    target_compile_definitions(${target} PUBLIC TOKOPS_HAVE_X86_LEVELS)
  endif()
endfunction()
