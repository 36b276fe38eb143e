# SPDX-License-Identifier: Apache-2.0
"""Check that no kernel object holds a weak symbol.

Usage: ``python tools/check_symbols.py build-folder...``; reads every ``kernels/*.o`` below.
A weak definition (nm types W, V, u) is an inline function or template instantiated in an object that
was compiled for one instruction set; the linker keeps one copy of it, perhaps that of the highest
level, which then dies with SIGILL on an older machine. Finding no object is an error too.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

WEAK = re.compile(r"^\S*\s+([WVu])\s+(.+)$", re.MULTILINE)


def weak_symbols(objects: Sequence[Path]) -> list[str]:
    """List the weak symbols as ``object: type name``."""
    found = []
    for path in objects:
        text = subprocess.run(["nm", "-C", str(path)], capture_output=True, text=True, check=True).stdout
        found += [f"{path}: {kind} {name}" for kind, name in WEAK.findall(text)]
    return found


def kernel_objects(folder: Path) -> list[Path]:
    """Find the objects of ``cpp/kernels`` below a build folder."""
    return sorted(p for p in folder.rglob("*.o") if p.parent.name == "kernels")


def main(argv: list[str]) -> int:
    """Check the build folders."""
    objects = [path for folder in argv for path in kernel_objects(Path(folder))]
    if not objects:
        print(f"check_symbols: no kernel object under {', '.join(argv) or 'nothing'}")
        return 1
    found = weak_symbols(objects)
    for line in found:
        print(line)
    print(f"check_symbols: {len(objects)} objects, {len(found)} weak symbols")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
