# SPDX-License-Identifier: Apache-2.0
"""Write the measured tables of README.md and docs/performance.md from one file of the benchmark command.

    python tools/perf_tables.py docs/perf/cpu.json

The text between ``<!-- measured rows -->`` and ``<!-- end of measured rows -->`` is replaced: a few rows in the README,
all of them in the docs. Nothing is rounded up: ratios have two significant digits, times three.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
START, END = "<!-- measured rows -->", "<!-- end of measured rows -->"
FRONT = {
    "bpe.Encoding.encode/256k/latin": "tiktoken",
    "bpe.train/1M/4096": "tokenizers",
    "constrain.awrs_step/128k/rawrs-mask": "torch mask, softmax, multinomial",
    "kv.topk/128k/float32": "torch.topk",
    "kv.select/32k/bfloat16": "torch in float32",
    "kv.sparse_attention/32k/bfloat16": "gather + packed SDPA",
    "prune.maxmin_select/2880x4096/k288/float32": "torch, n x n",
}


def seconds(value: float) -> str:
    """A time with its unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)):
        if value * scale >= 1:
            return f"{value * scale:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def lines(rows: list[dict[str, Any]], wanted: dict[str, str] | None) -> list[str]:
    """The table, one line for each peer of each row."""
    table = ["| row | tokops | against | its time | ratio (quartiles) |", "|---|---|---|---|---|"]
    for row in rows:
        for peer, ratio in row["ratios"].items():
            if wanted is not None and wanted.get(row["name"]) != peer:
                continue
            ours, theirs = row["times"]["ours"]["median"], row["times"][peer]["median"]
            spread = f"{ratio['median']:.2g} ({ratio['q1']:.2g} to {ratio['q3']:.2g})"
            mark = "" if peer in row["verified"] else " (yardstick)"
            table.append(
                f"| `{row['name']}` | {seconds(ours)} | {peer}{mark} | {seconds(theirs)} | {spread} |"
            )
    return table


def machine(environment: dict[str, Any]) -> str:
    """One sentence about where the rows were measured."""
    versions = ", ".join(
        f"{name} {version}"
        for name, version in environment["versions"].items()
        if version and name in ("numpy", "torch", "tiktoken", "tokenizers")
    )
    return (
        f"Measured {environment['date']} on {environment['cpu']}, {environment['cpus']} virtual cores, instruction set "
        f"{environment['isa']}, {environment['threads']} threads, system load {environment['load']:.1f}; {versions}."
    )


def replace(path: Path, text: str) -> None:
    """Put ``text`` between the marks of a file."""
    before, _, rest = path.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    if not rest:
        raise SystemExit(f"{path.name} has no line {START}")
    path.write_text(f"{before}{START}\n{text}\n{END}{after}", encoding="utf-8")


def main(file: str) -> None:
    """Rewrite both pages."""
    data = json.loads(Path(file).read_text(encoding="utf-8"))
    place = machine(data["environment"])
    front = "\n".join(lines(data["rows"], FRONT))
    replace(ROOT / "README.md", f"{front}\n\n{place} Ratio = peer time / ours, median of rounds.")
    replace(ROOT / "docs" / "performance.md", place + "\n\n" + "\n".join(lines(data["rows"], None)))


if __name__ == "__main__":
    main(*sys.argv[1:])
