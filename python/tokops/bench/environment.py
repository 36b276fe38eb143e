# SPDX-License-Identifier: Apache-2.0
"""Where a benchmark ran: CPU, ISA level, threads, versions, commit. Everything is plain JSON.

No host name and no path is recorded. What cannot be found out is an empty string.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import time
from pathlib import Path

from .. import __version__, isa, isa_levels, num_threads

PACKAGES = ("numpy", "torch", "tiktoken", "transformers", "tokenizers", "regex", "llguidance", "ml_dtypes")


def describe() -> dict[str, object]:
    """Collect the facts a reader needs to judge the numbers."""
    return {
        "cpu": cpu_name(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "isa": isa(),
        "isa_levels": list(isa_levels()),
        "threads": num_threads(),
        "blas_threads": os.environ.get("OPENBLAS_NUM_THREADS", ""),
        "tokops": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else -1.0,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def cpu_name() -> str:
    """Name the processor as the kernel does."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    first = (line.partition(":") for line in info.read_text().split("\n\n")[0].splitlines())
    fields = {key.strip(): value.strip() for key, _, value in first}
    name = fields.get("model name", platform.processor())
    family = (fields.get("cpu family"), fields.get("model"))
    return f"{name}, family {family[0]} model {family[1]}" if all(family) else name


def commit() -> str:
    """Give the commit of the checkout that holds the current folder, ``+`` appended when it is changed."""
    try:
        text = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return text.stdout.strip()


def versions() -> dict[str, str]:
    """List the versions of the packages that rows compare with; empty for one that is absent."""
    return {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
