# SPDX-License-Identifier: Apache-2.0
# `make dev` builds the native module in place (python/tokops/_cpu*.so) with the tools of $(PYTHON).
PYTHON ?= python3
JOBS ?= 2

.PHONY: dev
dev:
	cmake --preset dev -Dpybind11_DIR="$$($(PYTHON) -m pybind11 --cmakedir)" -DPython_EXECUTABLE="$$(command -v $(PYTHON))" > /dev/null
	cmake --build build/dev -j $(JOBS)
	cmake --install build/dev --prefix python > /dev/null
