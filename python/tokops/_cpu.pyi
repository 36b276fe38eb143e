# SPDX-License-Identifier: Apache-2.0
# Stub of the native module, kept by hand and checked by stubtest. One section per family.
from typing import Any, final

class MissingOutput(TypeError): ...

def num_threads() -> int: ...
def set_num_threads(count: int) -> None: ...
def isa() -> str: ...
def isa_levels() -> list[str]: ...
def set_isa(level: str) -> None: ...
def build_info() -> dict[str, str]: ...
def philox(seed: int, stream: int, counter: int) -> tuple[int, int, int, int]: ...
def cpus_from_quota(cpu_max: str) -> int: ...
def _test_sum(x: Any, out: Any) -> None: ...
def _test_touch(a: Any, b: Any, out: Any) -> None: ...
def _test_shared_jobs() -> int: ...
def _test_nothing(a: Any, b: Any, out: Any) -> None: ...
def _test_parallel_sum(n: int, grain: int, nested: bool, throw_at: int = ...) -> int: ...

# --- cuda (the simulated grid of the tests)
def _test_cuda_kv_topk(
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
def _test_cuda_kv_topk_workspace_bytes(
    x: Any, starts: Any, lens: Any, k: int, largest: bool, order: str, nan: str
) -> int: ...
def _test_cuda_kv_topk_values(
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
def _test_cuda_kv_topk_values_workspace_bytes(
    x: Any, starts: Any, lens: Any, k: int, largest: bool, order: str, nan: str
) -> int: ...
def _test_cuda_prune_maxmin(
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
def _test_cuda_prune_maxmin_workspace_bytes(
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

# --- bpe
@final
class IdBuffer:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

@final
class OffsetBuffer:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

@final
class BpeSpecials:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

@final
class BpeCore:
    def __init__(
        self,
        ranks: dict[bytes, int],
        specials: dict[str, int],
        pattern: str,
        merges: list[tuple[bytes, bytes]] | None,
        ignore_merges: bool,
    ) -> None: ...
    def specials(self, chosen: dict[str, int]) -> BpeSpecials: ...
    def find(self, operation: str, text: Any, specials: BpeSpecials) -> str | None: ...
    def parts(self, operation: str, text: Any, specials: BpeSpecials | None) -> list[bytes | int]: ...
    def encode(self, operation: str, text: Any, specials: BpeSpecials | None = ...) -> list[int]: ...
    def encode_array(self, operation: str, text: Any, specials: BpeSpecials | None = ...) -> IdBuffer: ...
    def encode_pieces(self, operation: str, pieces: list[bytes]) -> list[int]: ...
    def encode_batch(
        self, operation: str, texts: list[Any], specials: BpeSpecials | None, blocks: int
    ) -> tuple[IdBuffer, OffsetBuffer]: ...
    def count(self, operation: str, text: Any, specials: BpeSpecials | None = ...) -> int: ...
    def count_batch(self, operation: str, texts: list[Any], blocks: int) -> OffsetBuffer: ...
    def decode(self, operation: str, tokens: Any, skip_special_tokens: bool = ...) -> bytes: ...
    def memory_bytes(self) -> int: ...

@final
class BpeCounter:
    def __init__(self, pattern: str) -> None: ...
    def pieces(self, operation: str, text: Any) -> list[bytes]: ...
    def add(self, operation: str, texts: list[Any]) -> None: ...
    def items(self) -> list[tuple[bytes, int]]: ...

@final
class BpeTrainer:
    def __init__(
        self,
        ids: Any,
        offsets: Any,
        counts: Any,
        vocab: list[bytes],
        *,
        vocab_size: int,
        min_frequency: int,
        max_token_length: int,
        characters: bool,
    ) -> None: ...
    def advance(self, merges: int) -> bool: ...
    def result(self) -> tuple[list[tuple[int, int]], list[int], list[bytes]]: ...

# --- constrain
def constrain_shape(operation: str, logits: Any) -> tuple[int, int]: ...
def constrain_masses(logits: Any, inverse: float, masses: Any) -> None: ...
def constrain_order_weight(
    masses: Any, accepted: Any, total: float, unweighted: bool, extra: int, eps: float, max_rejects: int
) -> tuple[int, float, int, int]: ...

@final
class ConstrainRows:
    def __init__(
        self,
        operation: str,
        vocab: int,
        seed: int,
        streams: Any,
        inverse: float,
        greedy: bool,
        top_k: int,
        top_p: float,
        min_p: float,
    ) -> None: ...
    @property
    def vocab(self) -> int: ...
    def load(self, logits: Any, steps: Any, mask: Any, mask_name: str, status: Any) -> None: ...
    def totals(self, total: Any, remaining: Any) -> None: ...
    def draw(self, logits: Any, rows: Any, tokens: Any, masses: Any) -> None: ...
    def begin(
        self,
        logits: Any,
        estimator: str,
        extra: int,
        eps: float,
        max_rejects: int,
        max_accepts: int,
        mask_after: int,
        tail: bool,
        mask_cost: Any,
    ) -> None: ...
    def asking(self, rows: Any, tokens: Any) -> int: ...
    def answer(self, logits: Any, rows: Any, valid: Any) -> None: ...
    def open_tokens(self, logits: Any, row: int, tokens: Any) -> int: ...
    def answer_everything(self, logits: Any, row: int, mask: Any, checks: int) -> None: ...
    def step_mask(self, logits: Any, mask: Any) -> None: ...
    def check_mask(self, mask: Any) -> None: ...
    def result(
        self,
        token: Any,
        logw: Any,
        status: Any,
        checks: Any,
        num: Any,
        den: Any,
        div: Any,
        log_scale: Any,
        lo: Any,
        hi: Any,
    ) -> None: ...
    def memory_bytes(self) -> int: ...

# --- kv
def kv_topk(
    x: Any, starts: Any, lens: Any, k: int, largest: bool, order: str, nan: str, ids: Any
) -> None: ...
def kv_topk_values(
    x: Any, starts: Any, lens: Any, k: int, largest: bool, order: str, nan: str, ids: Any, values: Any
) -> None: ...
def kv_select(
    q: Any,
    keys: Any,
    starts: Any,
    lens: Any,
    k: int,
    n_sink: int,
    n_local: int,
    per: str,
    scale: float | None,
    nan: str,
    indices: Any,
    counts: Any,
    mass: Any,
    lse: Any,
    kth: Any,
    vote_slack: Any,
    status: Any,
) -> None: ...
def kv_sparse_attention(
    q: Any,
    keys: Any,
    values: Any,
    indices: Any,
    counts: Any,
    sink_logits: Any,
    scale: float | None,
    softcap: float | None,
    out: Any,
    lse: Any,
) -> None: ...
def kv_decode_attention(
    q: Any,
    keys: Any,
    values: Any,
    starts: Any,
    lens: Any,
    sink_logits: Any,
    scale: float | None,
    softcap: float | None,
    out: Any,
    lse: Any,
) -> None: ...

# --- prune
def prune_compact(
    x: Any, keep: Any, pad: Any, width: int, min_keep: int, out: Any, mask: Any, index: Any, lengths: Any
) -> None: ...
def prune_compact_ragged(
    x: Any, cu_seqlens: Any, keep: Any, width: int, out: Any, out_cu_seqlens: Any, index: Any
) -> None: ...
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
) -> None: ...
