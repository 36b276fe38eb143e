# SPDX-License-Identifier: Apache-2.0
"""Which backend runs a call: ``cpp``, ``cuda`` or ``reference``.

Default: by the device of the first argument. ``TOKOPS_BACKEND`` or ``use_backend`` force one, and a forced
backend that cannot run a call raises instead of handing it on. Results are allocated in the caller's library, on
the argument's device. torch is only looked at when the caller has imported it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arrays, _cpu

if TYPE_CHECKING:
    from ._ops import Op

BACKENDS = ("reference", "cpp", "cuda")


def _checked(name: str, source: str) -> str:
    if name not in BACKENDS:
        raise ValueError(f"{source} must be one of {', '.join(BACKENDS)}, got {name!r}")
    return name


def _from_environment() -> str | None:
    name = os.environ.get("TOKOPS_BACKEND")
    return _checked(name, "TOKOPS_BACKEND") if name else None


_forced: ContextVar[str | None] = ContextVar("tokops_backend", default=_from_environment())  # noqa: B039 - a str


@contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Force every tokops call of the current thread or task to one backend inside a ``with`` block.

    Parameters
    ----------
    name : "reference" | "cpp" | "cuda"
        "reference" runs the plain Python and numpy definitions; it takes CPU arrays of any library.

    Raises
    ------
    ValueError
        Unknown name.
    """
    token = _forced.set(_checked(name, "use_backend: argument 'name'"))
    try:
        yield
    finally:
        _forced.reset(token)


def backend_name() -> str | None:
    """The forced backend, or None when the device of the arguments decides."""
    return _forced.get()


def has_cuda() -> bool:
    """Tell whether the CUDA module was built and a CUDA device is there."""
    try:
        return bool(cuda_module().device_count() > 0)
    except RuntimeError:
        return False


def cuda_module() -> Any:
    """The CUDA module, or RuntimeError that says how to get it."""
    try:
        return import_module("tokops._cuda")
    except ImportError as error:
        raise RuntimeError(
            "tokops._cuda is not available: build the package with nvcc on PATH and TOKOPS_CUDA=ON"
        ) from error


def native_function(name: str) -> Any:
    """The CPU function of an operator."""
    return getattr(_cpu, name)


def call(op: Op, arguments: tuple[Any, ...], out: tuple[Any, ...] | None) -> Any:
    """Run ``op`` on the backend in force; ``out`` holds arrays for all results or is None."""
    first = arguments[0]
    if type(first) is not np.ndarray:
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(first, torch.Tensor):
            return _call_torch(op, arguments, out, torch)
    backend = _forced.get()
    if backend == "reference":
        return _run_reference(op, arguments, out)
    if backend == "cuda":
        return _run_cuda(op, arguments, out)
    if out is None:
        try:
            out = op.allocate_numpy(*arguments)
        except Exception:
            _check(op, _cpu, arguments)
            raise
    op.native(*arguments, *out)
    return out[0] if op.single else out


def _call_torch(op: Op, arguments: tuple[Any, ...], out: tuple[Any, ...] | None, torch: Any) -> Any:
    first = arguments[0]
    plain = type(first) in (torch.Tensor, torch.nn.Parameter)
    if torch.compiler.is_compiling() or not plain or first.is_meta:
        from . import _torch

        return _torch.call(op, arguments, out)
    backend = _forced.get()
    if op.float_results and torch.is_grad_enabled():
        _refuse_grad(op, arguments)
    if out is not None:
        _increment_versions(torch, out)
    if backend == "reference":
        return _run_reference(op, arguments, out)
    if backend == "cuda" or (first.is_cuda and backend is None):
        return _run_cuda(op, arguments, out)
    if out is None:
        try:
            out = op.allocate_torch(*arguments)
        except Exception:
            _check(op, _cpu, arguments)
            raise
    op.native(*arguments, *out)
    return out[0] if op.single else out


def _run_cuda(op: Op, arguments: tuple[Any, ...], out: tuple[Any, ...] | None) -> Any:
    """Run the CUDA function; its temporary memory comes from the caller's library, as the results do."""
    native = cuda_module()
    workspace_bytes = getattr(native, f"{op.name}_workspace_bytes", None)
    if workspace_bytes is None:
        raise RuntimeError(
            f"{op.public}: there is no CUDA kernel for this operator; move the arguments to the CPU"
        )
    bytes_needed = workspace_bytes(*arguments)  # reads all arguments, and says what is wrong with them
    if out is None:
        out = op.allocate(*arguments)
    workspace = _arrays.new_like((bytes_needed,), "uint8", arguments[0])
    getattr(native, op.name)(*arguments, *out, workspace)
    return out[0] if op.single else out


def _check(op: Op, native: Any, arguments: tuple[Any, ...]) -> None:
    """Raise what is wrong with the arguments: native functions read them all before the first result.

    Called when the sizes of the results could not be read off the arguments, and before the reference runs.
    """
    try:
        getattr(native, op.name)(*arguments, *(None,) * len(op.returns))
    except native.MissingOutput:
        return


def _run_reference(op: Op, arguments: tuple[Any, ...], out: tuple[Any, ...] | None) -> Any:
    from .reference import load

    if out is None:
        _check(op, _cpu, arguments)
    else:
        getattr(_cpu, op.name)(*arguments, *out)  # what is wrong with the outputs; they are overwritten below
    results = load(op.reference)(*(_arrays.to_numpy(a) if _arrays.is_array(a) else a for a in arguments))
    results = results if isinstance(results, tuple) else (results,)
    made = op.allocate(*arguments) if out is None else out
    for target, result in zip(made, results, strict=True):
        _arrays.assign(target, result)
    return made[0] if op.single else made


def _refuse_grad(op: Op, arguments: tuple[Any, ...]) -> None:
    for (_, name), value in zip(op.parameters, arguments, strict=False):
        if getattr(value, "requires_grad", False):
            raise ValueError(
                f"{op.public}: argument '{name}' requires grad, but the operator has no backward; "
                "use torch.no_grad() or .detach()"
            )


def _increment_versions(torch: Any, out: tuple[Any, ...]) -> None:
    for tensor in out:
        if isinstance(tensor, torch.Tensor) and not tensor.is_inference():
            torch.autograd.graph.increment_version(tensor)
