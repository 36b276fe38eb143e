# SPDX-License-Identifier: Apache-2.0
"""Arrays of the caller's library: what kind, how to make one, how to read one as numpy.

numpy is the only library imported here; torch is known through ``sys.modules``. numpy has no bfloat16: it comes as
``ml_dtypes.bfloat16``, and inside the reference as uint16 bit patterns.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def is_torch(x: Any) -> bool:
    """Tell whether ``x`` is a torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def is_cuda(x: Any) -> bool:
    """Tell whether ``x`` is on a CUDA device, where a call ends before its work does."""
    return bool(getattr(x, "is_cuda", False))


def is_array(x: Any) -> bool:
    """Tell whether ``x`` is a numpy array or a torch tensor."""
    return isinstance(x, np.ndarray) or is_torch(x)


def dtype_of(library: str, name: str) -> Any:
    """The dtype called ``name`` of "numpy" or "torch"."""
    return np.dtype(name) if library == "numpy" else getattr(sys.modules["torch"], name)


def result_dtype(dtype: Any) -> Any:
    """The dtype of a result that follows an argument: uint16 stands for bfloat16 bits and gives float32."""
    if str(dtype).removeprefix("torch.") == "uint16":
        return dtype_of("numpy" if isinstance(dtype, np.dtype) else "torch", "float32")
    return dtype


def new_like(shape: tuple[int, ...], dtype: str, like: Any) -> Any:
    """An uninitialised array in the library and on the device of ``like``."""
    if is_torch(like):
        return like.new_empty(shape, dtype=dtype_of("torch", dtype))
    return np.empty(shape, dtype)


def to_numpy(x: Any) -> np.ndarray[Any, Any]:
    """A numpy view of a CPU array of any library; bfloat16 becomes its uint16 bit patterns."""
    if is_torch(x):
        torch = sys.modules["torch"]
        x = x.detach().resolve_neg()
        if x.dtype is torch.bfloat16:
            return np.asarray(x.view(torch.int16).numpy()).view(np.uint16)
        return np.asarray(x.numpy())
    array = np.asarray(x) if hasattr(x, "__array__") or not hasattr(x, "__dlpack__") else np.from_dlpack(x)
    return array.view(np.uint16) if array.dtype.name == "bfloat16" else array


def host_array(op: str, name: str, value: Any) -> np.ndarray[Any, Any]:
    """Read a small argument that the caller may keep anywhere as numpy, or raise TypeError naming it."""
    try:
        return to_numpy(value.cpu() if is_torch(value) else value)
    except MemoryError:
        raise
    except Exception as error:  # whatever a foreign __array__ raises
        raise TypeError(
            f"{op}: argument '{name}' must be readable as an array, got {type(value).__name__}"
        ) from error


def like(x: Any, array: np.ndarray[Any, Any]) -> Any:
    """``array`` in the library of ``x`` and on its device."""
    if is_torch(x):
        return sys.modules["torch"].from_numpy(array).to(x.device)
    return array


def assign(target: Any, result: np.ndarray[Any, Any]) -> None:
    """Write a numpy result into ``target``; float32 results are rounded to a bfloat16 target to nearest even."""
    view = to_numpy(target)
    if view.dtype == np.uint16 and result.dtype == np.float32:
        from .reference.numeric import bfloat16_bits

        result = bfloat16_bits(result)
    view[...] = result
