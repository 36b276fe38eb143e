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
_forced: ContextVar[str | None] = ContextVar("tokops_backend", default=None)
_unread: Any = object()
_default: Any = _unread  # what TOKOPS_BACKEND says, read at first use


def _checked(name: str, source: str) -> str:
    if name not in BACKENDS:
        raise ValueError(f"{source} must be one of {', '.join(BACKENDS)}, got {name!r}")
    return name


def read_environment() -> str | None:
    """Apply ``TOKOPS_ISA``, ``TOKOPS_NUM_THREADS`` and ``TOKOPS_BACKEND`` once; ValueError for a bad value."""
    global _default
    if _default is _unread:
        level, name = os.environ.get("TOKOPS_ISA"), os.environ.get("TOKOPS_BACKEND")
        if level:
            _cpu.set_isa(level)
        _cpu.num_threads()
        _default = _checked(name, "TOKOPS_BACKEND") if name else None
    forced: str | None = _default
    return forced


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
    return _forced.get() or read_environment()


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


def call(op: Op, *arguments: Any, out: tuple[Any, ...] | None = None) -> Any:
    """Run ``op`` on the backend in force; ``out`` holds arrays for all results or is None."""
    first = arguments[0]
    if type(first) is not np.ndarray:
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(first, torch.Tensor):
            return _call_torch(op, arguments, out, torch)
    backend = _forced.get() or _default
    if backend is _unread:
        backend = read_environment()
    if backend is None and out is None and type(first) is np.ndarray:  # the short way of small calls
        try:
            made = op.allocate_numpy(*arguments)
        except Exception:  # noqa: BLE001 - the long way tells what was wrong with the arguments
            return _run_cpu(op, op.allocate_numpy, arguments, out)
        op.native(*arguments, *made)
        return made[0] if op.single else made
    if backend == "reference":
        return _run_reference(op, arguments, out)
    if backend == "cuda":
        return _run_cuda(op, arguments, out)
    return _run_cpu(op, op.allocate_numpy, arguments, out)


def _call_torch(op: Op, arguments: tuple[Any, ...], out: tuple[Any, ...] | None, torch: Any) -> Any:
    """Send traced calls and tensors of other types through torch's dispatcher, all others straight on."""
    first = arguments[0]
    if (
        torch.compiler.is_compiling()
        or type(first) not in (torch.Tensor, torch.nn.Parameter)
        or first.is_meta
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._get_tracing_state() is not None
    ):
        from . import _torch

        return _torch.call(op, arguments, out)
    return call_eager(op, arguments, out, torch)


def call_eager(op: Op, arguments: tuple[Any, ...], out: tuple[Any, ...] | None, torch: Any) -> Any:
    """Run ``op`` on tensors that hold memory, whatever their type; the body of the custom op too."""
    backend = _forced.get() or (_default if _default is not _unread else read_environment())
    if op.float_results and torch.is_grad_enabled():
        _refuse_grad(op, arguments)
    if backend == "reference":
        return _run_reference(op, arguments, out)
    if backend == "cuda" or (backend is None and arguments[0].is_cuda):
        return _run_cuda(op, arguments, out)
    return _run_cpu(op, op.allocate_torch, arguments, out)


def _run_cpu(op: Op, allocate: Any, arguments: tuple[Any, ...], out: tuple[Any, ...] | None) -> Any:
    if out is not None:
        op.native(*arguments, *out)
        return _written(op, out)
    try:
        out = allocate(*arguments)
    except MemoryError:
        raise
    except Exception as error:
        _check(op, _cpu, arguments)
        name, kind = op.parameters[0][1], type(arguments[0]).__name__
        raise TypeError(
            f"{op.public}: argument '{name}' must be a numpy array or a torch tensor, got {kind}"
        ) from error
    op.native(*arguments, *out)
    return out[0] if op.single else out


def _written(op: Op, out: tuple[Any, ...]) -> Any:
    """Tell autograd which tensors of the caller have been written, and return them."""
    torch = sys.modules.get("torch")
    for tensor in out:
        if torch is not None and isinstance(tensor, torch.Tensor) and not tensor.is_inference():
            torch.autograd.graph.increment_version(tensor)
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
    made = op.allocate(*arguments) if out is None else out
    workspace = _arrays.new_like((bytes_needed,), "uint8", arguments[0])
    getattr(native, op.name)(*arguments, *made, workspace)
    return _written(op, made)


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

    _check(op, _cpu, arguments)
    kinds = (kind for kind, _ in op.parameters)
    plain = [
        _arrays.to_numpy(a) if kind.startswith("Tensor") and a is not None else a
        for kind, a in zip(kinds, arguments, strict=True)
    ]
    results = load(op.reference)(*plain)
    results = results if isinstance(results, tuple) else (results,)
    if out is None:
        made = op.allocate(*arguments)
    else:
        op.native(*arguments, *out)  # says what is wrong with the outputs; they are overwritten below
        made = out
    for target, result in zip(made, results, strict=True):
        _arrays.assign(target, result)
    return _written(op, made)


def _refuse_grad(op: Op, arguments: tuple[Any, ...]) -> None:
    for (_, name), value in zip(op.parameters, arguments, strict=False):
        if getattr(value, "requires_grad", False):
            raise ValueError(
                f"{op.public}: argument '{name}' requires grad, but the operator has no backward; "
                "use torch.no_grad() or .detach()"
            )
