# SPDX-License-Identifier: Apache-2.0
"""The module ``tokops._cuda`` as seen by dispatch, with the simulated grid in place of a device.

``_cpu._test_cuda_<name>`` runs the text of the kernels on the host, behind the same argument reading, the same
workspace sizes and the same ``_dispatch`` path; only launches, streams and the device itself are not there.
"""

from __future__ import annotations

from types import SimpleNamespace

from tokops import _cpu

PREFIX = "_test_cuda_"
MODULE = SimpleNamespace(
    device_count=lambda: 1,
    **{name.removeprefix(PREFIX): getattr(_cpu, name) for name in dir(_cpu) if name.startswith(PREFIX)},
)
OPERATORS = {
    name.removesuffix("_workspace_bytes") for name in vars(MODULE) if name.endswith("_workspace_bytes")
}
