# SPDX-License-Identifier: Apache-2.0
"""The command ``python -m tokops.bench [pattern]``; exit status 1 when a row fails to verify.

numpy's OpenBLAS reads its thread count once, when it is loaded, so the command line starts itself
again with ``OPENBLAS_NUM_THREADS=1`` when that is not set: with more threads a peer written in
numpy can be many times slower on a busy machine, which would flatter us.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from . import environment, report
from .runner import Result, Settings, find_rows, measure


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    p = argparse.ArgumentParser(
        prog="python -m tokops.bench", description="Verify and time tokops operators."
    )
    p.add_argument("pattern", nargs="?", default="*", help="substring or glob of row names")
    p.add_argument("--list", action="store_true", help="print the row names and stop")
    p.add_argument(
        "--smoke", action="store_true", help="verify each row once, leave large rows out, time nothing"
    )
    p.add_argument("--peers", action="store_true", help="time the peers too, not only ours and the reference")
    p.add_argument("--rounds", type=int, default=7, help="shuffled rounds, at least 7 (default 7)")
    p.add_argument("--seed", type=int, default=0, help="seed of the order within the rounds")
    p.add_argument("--json", type=Path, metavar="FILE", help="write the run to a file")
    p.add_argument("--compare", type=Path, metavar="FILE", help="show our times beside those of an older run")
    p.add_argument("--plot", type=Path, metavar="DIR", help="write SVG and PNG figures (needs matplotlib)")
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command; ``argv`` without the program name, default the process's own."""
    if argv is None and os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own command line
    options = parser().parse_args(argv)
    if options.rounds < 7:
        raise SystemExit("bench: --rounds must be at least 7")
    rows = find_rows(options.pattern)
    if not rows:
        raise SystemExit(f"bench: no row matches '{options.pattern}'")
    if options.list:
        print("\n".join(row.name + ("  (large)" if row.large else "") for row in rows))
        return 0
    earlier = report.load(options.compare) if options.compare else None
    settings = Settings(rounds=options.rounds, seed=options.seed, smoke=options.smoke, peers=options.peers)
    results: list[Result] = []
    for row in rows:
        if row.large and options.smoke:
            continue
        print(f"{len(results) + 1}/{len(rows)} {row.name}", file=sys.stderr, flush=True)
        results.append(measure(row, settings))
    facts = environment.describe()
    report.show(results, sys.stdout)
    print("; ".join(f"{k} {facts[k]}" for k in ("cpu", "isa", "threads", "tokops", "commit")))
    if earlier:
        report.print_table(
            ("row", "before", "now", "speed-up"), report.compare(results, earlier[0]), sys.stdout
        )
        for line in report.differences(facts, earlier[1]):
            print(f"differs  {line}")
    if options.json:
        report.save(options.json, results, facts)
    if options.plot:
        from .plot import draw

        draw(
            results,
            options.plot,
            f"{facts['cpu']}, {facts['isa']}, {facts['threads']} threads, {facts['date']}",
        )
    failed = [result.name for result in results if result.failed]
    unverified = [r.name for r in results if r.status == "unverified"]
    print(f"{len(results)} rows: {len(failed)} failed, {len(unverified)} unverified")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
