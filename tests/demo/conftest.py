# SPDX-License-Identifier: Apache-2.0
"""One small run of the demo, shared by the tests that look at results."""

from __future__ import annotations

import pytest

from tokops.demo.job import Result, run_job


@pytest.fixture(scope="session")
def result() -> Result:
    """Three molecules, two kept, all operators compared."""
    for package in ("rich", "partialsmiles"):
        pytest.importorskip(package, reason="the extra 'demo' is not installed")
    return run_job(n=3, k=2, seed=7, progress=lambda stage, done, total: None)
