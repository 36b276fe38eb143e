# SPDX-License-Identifier: Apache-2.0
# TOKOPS_WARNINGS: what every target of ours compiles with.
set(TOKOPS_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
if(TOKOPS_WERROR)
  list(APPEND TOKOPS_WARNINGS -Werror)
endif()
