# SPDX-License-Identifier: Apache-2.0
"""Sampling under constraints, with exact weights."""

from .._ops import Entry
from .masses import masses
from .order_weight import OrderResult, order_weight
from .protocol import Constraint, State
from .python_constraint import PythonConstraint, PythonState
from .resample import resample
from .result import BAD_LOGITS, KILLED, NO_VALID, OK, StepResult
from .sampler import Sampler
from .step import awrs_step
from .vocab import Vocab

__all__ = [
    "BAD_LOGITS",
    "KILLED",
    "NO_VALID",
    "OK",
    "Constraint",
    "OrderResult",
    "PythonConstraint",
    "PythonState",
    "Sampler",
    "State",
    "StepResult",
    "Vocab",
    "awrs_step",
    "masses",
    "order_weight",
    "resample",
]

# What is plain Python only has no twin under reference/.
for _name in ("PythonConstraint", "Vocab", "resample"):
    Entry(f"constrain.{_name}", doc="constrain")
