# SPDX-License-Identifier: Apache-2.0
"""The declaration of an operator and the registry of all of them.

One ``Op`` per native operator drives dispatch, allocation of results, the torch custom op with its fake kernel,
generated error tests, parity cases and the table in the docs. Allocation code is made once, at declaration, from
the shapes; a call interprets nothing. Objects that work on text or callables are listed as an ``Entry``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from . import _arrays, _dispatch

FLOATS = ("float32", "float16", "bfloat16")
KV_FLOATS = (*FLOATS, "uint16")
INT32 = ("int32",)
INT64 = ("int64",)
FLOAT32 = ("float32",)
FLOAT64 = ("float64",)


@dataclass(frozen=True)
class Arg:
    """What one tensor of an operator must be.

    ``shape`` lists axes: a symbol shared by the whole call, an integer, ``name?`` for a leading axis that may be
    absent, a final ``...``. ``strides`` is "contiguous", "rows" (unit last stride) or "any".
    """

    dtypes: tuple[str, ...]
    shape: str
    strides: str = "contiguous"


@dataclass(frozen=True)
class Like:
    """A result that takes the dtype of argument ``name``; uint16 (bfloat16 bits) becomes float32."""

    name: str
    shape: str


@dataclass(frozen=True)
class Entry:
    """A public object without a tensor schema: it is listed, documented and benchmarked, not dispatched."""

    public: str
    doc: str

    def __post_init__(self) -> None:
        REGISTRY[self.public] = self


class Op:
    """An operator on tensors: ``op(*arguments, out=None)`` -> its result, or a tuple of results.

    Parameters
    ----------
    name : str
        Name of the native function in ``_cpu`` and ``_cuda``; the custom op is ``tokops::<name>``.
    schema : str
        Parameters in torch's schema language, tensors first; it must agree with the native function, which takes
        the results after them.
    args, returns : mapping
        What each tensor must be, in schema order.
    symbols : mapping of str to str, optional
        Sizes of results that are expressions of symbols and integer parameters.
    public : str
        Address of the public function, below ``tokops``.
    reference : str
        ``module:function`` below ``tokops.reference``; same arguments, returns the results.
    doc : str
        Page of the docs.
    """

    def __init__(
        self,
        name: str,
        *,
        schema: str,
        args: Mapping[str, Arg],
        returns: Mapping[str, Arg | Like],
        public: str,
        reference: str,
        doc: str,
        symbols: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.schema = schema
        self.args = dict(args)
        self.returns = dict(returns)
        self.symbols = dict(symbols or {})
        self.public = public
        self.reference = reference
        self.doc = doc
        self.parameters = _parameters(schema)
        self.float_results = any(isinstance(r, Like) or r.dtypes[0] in FLOATS for r in self.returns.values())
        self.single = len(self.returns) == 1
        self.allocate_numpy = _allocator(self, "numpy")
        self.native = _dispatch.native_function(name)
        REGISTRY[name] = self

    @cached_property
    def allocate_torch(self) -> Callable[..., tuple[Any, ...]]:
        """Make all results as torch tensors beside the first argument; made at the first torch call."""
        return _allocator(self, "torch")

    def allocate(self, *arguments: Any) -> tuple[Any, ...]:
        """Make all results in the library of the first argument."""
        torch = _arrays.is_torch(arguments[0])
        return self.allocate_torch(*arguments) if torch else self.allocate_numpy(*arguments)

    __call__ = _dispatch.call

    def __repr__(self) -> str:
        return f"Op({self.name}{self.schema})"


REGISTRY: dict[str, Op | Entry] = {}  # by native name (Op) or public address (Entry)


def _parameters(schema: str) -> tuple[tuple[str, str], ...]:
    """``(type, name)`` of each parameter of a schema such as ``(Tensor x, Tensor? lens, SymInt k) -> Tensor``."""
    inside = schema[schema.index("(") + 1 : schema.index(") ->")]
    pairs = (part.split("=")[0].split() for part in inside.split(",") if part.strip())
    return tuple((kind, name) for kind, name in pairs)


def _allocator(op: Op, library: str) -> Callable[..., tuple[Any, ...]]:
    """Make ``allocate(*arguments)``, which allocates all results, uninitialised, in one library.

    The code is the straight line a person would write: read the sizes off the arguments, then one ``np.empty`` or
    ``new_empty`` per result, with its dtype at hand.
    """
    names = [name for _, name in op.parameters]
    lines = [f"def allocate({', '.join(names)}):"]
    text = " ".join([*op.symbols.values(), *(result.shape for result in op.returns.values())])
    wanted = set(re.findall(r"[A-Za-z_]\w*", text)) - {name for _, name in op.parameters}
    for name in (name for kind, name in op.parameters if kind == "Tensor"):  # optional tensors size no result
        axes = op.args[name].shape.replace("...", "").split()
        optional = axes[:1] and axes[0].endswith("?")
        found = [(i, axis.rstrip("?")) for i, axis in enumerate(axes) if axis.rstrip("?") in wanted]
        if found:
            lines.append(f"    shape = {name}.shape")
        for i, symbol in found:
            wanted.remove(symbol)
            if not optional:
                place = f"[{i}]"
            else:
                place = f"[: len(shape) - {len(axes) - 1}]" if i == 0 else f"[{i - len(axes)}]"
            lines.append(f"    {symbol} = shape{place}")
    lines += [f"    {symbol} = {code}" for symbol, code in op.symbols.items()]
    scope: dict[str, Any] = {"min": min, "max": max, "len": len, "np": np, "like": _arrays.result_dtype}
    made = []
    for i, result in enumerate(op.returns.values()):
        axes = result.shape.split()
        sizes = ", ".join(f"*{axis[:-1]}" if axis.endswith("?") else axis for axis in axes)
        shape = f"({sizes},)" if sizes else "()"
        if isinstance(result, Arg):
            scope[f"dtype{i}"] = _arrays.dtype_of(library, result.dtypes[0])
        dtype = f"dtype{i}" if isinstance(result, Arg) else f"like({result.name}.dtype)"
        if library == "numpy":
            made.append(f"np.empty({shape}, {dtype})")
        else:  # sizes as separate arguments are cheaper, but there must be one
            fixed = any(not axis.endswith("?") for axis in axes)
            made.append(f"{names[0]}.new_empty({sizes if fixed else shape}, dtype={dtype})")
    lines.append(f"    return ({', '.join(made)},)")
    exec("\n".join(lines), scope)  # noqa: S102 - the text is made above from declarations, never from input
    function: Callable[..., tuple[Any, ...]] = scope["allocate"]
    return function
