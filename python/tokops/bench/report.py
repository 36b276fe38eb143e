# SPDX-License-Identifier: Apache-2.0
"""Show results: a table (``rich`` when installed, else plain text), JSON, a comparison of two runs.

The JSON is ``{"format": 1, "environment": {...}, "rows": [...]}`` with one object per ``Result``;
``load`` reads only that format and raises ValueError for another.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from .runner import OURS, Result, Spread

FORMAT = 1
HEADER = ("row", "ours", "rate", "against", "time", "ratio [quartiles]")


def seconds(value: float) -> str:
    """Write a duration with three digits and its unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def lines(results: Iterable[Result]) -> list[tuple[str, ...]]:
    """Lay the results out: one line per row and peer, row name and our time on its first line."""
    table: list[tuple[str, ...]] = []
    for result in results:
        ours = result.times.get(OURS)
        rate = f"{result.amount / ours.median:.3g} {result.unit}/s" if ours and result.amount else ""
        head = (result.name, seconds(ours.median) if ours else result.status, rate)
        peers = [
            (name, seconds(result.times[name].median), f"{r.median:.2f} [{r.q1:.2f}, {r.q3:.2f}]")
            for name, r in result.ratios.items()
        ]
        peers += [(name, "absent", "") for name in result.missing]
        if not result.times and result.verified:
            peers.insert(0, (", ".join(result.verified), "", ""))
        for i, peer in enumerate(peers or [("", "", "")]):
            table.append((*(head if i == 0 else ("", "", "")), *peer))
    return table


def show(results: Sequence[Result], out: TextIO) -> None:
    """Print the table, then notes and failures."""
    print_table(HEADER, lines(results), out)
    for note in dict.fromkeys(f"{r.op}: {r.note}" for r in results if r.note):
        print(f"note  {note}", file=out)
    for result in results:
        if result.status != "ok":
            print(f"{result.status.upper()}  {result.name}: {result.detail}", file=out)


def print_table(header: Sequence[str], table: Sequence[Sequence[str]], out: TextIO) -> None:
    """Print with rich when it is installed, else in columns of spaces."""
    if importlib.util.find_spec("rich") is not None:
        from rich.console import Console
        from rich.table import Table

        grid = Table(*header, box=None, pad_edge=False)
        for line in table:
            grid.add_row(*line)
        Console(file=out, width=None if out.isatty() else 160, markup=False, highlight=False).print(grid)
        return
    widths = [max(len(line[i]) for line in (header, *table)) for i in range(len(header))]
    for line in (header, *table):
        print("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip(), file=out)


def save(path: Path, results: Sequence[Result], environment: dict[str, object]) -> None:
    """Write the run as JSON, keys in a fixed order."""
    rows = [dataclasses.asdict(result) for result in results]
    text = json.dumps({"format": FORMAT, "environment": environment, "rows": rows}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def load(path: Path) -> tuple[list[Result], dict[str, object]]:
    """Read a run that ``save`` wrote."""
    data = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError(f"bench: '{path.name}' is not a benchmark file of format {FORMAT}")
    results = []
    for row in data["rows"]:
        for key in ("times", "ratios"):
            row[key] = {name: Spread(**value) for name, value in row[key].items()}
        results.append(Result(**row))
    return results, data["environment"]


def compare(new: Sequence[Result], old: Sequence[Result]) -> list[tuple[str, str, str, str]]:
    """Set two runs side by side: our time then and now, and old time / new time (above 1 is faster).

    Rows that only one of the runs has are listed with an empty ratio.
    """
    before = {r.name: r.times[OURS].median for r in old if OURS in r.times}
    after = {r.name: r.times[OURS].median for r in new if OURS in r.times}
    table = []
    for name in dict.fromkeys([*after, *before]):
        then, now = before.get(name), after.get(name)
        ratio = f"{then / now:.2f}" if then and now else ""
        table.append((name, seconds(then) if then else "-", seconds(now) if now else "-", ratio))
    return table


def differences(new: dict[str, object], old: dict[str, object]) -> list[str]:
    """List the facts in which two environments differ, dates and load left out."""
    keys = [key for key in new if key not in ("date", "load")]
    return [f"{key}: {old.get(key)} -> {new[key]}" for key in keys if old.get(key) != new[key]]
