# SPDX-License-Identifier: Apache-2.0
"""Draw one figure per operator: the ratio of every peer on a log axis, quartiles as bars.

Needs matplotlib (the ``bench`` extra). Files are ``<op>.svg`` and ``<op>.png`` in the given folder.
SVG ids are salted with the operator's name and no date is written: same run, same file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .runner import Result


def draw(results: Sequence[Result], folder: Path, caption: str) -> list[Path]:
    """Write the figures and return their paths."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError("bench: --plot needs matplotlib; pip install 'tokops[bench]'") from error
    matplotlib.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for op in dict.fromkeys(result.op for result in results if result.ratios):
        written += _figure(op, [r for r in results if r.op == op and r.ratios], folder, caption)
    return written


def _figure(op: str, results: Sequence[Result], folder: Path, caption: str) -> list[Path]:
    import matplotlib
    from matplotlib.figure import Figure

    bars = [
        (f"{result.name.removeprefix(op).strip('/')}  {peer}", ratio)
        for result in results
        for peer, ratio in result.ratios.items()
    ]
    figure = Figure(figsize=(8, 1.2 + 0.3 * len(bars)), layout="constrained")
    axes = figure.add_subplot()
    for y, (_, ratio) in enumerate(bars):
        axes.barh(y, ratio.median, color="#4c72b0" if ratio.median >= 1 else "#c44e52", height=0.6)
        axes.hlines(y, ratio.q1, ratio.q3, color="black", linewidth=1.5)
        axes.annotate(f"{ratio.median:.2f}x", (ratio.q3, y), (4, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(bars)), [label for label, _ in bars])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("peer time / tokops time (median of rounds, line: quartiles)")
    axes.set_title(op)
    figure.text(0.01, -0.02, caption, fontsize=7, va="top")
    paths = [folder / f"{op.replace('.', '_')}.{kind}" for kind in ("svg", "png")]
    with matplotlib.rc_context({"svg.hashsalt": op}):
        for path in paths:
            metadata = {"Date": None} if path.suffix == ".svg" else {}
            figure.savefig(path, metadata=metadata, bbox_inches="tight", dpi=110)
    return paths
