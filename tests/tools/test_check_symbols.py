# SPDX-License-Identifier: Apache-2.0
# tools/check_symbols.py must find the weak symbol that an inline function leaves in an object.
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "check_symbols.py"
COMPILER = shutil.which("g++") or shutil.which("c++")
pytestmark = pytest.mark.skipif(not (COMPILER and shutil.which("nm")), reason="needs a C++ compiler and nm")

STATIC = "static int twice(int x) { return 2 * x; }\nint (*table)(int) = twice;\n"
INLINE = "inline int twice(int x) { return 2 * x; }\nint (*table)(int) = twice;\n"


def check(folder, source):
    kernels = folder / "kernels"
    kernels.mkdir(exist_ok=True)
    (kernels / "x.cpp").write_text(source)
    subprocess.run([COMPILER, "-c", "x.cpp", "-o", "x.cpp.o"], cwd=kernels, check=True)
    return subprocess.run(
        [sys.executable, str(TOOL), str(folder)], capture_output=True, text=True, check=False
    )


def test_static_functions_pass(tmp_path):
    run = check(tmp_path, STATIC)
    assert run.returncode == 0, run.stdout
    assert "1 objects, 0 weak symbols" in run.stdout


def test_an_inline_function_is_found(tmp_path):
    run = check(tmp_path, INLINE)
    assert run.returncode == 1
    assert "W twice(int)" in run.stdout


def test_no_object_at_all_is_an_error(tmp_path):
    run = subprocess.run(
        [sys.executable, str(TOOL), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "no kernel object" in run.stdout
