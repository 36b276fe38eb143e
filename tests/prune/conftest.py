# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the prune tests."""

from collections.abc import Iterator

import pytest

import tokops


@pytest.fixture(params=["reference", "cpp"])
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """The reference and the native code, in force during the test."""
    with tokops.use_backend(request.param):
        yield request.param
