# SPDX-License-Identifier: Apache-2.0
"""mkdocs hook: give each family's page its table of operators and its API reference.

A page named like a family (``docs/kv.md``) gets two sections at its end: "Declared operators", made from
the registry of the installed package, so that the table cannot differ from what the code checks, and
"API", the docstrings (mkdocstrings). Nothing is written to disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any

FAMILIES = ("bpe", "constrain", "kv", "prune")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Append the generated sections to a family's page; leave other pages alone."""
    family = PurePosixPath(page.file.src_uri).stem
    if family not in FAMILIES:
        return markdown
    import_module(f"tokops.{family}")
    from tokops._ops import REGISTRY

    rows = list(table(family, REGISTRY.values()))
    parts = [markdown]
    if rows:
        parts += ["\n## Declared operators\n", *rows, ""]
    parts += [f"\n## API\n\n::: tokops.{family}\n"]
    return "\n".join(parts)


def table(family: str, declared: Iterable[Any]) -> Iterable[str]:
    """Yield the lines of the table of one family; nothing when it declares no operator on tensors."""
    ops = [op for op in declared if op.doc == family and hasattr(op, "schema")]
    if not ops:
        return
    yield "| operator | arguments | results | torch |"
    yield "|---|---|---|---|"
    for op in sorted(ops, key=lambda op: str(op.public)):
        arguments = "<br>".join(argument(op, kind, name) for kind, name in op.parameters)
        results = "<br>".join(f"`{name}` {tensor(result)}" for name, result in op.returns.items())
        yield f"| `{op.public}` | {arguments} | {results} | `tokops::{op.name}` |"


def argument(op: Any, kind: str, name: str) -> str:
    """Describe one parameter: a tensor by dtypes and shape, a scalar by its type."""
    if name not in op.args:
        return f"`{name}` {'int' if kind == 'SymInt' else kind}"
    return f"`{name}` {tensor(op.args[name])}{' or None' if kind.endswith('?') else ''}"


def tensor(arg: Any) -> str:
    """Describe one tensor, such as ``float32, bfloat16 [rows?, n]``."""
    shape = ", ".join(arg.shape.split())
    dtypes = f"as `{arg.name}`" if hasattr(arg, "name") else ", ".join(arg.dtypes)
    strides = f", strides {arg.strides}" if getattr(arg, "strides", "contiguous") != "contiguous" else ""
    return f"{dtypes} [{shape}]{strides}"
