# SPDX-License-Identifier: Apache-2.0
"""What this installation is and runs on. Every probe is guarded: the report works when something is broken."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from . import _cpu, _dispatch

PARTNERS = ("numpy", "torch", "transformers", "tiktoken", "regex", "partialsmiles", "llguidance", "ml_dtypes")


def num_threads() -> int:
    """Threads a call may use, the caller included: ``TOKOPS_NUM_THREADS``, else the CPUs this process may use."""
    _dispatch.read_environment()
    return _cpu.num_threads()


def set_num_threads(n: int) -> None:
    """Set the number of threads of later calls; 1 <= n <= 1024 (ValueError). Results do not depend on it."""
    from ._scalars import integer

    _cpu.set_num_threads(integer("set_num_threads", "n", n, 1, 1024))


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Use ``n`` threads inside a ``with`` block. The setting belongs to the process, not to the Python thread."""
    before = num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)


def isa() -> str:
    """The instruction-set level in use: "base", "v3" (AVX2) or "v4" (AVX-512)."""
    _dispatch.read_environment()
    return _cpu.isa()


def isa_levels() -> list[str]:
    """The levels this machine has, lowest first."""
    return list(_cpu.isa_levels())


def environment() -> dict[str, str]:
    """Facts about the installation and the machine, as text; a probe that fails says why instead of raising."""
    from . import __version__

    probes: dict[str, Callable[[], Any]] = {
        "tokops": lambda: __version__,
        "python": lambda: f"{platform.python_version()} ({sys.implementation.name})",
        "platform": platform.platform,
        "processor": _processor,
        "isa": lambda: f"{isa()} (available: {', '.join(isa_levels())})",
        "threads": num_threads,
        "backend": lambda: _dispatch.backend_name() or "by device",
        "build": lambda: ", ".join(f"{key} {value}" for key, value in _cpu.build_info().items() if value),
        "cuda": _cuda,
        "variables": lambda: (
            ", ".join(f"{k}={v}" for k, v in os.environ.items() if k.startswith("TOKOPS_")) or "none"
        ),
    }
    probes.update({name: partial(_version, name) for name in PARTNERS})
    return {name: _guarded(probe) for name, probe in probes.items()}


def show_config() -> None:
    """Print ``environment()``; this is what ``python -m tokops`` shows and what a bug report needs."""
    for name, value in environment().items():
        print(f"{name:14} {value}")


def _guarded(probe: Callable[[], Any]) -> str:
    try:
        return str(probe())
    except Exception as error:  # noqa: BLE001 - a report must not fail on what it reports
        return f"unknown ({type(error).__name__}: {error})"


def _version(name: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _cuda() -> str:
    try:
        module = _dispatch.cuda_module()
    except RuntimeError:
        return "not built"
    count = module.device_count()
    return f"built, {count} device(s)" if count > 0 else "built, no device"
