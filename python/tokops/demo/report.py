# SPDX-License-Identifier: Apache-2.0
"""The demo's HTML report: one small page without scripts, pictures or links to elsewhere."""

from __future__ import annotations

from html import escape
from pathlib import Path

from .job import Result

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font: .9rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
tr.kept { background: #e8f1ea; font-weight: 600; }
"""


def facts(result: Result) -> list[tuple[str, str]]:
    """List the numbers of a run as text, for both outputs."""
    n, budget, share = len(result.molecules), result.budget, result.without_valid / len(result.without)
    return [
        ("valid with the checker", f"{result.valid} of {n}"),
        ("valid without it", f"{result.without_valid} of {len(result.without)} ({share:.0%})"),
        ("the model's own validity, from the weights", f"{result.estimated_validity:.0%}"),
        ("different, not in the prompt", f"{result.new} of {n}"),
        ("attempts given up and begun again", f"{result.given_up}"),
        ("checker calls per token", f"{result.checks_per_token:.2f} (a full mask: {result.vocab})"),
        (
            "retained attention mass",
            f"mean {result.retained_mean:.1%}, worst head {result.retained_worst:.1%}",
        ),
        (
            "cached tokens read",
            f"{result.read_share:.0%} (first {budget.n_sink}, best {budget.k}, last {budget.n_local})",
        ),
        ("prompt", f"{result.prompt_tokens} tokens, seed {result.seed}"),
        (
            "written in",
            f"{result.write_seconds:.1f} s, {result.draws / result.write_seconds:.0f} tokens per second",
        ),
    ]


def seconds(value: float) -> str:
    """Format a time with three digits and its unit."""
    for factor, unit in ((1.0, "s"), (1e3, "ms")):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e6:.3g} us"


def write_report(result: Result, path: Path) -> None:
    """Write the page (UTF-8, about 10 kB for the default run)."""
    numbers = "".join(_row([name, value]) for name, value in facts(result))
    molecules = "".join(
        _row(
            [f"{place + 1}", m.smiles, "kept" if place in result.kept else "", f"{m.checks / m.draws:.2f}"],
            numeric=(0, 3), code=1, css="kept" if place in result.kept else "",
        )
        for place, m in enumerate(result.molecules)
    )  # fmt: skip
    operators = "".join(
        _row(
            [row.name, row.inputs, seconds(row.reference_seconds), seconds(row.native_seconds),
             f"{row.ratio:.1f}", row.equal],
            numeric=(2, 3, 4), code=0,
        )
        for row in result.operators
    )  # fmt: skip
    head = [
        ("operator", ""),
        ("inputs", ""),
        ("reference", "number"),
        ("native", "number"),
        ("ratio", "number"),
    ]
    columns = "".join(f'<th class="{css}">{name}</th>' for name, css in [*head, ("outputs equal", "")])
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>tokops demo</title><style>{STYLE}</style></head><body>
<h1>tokops demo: {len(result.molecules)} molecules, {len(result.kept)} kept</h1>
<p>A language model of about a million parameters, in numpy, continued a list of medicines. A checker had to
accept every token; each step over a long cache read only the selected part of it; max-min diversity chose the molecules
to keep.</p>
<table>{numbers}</table>
<h2>Molecules</h2>
<table><tr><th class="number">no.</th><th>SMILES</th><th></th><th class="number">checks per token</th></tr>
{molecules}</table>
<h2>Operators on this run's inputs</h2>
<table><tr>{columns}</tr>
{operators}</table>
<p>Reference: the package's plain Python and numpy version of the same operator. Medians on this machine.</p>
</body></html>
"""
    path.write_text(page, encoding="utf-8")


def _row(cells: list[str], numeric: tuple[int, ...] = (), code: int = -1, css: str = "") -> str:
    """Make one table row; ``numeric`` columns are right-aligned, column ``code`` is set as code."""
    made = []
    for column, cell in enumerate(cells):
        text = f"<code>{escape(cell)}</code>" if column == code else escape(cell)
        made.append(f'<td class="number">{text}</td>' if column in numeric else f"<td>{text}</td>")
    return f'<tr class="{css}">{"".join(made)}</tr>\n'
