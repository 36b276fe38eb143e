# SPDX-License-Identifier: Apache-2.0
"""Compare the instruction counts of the C++ entries with their committed budgets.

Usage: ``python tools/check_callgrind.py tokops_test [--update]``. Runs every entry of the executable
under callgrind (one thread, ISA level base, so that the count does not depend on the machine) and
compares with ``cpp/test/callgrind.json``. More than 2 % above is a failure; more than 2 % below asks
for ``--update``. Counts belong to one compiler: with another major version nothing is compared.
Without valgrind the check says so and succeeds.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

BUDGETS = Path(__file__).resolve().parents[1] / "cpp" / "test" / "callgrind.json"
TOLERANCE = 0.02
COLLECTED = re.compile(r"Collected\s*:\s*(\d+)")


def verdicts(counts: Mapping[str, int], budgets: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """Split into failures and remarks."""
    failures, remarks = [], []
    for name in sorted({*counts, *budgets}):
        if name not in counts:
            failures.append(f"{name}: has a budget but is no entry")
        elif name not in budgets:
            failures.append(f"{name}: {counts[name]} instructions, no budget; run with --update")
        elif counts[name] > budgets[name] * (1 + TOLERANCE):
            failures.append(f"{name}: {counts[name]} instructions, the budget is {budgets[name]}")
        elif counts[name] < budgets[name] * (1 - TOLERANCE):
            remarks.append(f"{name}: {counts[name]} instructions, below the budget {budgets[name]}: --update")
    return failures, remarks


def entries(executable: Path) -> list[str]:
    """Ask the executable for its entries."""
    text = subprocess.run([str(executable), "--list"], capture_output=True, text=True, check=True).stdout
    return [line.split()[1] for line in text.splitlines() if line.startswith("entry ")]


def count(executable: Path, entry: str) -> int:
    """Count the instructions of one entry."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command += ["--toggle-collect=tokops_measured", str(executable), "--entry", entry]
    environment = os.environ | {"TOKOPS_ISA": "base", "TOKOPS_NUM_THREADS": "1"}
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    match = COLLECTED.search(run.stderr)
    if match is None:
        raise RuntimeError(f"callgrind printed no count for {entry}:\n{run.stderr}")
    return int(match[1])


def compiler() -> str:
    """Name the compiler that c++ is, without the minor version."""
    command = [os.environ.get("CXX", "c++"), "-dumpfullversion"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return f"gcc {text.split('.')[0]}"


def main(argv: list[str]) -> int:
    """Check or update the budgets."""
    if shutil.which("valgrind") is None:
        print("check_callgrind: skipped, valgrind is not installed")
        return 0
    executable = Path(argv[0])
    known = json.loads(BUDGETS.read_text(encoding="utf-8")) if BUDGETS.exists() else {}
    update = "--update" in argv
    if not update and known.get("compiler") != compiler():
        print(f"check_callgrind: skipped, budgets are for {known.get('compiler')}, this is {compiler()}")
        return 0
    counts = {entry: count(executable, entry) for entry in entries(executable)}
    if update:
        text = json.dumps({"compiler": compiler(), "isa": "base", "instructions": counts}, indent=2)
        BUDGETS.write_text(text + "\n", encoding="utf-8")
        return 0
    failures, remarks = verdicts(counts, known["instructions"])
    for line in (*failures, *remarks):
        print(line)
    print(f"check_callgrind: {len(counts)} entries, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
