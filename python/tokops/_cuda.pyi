# SPDX-License-Identifier: Apache-2.0
# Stub of the optional CUDA module, kept by hand. An operator has the signature it has in _cpu, then `workspace`
# (uint8 on the device); `<operator>_workspace_bytes` takes the inputs and scalars, checks them and gives its size.
from typing import Any

class MissingOutput(TypeError): ...

def device_count() -> int: ...
def build_info() -> dict[str, str | int]: ...
def kv_topk(
    x: Any,
    starts: Any,
    lens: Any,
    k: int,
    largest: bool,
    order: str,
    nan: str,
    ids: Any,
    workspace: Any,
) -> None: ...
def kv_topk_workspace_bytes(
    x: Any, starts: Any, lens: Any, k: int, largest: bool, order: str, nan: str
) -> int: ...
def kv_topk_values(
    x: Any,
    starts: Any,
    lens: Any,
    k: int,
    largest: bool,
    order: str,
    nan: str,
    ids: Any,
    values: Any,
    workspace: Any,
) -> None: ...
def kv_topk_values_workspace_bytes(
    x: Any, starts: Any, lens: Any, k: int, largest: bool, order: str, nan: str
) -> int: ...
def prune_maxmin(
    x: Any,
    cu_seqlens: Any | None,
    budgets: Any | None,
    anchors: Any | None,
    anchor_features: Any | None,
    anchor_cu_seqlens: Any | None,
    weights: Any | None,
    init_rows: Any | None,
    k: int,
    width: int,
    segments: int,
    metric: str,
    init: str,
    min_distance: float,
    precision: str,
    order: str,
    indices: Any,
    gaps: Any,
    counts: Any,
    workspace: Any,
) -> None: ...
def prune_maxmin_workspace_bytes(
    x: Any,
    cu_seqlens: Any | None,
    budgets: Any | None,
    anchors: Any | None,
    anchor_features: Any | None,
    anchor_cu_seqlens: Any | None,
    weights: Any | None,
    init_rows: Any | None,
    k: int,
    width: int,
    segments: int,
    metric: str,
    init: str,
    min_distance: float,
    precision: str,
    order: str,
) -> int: ...
