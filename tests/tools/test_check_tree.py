# SPDX-License-Identifier: Apache-2.0
# Each rule of tools/check_tree.py must be able to fail: a small tree with one violation per test.
import importlib.util
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
SPDX = "SPDX-License-Identifier: Apache-2.0\n"


@pytest.fixture(scope="module")
def check_tree():
    spec = importlib.util.spec_from_file_location("check_tree", TOOLS / "check_tree.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def complain(check_tree, tmp_path):
    """Write one file into an empty tree and return what is said about it."""

    def check(path, text, *, spdx=True):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        mark = "# " if file.suffix == ".py" else "// "
        file.write_text((mark + SPDX if spdx else "") + text)
        return [line for line in check_tree.violations(tmp_path) if line.startswith(str(path) + ":")]

    return check


@pytest.mark.parametrize(
    ("path", "include", "why"),
    [
        ("cpp/kv/topk.cpp", '"prune/maxmin.h"', "a family knows core"),
        ("cpp/kv/topk.cpp", "<pybind11/pybind11.h>", "only bind knows Python"),
        ("cpp/kv/topk.cpp", '"bind/tensor_arg.h"', "a family knows core"),
        ("cpp/tokops/span.h", '"kv/topk.h"', "core knows no family"),
        ("cpp/tokops/span.h", "<Python.h>", "only bind knows Python"),
        ("cpp/kernels/kv_score.cpp", "<vector>", "kernels use no library"),
        ("cpp/kernels/kv_score.cpp", '"tokops/span.h"', "kernels know vec.h"),
        ("cpp/bind/bind_kv.cpp", "<torch/extension.h>", "nothing includes torch"),
        ("cpp/bind/bind_kv.cpp", "<pybind11/numpy.h>", "tensor reader"),
        ("cuda/kv_topk.cu", '"kv/topk.h"', "cuda knows"),
    ],
)
def test_a_forbidden_include_is_reported(complain, path, include, why):
    (line,) = complain(path, f"\n#include {include}\n")
    assert why in line
    assert ":3:" in line


@pytest.mark.parametrize(
    ("path", "include"),
    [
        ("cpp/kv/topk.cpp", '"kernels/kv_score.h"'),
        ("cpp/kv/topk.cpp", "<vector>"),
        ("cpp/kv/topk.cpp", '"topk.h"'),
        ("cpp/kernels/kv_score.cpp", '"vec.h"'),
        ("cpp/kernels/kv_score.cpp", "<stdint.h>"),
        ("cpp/kernels/kv_score.cpp", '"tokops/rng.h"'),
        ("cpp/bind/bind_kv.cpp", '"kv/topk.h"'),
        ("cuda/kv_topk.cu", "<cub/cub.cuh>"),
        ("cuda/bind.cpp", '"bind/tensor_arg.h"'),
    ],
)
def test_an_allowed_include_passes(complain, path, include):
    assert complain(path, f"#include {include}\n") == []


@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        ("kv/topk.py", "from ..prune import maxmin", "another family"),
        ("kv/topk.py", "from .. import bench", "nothing knows bench"),
        ("kv/topk.py", "import torch", "at first use"),
        ("kv/topk.py", "try:\n    import torch\nexcept ImportError:\n    torch = None", "at first use"),
        ("kv/topk.py", "from ..reference.kv import topk", "at first use"),
        ("kv/topk.py", "from tokops import threads", "relative"),
        ("_ops.py", "import importlib.metadata", "20 ms"),
        ("reference/kv/topk.py", "from ... import _cpu", "the reference knows"),
        ("reference/kv/topk.py", "def f():\n    import torch", "the reference knows"),
        ("reference/kv/topk.py", "from ...kv import topk", "the reference knows"),
        ("_dispatch.py", "from . import integrations", "nothing knows integrations"),
    ],
)
def test_a_forbidden_import_is_reported(complain, path, text, why):
    found = complain(Path("python/tokops") / path, text + "\n")
    assert any(why in line and " imports " in line for line in found)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("kv/topk.py", "from .._ops import Op\nfrom .select import x\nimport numpy as np\nimport sys"),
        ("kv/topk.py", "def f():\n    import torch\n    from ..reference.kv import topk"),
        ("kv/topk.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"),
        ("integrations/transformers.py", "import torch\nfrom ..kv import topk"),
        ("bench/cases/kv.py", "from ...kv import topk\nfrom ..case import Row"),
        ("__main__.py", "def main():\n    from .bench import __main__"),
    ],
)
def test_an_allowed_import_passes(complain, path, text):
    found = complain(Path("python/tokops") / path, text + "\n")
    assert [line for line in found if " imports " in line] == []


def test_a_long_file_is_reported(complain):
    assert "the limit is 400" in complain("tools/long.py", "x = 1\n" * 400)[0]
    assert complain("tools/fits.py", "x = 1\n" * 399) == []
    assert "the limit is 500" in complain("tests/kv/test_long.py", "x = 1\n" * 500)[0]
    assert complain("tests/kv/test_fits.py", "x = 1\n" * 499) == []


def test_a_missing_licence_line_is_reported(complain):
    assert "first line" in complain("tools/bare.py", "x = 1\n", spdx=False)[0]


def test_a_machine_path_is_reported_with_its_line(complain):
    assert complain("tools/path.py", "x = '/" + "home/someone/data'\n") == [
        "tools/path.py:2: absolute path of a machine"
    ]


def test_an_operator_without_its_reference_file_is_reported(complain):
    found = complain(Path("python/tokops/kv/topk.py"), 'TOPK = Op(\n    "kv_topk",\n)\n')
    assert any("reference/kv/topk.py is missing" in line for line in found)


def test_a_reference_file_without_its_public_file_is_reported(complain):
    found = complain(Path("python/tokops/reference/kv/topk.py"), "x = 1\n")
    assert len(found) == 1
    assert "python/tokops/kv/topk.py is missing" in found[0]


def test_a_reference_file_that_another_one_uses_needs_no_public_file(complain):
    complain(Path("python/tokops/reference/kv/__init__.py"), "from . import numeric\n")
    assert complain(Path("python/tokops/reference/kv/numeric.py"), "x = 1\n") == []


def test_a_family_without_docs_cases_and_bench_is_reported(check_tree, tmp_path):
    file = tmp_path / "python/tokops/kv/__init__.py"
    file.parent.mkdir(parents=True)
    file.write_text("# " + SPDX)
    found = " ".join(check_tree.violations(tmp_path))
    for room in ("docs/kv.md", "tests/cases/kv.py", "bench/cases/kv.py"):
        assert room in found


def test_exit_status_says_whether_anything_was_found(check_tree, tmp_path, capsys):
    assert check_tree.main([str(tmp_path)]) == 0
    (tmp_path / "bare.py").write_text("x = 1\n")
    assert check_tree.main([str(tmp_path)]) == 1
    assert "1 violations" in capsys.readouterr().out
    assert "check_tree" not in sys.modules
