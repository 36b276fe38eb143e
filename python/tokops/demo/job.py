# SPDX-License-Identifier: Apache-2.0
"""The demo's job from the weights to the numbers: write, check, choose, compare. Prints nothing.

Same seed, same molecules: at every thread count and instruction-set level of a machine, run after run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .model import Budget, Model
from .molecules import MEDICINES, Checker, Molecule, Writer, most_different
from .operators import OperatorRow, compare
from .tape import Tape

OPERATORS = 6
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Result:
    """What the demo reports. Validity is counted on the finished texts; draws and checks include all attempts."""

    seed: int
    molecules: list[Molecule]
    kept: list[int]
    valid: int
    new: int
    without: list[Molecule]
    without_valid: int
    estimated_validity: float
    checks_per_token: float
    retained_mean: float
    retained_worst: float
    read_share: float
    prompt_tokens: int
    draws: int
    given_up: int
    vocab: int
    budget: Budget
    operators: list[OperatorRow]
    write_seconds: float


def run_job(*, n: int, k: int, seed: int, progress: Progress, budget: Budget | None = None) -> Result:
    """Do the whole job; ``progress(stage, done, total)`` is called as it goes."""
    model, checker, tape, budget = Model.load(), Checker(), Tape(), budget or Budget()
    start = time.perf_counter()
    writer = Writer(model, seed=seed, checker=checker, tape=tape, budget=budget)
    molecules = writer.write(n, lambda done: progress("molecules with the checker", done, n))
    write_seconds = time.perf_counter() - start
    kept = most_different(molecules, min(k, len(molecules)), tape)

    free = Writer(model, seed=seed, checker=None, tape=Tape(), budget=budget)
    without = free.write(n, lambda done: progress("molecules without it", done, n))
    done = 0

    def compared() -> None:
        nonlocal done
        done += 1
        progress("operators compared", done, OPERATORS)

    masses = np.concatenate([mass.ravel() for mass in writer.stats.masses] or [np.ones(1, np.float32)])
    return Result(
        seed=seed,
        molecules=molecules,
        kept=kept,
        valid=sum(checker.complete(m.smiles) for m in molecules),
        new=len({m.smiles for m in molecules} - set(MEDICINES)),
        without=without,
        without_valid=sum(m.finished and checker.complete(m.smiles) for m in without),
        estimated_validity=math.fsum(writer.first_weights) / n,
        checks_per_token=writer.checks / writer.draws,
        retained_mean=float(masses.mean()),
        retained_worst=float(masses.min()),
        read_share=writer.stats.read / writer.stats.cached,
        prompt_tokens=writer.prompt_tokens,
        draws=writer.draws,
        given_up=writer.given_up,
        vocab=len(model.tokens),
        budget=budget,
        operators=compare(tape, model, compared),
        write_seconds=write_seconds,
    )
