# SPDX-License-Identifier: Apache-2.0
"""Verify one row, then time it: ours, peers and reference interleaved in shuffled rounds.

A row is timed only after every contestant's result compared equal to ours. Each round times every
contestant once, in a fresh order, so that a slow second of the machine meets them all; the ratio of
a peer is the median over rounds of peer time / our time. A sample repeats the call until it lasts
``sample_s``. Nothing is printed here; the clock is an argument so that tests need no real time.
"""

from __future__ import annotations

import contextlib
import fnmatch
import gc
import importlib
import itertools
import math
import pkgutil
import random
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from .. import num_threads
from .. import threads as pool_threads
from . import cases
from .case import Call, Row, Subject

OURS = "ours"
FAILURES = ("mismatch", "error")


@dataclass(frozen=True)
class Settings:
    """How to measure: number of rounds, shortest sample, seed of the order, clock."""

    rounds: int = 7
    sample_s: float = 0.02
    seed: int = 0
    smoke: bool = False
    peers: bool = True
    clock: Callable[[], float] = time.perf_counter


@dataclass(frozen=True)
class Spread:
    """Median with the lower and the upper quartile."""

    median: float
    q1: float
    q3: float


@dataclass
class Result:
    """What happened to one row.

    ``status`` is ``ok``, ``mismatch`` (a result differs: ``detail`` says whose), ``error`` (an
    exception: ``detail`` has it) or ``unverified`` (every peer is absent, so nothing was timed).
    ``times`` holds seconds per call, ``ratios`` peer time / our time.
    """

    name: str
    op: str
    status: str = "ok"
    detail: str = ""
    unit: str = ""
    amount: float = 0.0
    note: str = ""
    missing: list[str] = field(default_factory=list)
    verified: list[str] = field(default_factory=list)
    times: dict[str, Spread] = field(default_factory=dict)
    ratios: dict[str, Spread] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Tell whether the run must end with a non-zero exit status."""
        return self.status in FAILURES or (self.status == "unverified" and not self.missing)


def find_rows(pattern: str = "*") -> list[Row]:
    """Collect the rows of ``bench/cases`` whose name matches: a substring, or a glob if it has ``*?[``."""
    found: list[Row] = []
    for module in pkgutil.iter_modules(cases.__path__):
        found += importlib.import_module(f"{cases.__name__}.{module.name}").rows()
    glob = pattern if any(c in pattern for c in "*?[") else f"*{pattern}*"
    return [row for row in found if fnmatch.fnmatchcase(row.name, glob)]


def measure(row: Row, settings: Settings) -> Result:
    """Verify one row and, unless ``settings.smoke``, time it."""
    result = Result(row.name, row.op)
    try:
        with pool_threads(row.threads or num_threads()):
            subject = row.make()
            result.unit, result.amount, result.note = subject.unit, subject.amount, subject.note
            result.missing = list(subject.missing)
            _verify(subject, result)
            if result.status == "ok" and not settings.smoke:
                with _torch_threads(num_threads()):
                    _time(subject, result, settings)
    except Exception:  # noqa: BLE001 - one broken row must not hide the others; it fails the run by its status
        result.status, result.detail = "error", traceback.format_exc(limit=-4)
    return result


def _verify(subject: Subject, result: Result) -> None:
    """Compare our result with every peer's; set status and detail."""
    ours = subject.ours()
    for name, call in subject.peers.items():
        if not subject.equal_for(name)(ours, call()):
            result.status = "mismatch"
            result.detail += f"result differs from {name}; "
        result.verified.append(name)
    if not result.verified:
        result.status = "unverified"
        result.detail = "nothing to compare with; absent: " + (", ".join(result.missing) or "none")


def _time(subject: Subject, result: Result, settings: Settings) -> None:
    """Time all contestants in shuffled rounds and fill in times and ratios."""
    contestants: dict[str, Call] = {OURS: subject.ours}
    if settings.peers:
        contestants |= {**subject.peers, **subject.yardsticks}
    elif "reference" in subject.peers:
        contestants["reference"] = subject.peers["reference"]
    samples = sample(contestants, settings)
    result.times = {name: spread(times) for name, times in samples.items()}
    for name, times in samples.items():
        if name != OURS:
            ratios = [t / ours for t, ours in zip(times, samples[OURS], strict=True)]
            result.ratios[name] = spread(ratios)


def sample(contestants: Mapping[str, Call], settings: Settings) -> dict[str, list[float]]:
    """Measure seconds per call of each contestant, one sample per round, order drawn per round."""
    repeats = {name: _repeats(call, settings) for name, call in contestants.items()}
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    draw = random.Random(settings.seed)  # noqa: S311 - an order, not a secret
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for _ in range(settings.rounds):
            draw.shuffle(order)
            for name in order:
                elapsed = _elapsed(contestants[name], repeats[name], settings.clock)
                samples[name].append(elapsed / repeats[name])
    finally:
        if collecting:
            gc.enable()
    return samples


def _repeats(call: Call, settings: Settings) -> int:
    """Find how often to call so that one sample lasts at least ``sample_s``."""
    repeats = 1
    while (elapsed := _elapsed(call, repeats, settings.clock)) < settings.sample_s:
        wanted = 1.1 * repeats * settings.sample_s / elapsed if elapsed > 0 else 10.0 * repeats
        repeats = min(10 * repeats, max(repeats + 1, math.ceil(wanted)))
    return repeats


def _elapsed(call: Call, repeats: int, clock: Callable[[], float]) -> float:
    loop = itertools.repeat(None, repeats)
    start = clock()
    for _ in loop:
        call()
    return clock() - start


def spread(values: list[float]) -> Spread:
    """Give median and quartiles (inclusive method); one value stands for all three."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, q1, q3)


@contextlib.contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    """Give torch, where the row has imported it, as many threads as our pool."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
