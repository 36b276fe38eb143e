# SPDX-License-Identifier: Apache-2.0
# `make demo` and `make test` work on a bare clone with python3, a C++ compiler and make: they create .venv.
# `make dev` builds the native module in place (python/tokops/_cpu*.so) with the tools of $(PYTHON).
PYTHON ?= python3
JOBS ?= 2
VENV ?= .venv
PIP = $(VENV)/bin/pip install --quiet -c constraints.txt
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(JOBS)

.PHONY: demo test bench lint types docs wheel dev clean

demo: $(VENV)/made
	$(PIP) '.[demo]'
	$(VENV)/bin/tokops demo $(ARGS)

test: $(VENV)/made
	$(PIP) '.[test]'
	$(VENV)/bin/python -m pytest $(ARGS)

bench: $(VENV)/made
	$(PIP) '.[bench]'
	$(VENV)/bin/python -m tokops.bench --peers $(ARGS)

lint: $(VENV)/made
	$(PIP) ruff clang-format codespell
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	git ls-files -z '*.cpp' '*.h' '*.cu' | xargs -0 $(VENV)/bin/clang-format --dry-run -Werror
	git ls-files -z | xargs -0 $(VENV)/bin/codespell
	$(VENV)/bin/python tools/check_tree.py

# Types of the package and of the checks in tools; .ci/run compares the stub with the native module.
types: $(VENV)/made
	$(PIP) mypy numpy pathspec
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy --strict tools/check_*.py tools/docs_hook.py

docs: $(VENV)/made
	$(PIP) '.[docs]'
	$(VENV)/bin/mkdocs build --strict

wheel: $(VENV)/made
	$(VENV)/bin/pip wheel --no-deps --wheel-dir dist .

dev:
	cmake --preset dev -Dpybind11_DIR="$$($(PYTHON) -m pybind11 --cmakedir)" -DPython_EXECUTABLE="$$(command -v $(PYTHON))" > /dev/null
	cmake --build build/dev -j $(JOBS)
	cmake --install build/dev --prefix python > /dev/null

$(VENV)/made:
	$(PYTHON) -m venv $(VENV)
	touch $@

clean:
	rm -rf build dist site $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f python/tokops/*.so
