# SPDX-License-Identifier: Apache-2.0
"""Check that a source distribution holds exactly the tracked files that pyproject lets in.

Usage: ``python tools/check_sdist.py dist/tokops-x.y.z.tar.gz [checkout]``.
``tool.scikit-build.sdist.exclude`` lists gitignore patterns of tracked files that stay out, and
``include`` takes some of those in again. Anything else that differs is a build folder swallowed or
a source forgotten. Needs pathspec, which scikit-build-core brings.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pathspec
import tomllib

ADDED_BY_BUILD = {"PKG-INFO"}


def expected(tracked: Iterable[str], include: Iterable[str], exclude: Iterable[str]) -> set[str]:
    """Give the names that the sdist must hold."""
    kept_out = pathspec.GitIgnoreSpec.from_lines(exclude)
    taken_in = pathspec.GitIgnoreSpec.from_lines(include)
    return {name for name in tracked if taken_in.match_file(name) or not kept_out.match_file(name)}


def members(sdist: Path) -> set[str]:
    """List the files of the archive without its top folder."""
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2] for member in archive.getmembers() if not member.isdir()}


def tracked_files(checkout: Path) -> set[str]:
    """List the tracked files of a checkout."""
    command = ["git", "-C", str(checkout), "ls-files", "-z"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name for name in text.split("\0") if name}


def differences(sdist: Path, checkout: Path) -> list[str]:
    """Say which files are missing from the archive and which do not belong there."""
    settings = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
    rules = settings["tool"]["scikit-build"].get("sdist", {})
    wanted = expected(tracked_files(checkout), rules.get("include", []), rules.get("exclude", []))
    held = members(sdist) - ADDED_BY_BUILD
    lost = [f"missing from the sdist: {name}" for name in sorted(wanted - held)]
    return lost + [f"not a tracked file that belongs in the sdist: {name}" for name in sorted(held - wanted)]


def main(argv: list[str]) -> int:
    """Check one archive."""
    found = differences(Path(argv[0]), Path(argv[1]) if len(argv) > 1 else Path())
    for line in found:
        print(line)
    print(f"check_sdist: {len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
