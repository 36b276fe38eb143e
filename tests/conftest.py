# SPDX-License-Identifier: Apache-2.0
"""Fixtures of all tests: optional data beside the checkout, and the settings a test may change are put back."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import tokops
from tokops import _cpu

SHARED = Path(os.environ.get("TOKOPS_SHARED") or Path(__file__).resolve().parents[2] / "shared")


@pytest.fixture(scope="session")
def shared_data() -> ModuleType:
    """The readers of the optional test data (``../shared/data/load.py``)."""
    path = SHARED / "data" / "load.py"
    if not path.exists():
        pytest.skip("optional data ../shared/data is not there")
    spec = importlib.util.spec_from_file_location("shared_load", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Path]:
    """``golden("kv")`` is the folder of stored outputs of other programs (``../shared/golden/kv``)."""

    def folder(family: str) -> Path:
        path = SHARED / "golden" / family
        if not path.exists():
            pytest.skip(f"optional data ../shared/golden/{family} is not there")
        return path

    return folder


@pytest.fixture(autouse=True)
def _restore_settings() -> Iterator[None]:
    threads, level = tokops.num_threads(), tokops.isa()
    yield
    tokops.set_num_threads(threads)
    _cpu.set_isa(level)


@pytest.fixture(params=tokops.isa_levels())
def isa_level(request: pytest.FixtureRequest) -> str:
    """Each instruction-set level of the machine, in force during the test."""
    _cpu.set_isa(request.param)
    return request.param


@pytest.fixture(params=[1, 4])
def thread_count(request: pytest.FixtureRequest) -> int:
    """One and four threads, in force during the test."""
    tokops.set_num_threads(request.param)
    return request.param
