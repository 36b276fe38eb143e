# SPDX-License-Identifier: Apache-2.0
"""The package's main job on an embedded tiny language model: ``tokops demo``.

Encodes a list of medicines, writes ``n`` molecules with a checker that every one has to pass, reads only
the selected part of the KV cache, keeps the ``k`` most different molecules, and compares every operator with
its reference. Needs the extra ``demo`` (rich, partialsmiles); ten seconds on 2 cores; no network, no torch.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

__all__ = ["demo"]


def demo(*, n: int = 24, k: int = 6, seed: int = 0, report: str | None = "report.html") -> None:
    """Run the demo, print its tables and write the report.

    Parameters
    ----------
    n : int
        Molecules to write, 1 <= n <= 256.
    k : int
        Molecules to keep, 1 <= k <= n.
    seed : int
        Key of all draws, 0 <= seed < 2**64. Same seed, same molecules.
    report : str, optional
        Where to write the HTML report; None writes none.

    Raises
    ------
    ValueError
        ``n``, ``k`` or ``seed`` out of range.
    ImportError
        The extra ``demo`` is not installed.

    Notes
    -----
    Memory about 1.5 MB per molecule for the KV cache.
    """
    for name, value, low, high in (("n", n, 1, 256), ("k", k, 1, n), ("seed", seed, 0, 2**64 - 1)):
        if not low <= value <= high:
            raise ValueError(f"demo: argument '{name}' must be in [{low}, {high}], got {value}")
    for module in ("rich", "partialsmiles"):
        if importlib.util.find_spec(module) is None:
            raise ImportError(
                f"demo: the package '{module}' is missing; install it with: pip install 'tokops[demo]'"
            )

    from .job import run_job
    from .report import write_report
    from .terminal import progress_bar, show

    with progress_bar() as progress:
        result = run_job(n=n, k=k, seed=seed, progress=progress)
    show(result)
    if report is not None:
        write_report(result, Path(report))
        print(f"Report: {report}")
