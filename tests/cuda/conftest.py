# SPDX-License-Identifier: Apache-2.0
"""The fixture that puts the simulated grid behind backend "cuda"."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import tokops
from tests.cuda.simulated import MODULE
from tokops import _arrays, _dispatch


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every call of the test runs the CUDA path, with kernels on the host."""
    monkeypatch.setattr(_dispatch, "cuda_module", lambda: MODULE)
    monkeypatch.setattr(_arrays, "is_cuda", lambda x: True)
    with tokops.use_backend("cuda"):
        yield
