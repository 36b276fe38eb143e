# SPDX-License-Identifier: Apache-2.0
# tools/check_sdist.py must notice a swallowed build folder and a forgotten source.
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

pytest.importorskip("pathspec", reason="needs pathspec")
if sys.version_info < (3, 11):
    pytest.skip("tools need tomllib (Python 3.11)", allow_module_level=True)

TOOL = Path(__file__).parents[2] / "tools" / "check_sdist.py"
PYPROJECT = '[tool.scikit-build]\nsdist.exclude = [".ci/"]\n'


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "checkout"
    for name in ("pyproject.toml", "cpp/a.cpp", ".ci/run"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(PYPROJECT if name == "pyproject.toml" else "x")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    return root


def check(checkout, *names):
    (checkout / "build").mkdir()
    (checkout / "build" / "a.o").write_text("x")
    sdist = checkout.parent / "p.tar.gz"
    with tarfile.open(sdist, "w:gz") as archive:
        for name in names:
            archive.add(checkout / name, f"p-1.0/{name}")
        archive.add(checkout / "pyproject.toml", "p-1.0/PKG-INFO")
    command = [sys.executable, str(TOOL), str(sdist), str(checkout)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_exactly_the_tracked_files_that_are_allowed_pass(checkout):
    run = check(checkout, "pyproject.toml", "cpp/a.cpp")
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_swallowed_build_folder_is_found(checkout):
    run = check(checkout, "pyproject.toml", "cpp/a.cpp", "build/a.o")
    assert run.returncode == 1
    assert "belongs in the sdist: build/a.o" in run.stdout


def test_a_forgotten_source_is_found(checkout):
    run = check(checkout, "pyproject.toml")
    assert run.returncode == 1
    assert "missing from the sdist: cpp/a.cpp" in run.stdout


def test_an_excluded_file_is_found(checkout):
    run = check(checkout, "pyproject.toml", "cpp/a.cpp", ".ci/run")
    assert run.returncode == 1
    assert "belongs in the sdist: .ci/run" in run.stdout
