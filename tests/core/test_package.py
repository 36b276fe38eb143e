# SPDX-License-Identifier: Apache-2.0
"""The package as users meet it: imports, backends, environment variables, reports."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import tokops
from tokops import _cpu, _dispatch


def python(code, **variables):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_import_brings_numpy_and_no_other_package():
    code = (
        "import sys, numpy; before = set(sys.modules); import tokops\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - set(sys.stdlib_module_names) - {'tokops'}))\n"
        "print('importlib.metadata' in sys.modules and 'importlib.metadata' not in before)"
    )
    assert python(code).stdout.split("\n")[:2] == ["[]", "False"]


def test_every_family_imports_without_torch():
    code = (
        "import sys, tokops\nfor name in ('bpe', 'constrain', 'kv', 'prune'): getattr(tokops, name)\n"
        "print([m for m in ('torch', 'regex', 'tiktoken', 'transformers') if m in sys.modules])"
    )
    assert python(code).stdout.strip() == "[]"


def test_public_names_resolve_and_others_do_not():
    for name in tokops.__all__:
        assert getattr(tokops, name) is not None
    assert dir(tokops) == tokops.__all__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = tokops.nonsense


def test_use_backend_nests_and_is_put_back():
    assert _dispatch.backend_name() is None
    with tokops.use_backend("reference"):
        with tokops.use_backend("cpp"):
            assert _dispatch.backend_name() == "cpp"
        assert _dispatch.backend_name() == "reference"
    assert _dispatch.backend_name() is None
    with (
        pytest.raises(ValueError, match="must be one of reference, cpp, cuda, got 'gpu'"),
        tokops.use_backend("gpu"),
    ):
        pass


def test_a_forced_backend_never_falls_through():
    if tokops.has_cuda():
        pytest.skip("this machine has a CUDA device")
    with tokops.use_backend("cuda"), pytest.raises((RuntimeError, TypeError), match="cuda"):
        tokops.topk(np.zeros(4, np.float32), 2)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("TOKOPS_BACKEND", "gpu", "TOKOPS_BACKEND must be one of reference, cpp, cuda, got 'gpu'"),
        ("TOKOPS_ISA", "v9", "instruction-set level must be one of base, v3, v4, got 'v9'"),
        ("TOKOPS_NUM_THREADS", "0", "TOKOPS_NUM_THREADS must be an integer in [1, 1024], got '0'"),
    ],
)
def test_unknown_settings_are_value_errors_at_first_use(variable, value, message):
    code = "import numpy, tokops; from tokops import topk; print('imported')\ntopk(numpy.zeros(4, 'f4'), 2)"
    done = python(code, **{variable: value})
    assert done.stdout.strip() == "imported"
    assert done.stderr.strip().split("\n")[-1] == f"ValueError: {message}"
    report = python("import tokops; tokops.show_config()", **{variable: value})
    assert report.returncode == 0
    assert message in report.stdout


@pytest.mark.parametrize("level", tokops.isa_levels())
def test_the_environment_lowers_the_level(level):
    assert python("import tokops; print(tokops.isa())", TOKOPS_ISA=level).stdout.strip() == level


def test_levels_start_with_base_and_can_be_switched():
    assert tokops.isa_levels()[0] == "base"
    for level in tokops.isa_levels():
        _cpu.set_isa(level)
        assert tokops.isa() == level
    with pytest.raises(ValueError, match="level"):
        _cpu.set_isa("avx")


def test_the_report_survives_broken_probes(monkeypatch, capsys):
    def broken():
        raise OSError("no such thing")

    monkeypatch.setattr("tokops._config._processor", broken)
    facts = tokops._config.environment()
    assert facts["processor"] == "unknown (OSError: no such thing)"
    assert facts["tokops"] == tokops.__version__
    tokops.show_config()
    assert "isa" in capsys.readouterr().out
