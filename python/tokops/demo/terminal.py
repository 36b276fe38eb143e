# SPDX-License-Identifier: Apache-2.0
"""The demo on the terminal: progress bars, molecules, numbers and the table of operators (rich)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .job import Progress as OnProgress
from .job import Result
from .report import facts, seconds


@contextmanager
def progress_bar() -> Iterator[OnProgress]:
    """Give a function ``(stage, done, total)`` that draws one bar per stage."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<27}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns) as bars:

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield update


def show(result: Result) -> None:
    """Print the result; kept molecules carry a star."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"\n{len(result.molecules)} molecules, the {len(result.kept)} most different marked *")
    for place, molecule in enumerate(result.molecules):
        mark = "*" if place in result.kept else " "
        console.print(f" {mark} {molecule.smiles}", markup=False, soft_wrap=True)
    console.print()
    for name, value in facts(result):
        console.print(f"{name:<44} {value}", markup=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("operator", "reference", "native", "ratio", "outputs equal"):
        table.add_column(name, justify="right" if name in ("reference", "native", "ratio") else "left")
    for row in result.operators:
        times = seconds(row.reference_seconds), seconds(row.native_seconds)
        table.add_row(row.name, *times, f"{row.ratio:.1f}", row.equal)
    console.print()
    console.print(table)
