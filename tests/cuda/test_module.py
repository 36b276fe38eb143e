# SPDX-License-Identifier: Apache-2.0
"""The compiled module on a machine without a GPU: it imports, links no driver, and says that there is no device."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

import tokops

BUILT = find_spec("tokops._cuda") is not None
built = pytest.mark.skipif(not BUILT, reason="tokops._cuda is not built (no nvcc, or TOKOPS_CUDA=OFF)")


def python(code, **variables):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


@built
def test_import_touches_no_driver_and_counts_devices():
    code = (
        "from tokops import _cuda\n"
        "print('libcuda' in open('/proc/self/maps').read())\n"
        "print(_cuda.device_count() >= 0)"
    )
    got = python(code)
    assert got.stdout.split() == ["False", "True"], got.stderr


@built
def test_hidden_devices_are_counted_as_none():
    code = "import tokops; from tokops import _cuda; print(_cuda.device_count(), tokops.has_cuda())"
    got = python(code, CUDA_VISIBLE_DEVICES="")
    assert got.stdout.split() == ["0", "False"], got.stderr


@built
def test_a_cpu_array_is_refused_before_the_device_is_asked():
    with tokops.use_backend("cuda"), pytest.raises(TypeError, match="is on cpu, but the call runs on cuda"):
        tokops.kv.topk(np.zeros(4, np.float32), 1)


@built
def test_every_operator_is_there_with_its_workspace_function():
    from tokops import _cpu, _cuda

    names = {name.removeprefix("_test_cuda_") for name in dir(_cpu) if name.startswith("_test_cuda_")}
    assert names <= set(dir(_cuda))
    assert {name for name in dir(_cuda) if not name.startswith("_")} == names | {
        "MissingOutput",
        "build_info",
        "device_count",
    }


@pytest.mark.skipif(BUILT, reason="tokops._cuda is built")
def test_without_the_module_the_error_says_how_to_build_it():
    with tokops.use_backend("cuda"), pytest.raises(RuntimeError, match="TOKOPS_CUDA=ON"):
        tokops.kv.topk(np.zeros(4, np.float32), 1)
    assert not tokops.has_cuda()


def test_an_operator_without_a_kernel_says_so(simulated):
    from tokops import _dispatch

    class NoKernel:
        name, public = "made_up", "kv.made_up"

    with pytest.raises(RuntimeError, match=r"kv.made_up: there is no CUDA kernel for this operator"):
        _dispatch.call(NoKernel(), np.zeros(1))
