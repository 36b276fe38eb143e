# SPDX-License-Identifier: Apache-2.0
"""Check the tree: who may know whom, line limits, file names that belong together, first lines.

Usage: ``python tools/check_tree.py [root]``; prints one line per violation, exit status 1 if any.
The arrows are those of CONTRIBUTING ("Who may know whom"). Only tracked files are read; outside a
git checkout every file under the root is. Text is read, nothing is imported or compiled.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

PACKAGE = PurePosixPath("python/tokops")
CODE = {".py", ".pyi", ".cpp", ".h", ".cu", ".cuh", ".cmake"}
SPDX = "SPDX-License-Identifier: Apache-2.0"
MACHINE_PATH = re.compile(r"(?:^|[^A-Za-z0-9_.$}])/(?:work|farm|root|tmp|home)/[A-Za-z]")
DECLARES = re.compile(r"\b(?:Op|Entry)\(\s*\"")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)

# Folders of cpp/ that are no family; every other folder there is one.
CPP_ROOMS = {"tokops", "kernels", "bind", "test"}
# Folders of the package that are no family.
PYTHON_ROOMS = {"reference", "integrations", "bench", "demo"}
KERNEL_SYSTEM = {"stdint.h", "stddef.h", "string.h", "immintrin.h", "arm_neon.h"}
KERNEL_CORE = {"tokops/dtype.h", "tokops/exp32.h", "tokops/order_key.h", "tokops/rng.h"}
# Headers of functions for host and device.
CUDA_CORE = {
    "tokops/rng.h",
    "tokops/dtype.h",
    "tokops/exp32.h",
    "tokops/order_key.h",
    "tokops/status.h",
    "prune/distance.h",
}


def main(argv: list[str]) -> int:
    """Check the tree under ``argv[0]`` (default: the current folder)."""
    root = Path(argv[0]) if argv else Path()
    found = list(violations(root))
    for line in found:
        print(line)
    print(f"check_tree: {len(found)} violations")
    return 1 if found else 0


def violations(root: Path) -> Iterator[str]:
    """Yield every violation as ``path[:line]: what is wrong``."""
    files = tracked(root)
    for path in files:
        try:
            text = (root / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        for what in (*lines_of(path, text), *includes_of(path, text), *imports_of(path, text)):
            yield f"{path}{what}"
    yield from names_of(files, root)


def tracked(root: Path) -> list[PurePosixPath]:
    """List the tracked files, or all files outside a git checkout."""
    if (root / ".git").exists():
        text = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True, check=True
        ).stdout
        return sorted(PurePosixPath(name) for name in text.split("\0") if name)
    return sorted(PurePosixPath(p.relative_to(root).as_posix()) for p in root.rglob("*") if p.is_file())


# --- every file ---------------------------------------------------------------------------------


def lines_of(path: PurePosixPath, text: str) -> Iterator[str]:
    """Check length, licence line and machine paths of one file."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if MACHINE_PATH.search(line) and path.suffix not in {".json", ".txt"}:
            yield f":{number}: absolute path of a machine"
    if path.suffix not in CODE and path.name != "CMakeLists.txt":
        return
    limit = 500 if path.parts[0] == "tests" or path.parts[:2] == ("cpp", "test") else 400
    if len(lines) > limit:
        yield f": {len(lines)} lines, the limit is {limit}"
    if not lines or SPDX not in lines[0]:
        yield f":1: the first line must hold '{SPDX}'"


# --- C++ and CUDA -------------------------------------------------------------------------------


def includes_of(path: PurePosixPath, text: str) -> Iterator[str]:
    """Check the include arrows of one C++ or CUDA file."""
    if path.suffix not in {".cpp", ".h", ".cu", ".cuh"} or path.parts[0] not in {"cpp", "cuda"}:
        return
    for match in INCLUDE.finditer(text):
        system, name = match[1] == "<", match[2]
        if not system and "/" not in name:
            name = f"{'/'.join(path.parts[1:-1] if path.parts[0] == 'cpp' else path.parts[:-1])}/{name}"
        if why := forbidden_include(path, name, system):
            number = text.count("\n", 0, match.start(1)) + 1
            yield f":{number}: includes {name}: {why}"


def forbidden_include(path: PurePosixPath, name: str, system: bool) -> str:
    """Say why the file may not include the name; empty when it may."""
    top = name.split("/")[0]
    if top in {"torch", "c10", "ATen"}:
        return "nothing includes torch headers"
    if name == "pybind11/numpy.h":
        return "numpy is read through the tensor reader"
    room = path.parts[1] if path.parts[0] == "cpp" else "cuda"
    if room in {"bind", "test"} or (room == "cuda" and path.name.startswith("bind")):
        return ""
    if top == "pybind11" or name == "Python.h":
        return "only bind knows Python"
    if room == "kernels":
        return _kernel_include(path, name, system)
    if system:
        return ""
    if room == "cuda":
        return (
            "" if top == "cuda" or name in CUDA_CORE else "cuda knows cuda/*.h, CUB and kernel-safe headers"
        )
    if room == "tokops":
        ours = top == "tokops" or name == "kernels/table.h" or name.startswith("kernels/core_")
        return "" if ours else "core knows no family"
    return "" if top in {room, "tokops", "kernels"} else "a family knows core, kernels and itself"


def _kernel_include(path: PurePosixPath, name: str, system: bool) -> str:
    if system:
        return "" if name in KERNEL_SYSTEM else "kernels use no library"
    if path.name == "table.h" and name == "tokops/isa.h":
        return ""
    return "" if name.startswith("kernels/") or name in KERNEL_CORE else "kernels know vec.h, dtype.h, rng.h"


# --- Python -------------------------------------------------------------------------------------


def imports_of(path: PurePosixPath, text: str) -> Iterator[str]:
    """Check the import arrows of one file of the package."""
    if path.suffix != ".py" or path.parts[:2] != PACKAGE.parts:
        return
    inside = path.relative_to(PACKAGE)
    tree = ast.parse(text)
    at_import = _statements_run_at_import(tree)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for target in targets(inside, node):
                if why := forbidden_import(inside, target, top=node in at_import):
                    yield f":{node.lineno}: imports {target}: {why}"


def targets(inside: PurePosixPath, node: ast.Import | ast.ImportFrom) -> list[str]:
    """Name what a statement imports; own modules as ``.family.module`` from the package's root."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.level == 0:
        return [node.module or ""]
    base = [*inside.parent.parts][: len(inside.parent.parts) - node.level + 1]
    module = [*base, *(node.module or "").split(".")] if node.module else base
    if module:
        return ["." + ".".join(module)]
    return ["." + alias.name for alias in node.names]


def forbidden_import(inside: PurePosixPath, target: str, *, top: bool) -> str:
    """Say why the module may not import the target; empty when it may."""
    room = inside.parts[0] if len(inside.parts) > 1 else ""
    name = target.lstrip(".").split(".")[0]
    if not target.startswith("."):
        return _foreign_import(inside, room, target, top)
    if name in {"integrations", "bench", "demo"} and name != room and room != "demo":
        return "" if inside.name == "__main__.py" and not top else f"nothing knows {name}"
    if room == "reference":
        return "" if name == "reference" else "the reference knows numpy and the standard library"
    if room in {"integrations", "bench", "demo", ""}:
        return ""
    if name in {"_cpu", "_cuda", "_torch"}:
        return "families reach native code through _ops and _dispatch" if name != "_cpu" else ""
    if name == "reference":
        return "the reference is imported at first use" if top else ""
    return "" if name == room or name.startswith("_") else "a family does not know another family"


def _foreign_import(inside: PurePosixPath, room: str, target: str, top: bool) -> str:
    name = target.split(".")[0]
    if name == "tokops":
        return "imports inside the package are relative"
    if target == "importlib.metadata" and top and room not in {"bench", "demo", "integrations"}:
        return "costs 20 ms; import it at first use"
    if name == "numpy" or name in sys.stdlib_module_names:
        return ""
    if room == "reference":
        return "the reference knows numpy and the standard library"
    at_top = room == "integrations" or inside.name == "_torch.py"
    return "" if at_top or not top else "partners are imported at first use"


def _statements_run_at_import(tree: ast.Module) -> set[ast.stmt]:
    """Collect the import statements that run when the module does (not in functions, not for typing)."""
    found: set[ast.stmt] = set()
    stack: list[ast.stmt] = list(tree.body)
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.add(node)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            stack += node.orelse
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            stack += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
            stack += [s for h in getattr(node, "handlers", []) for s in h.body]
    return found


# --- names --------------------------------------------------------------------------------------


def names_of(files: Iterable[PurePosixPath], root: Path) -> Iterator[str]:
    """Check that what belongs together has matching names."""
    present = set(files)
    inside = [p.relative_to(PACKAGE) for p in present if p.parts[:2] == PACKAGE.parts and p.suffix == ".py"]
    families = {p.parts[0] for p in inside if len(p.parts) == 2} - PYTHON_ROOMS
    used = {target for p in inside if p.parts[0] == "reference" for target in _used_by(p, root)}
    for path in sorted(inside):
        if path.name.startswith("_"):
            continue
        if len(path.parts) == 2 and path.parts[0] in families:
            twin = PACKAGE / "reference" / path
            if twin not in present and DECLARES.search(_read(root / PACKAGE / path)):
                yield f"{PACKAGE / path}: declares an operator but {twin} is missing"
        if len(path.parts) == 3 and path.parts[0] == "reference":
            public = PACKAGE.joinpath(*path.parts[1:])
            if public not in present and "." + ".".join(path.with_suffix("").parts) not in used:
                yield f"{PACKAGE / path}: {public} is missing, and no other reference module uses it"
    for family in sorted(families):
        rooms = (f"docs/{family}.md", f"tests/cases/{family}.py", f"{PACKAGE}/bench/cases/{family}.py")
        for room in rooms:
            if PurePosixPath(room) not in present:
                yield f"{PACKAGE}/{family}: {room} is missing"


def _used_by(inside: PurePosixPath, root: Path) -> Iterator[str]:
    """Name the modules that a module imports, ``from . import x`` and ``from .x import y`` alike."""
    for node in ast.walk(ast.parse(_read(root / PACKAGE / inside))):
        if isinstance(node, ast.ImportFrom):
            for target in targets(inside, node):
                yield target
                yield from (f"{target}.{alias.name}" for alias in node.names)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
