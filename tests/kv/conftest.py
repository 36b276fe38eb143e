# SPDX-License-Identifier: Apache-2.0
"""Run a test on the reference and on the native backend."""

import pytest

from tokops import use_backend


@pytest.fixture(params=["reference", "cpp"])
def backend(request):
    with use_backend(request.param):
        yield request.param
