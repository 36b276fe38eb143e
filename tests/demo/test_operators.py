# SPDX-License-Identifier: Apache-2.0
"""The comparison of backends notices what it must notice; the tape keeps what was passed."""

from __future__ import annotations

import numpy as np
import pytest

from tokops.demo.operators import _arrays, _equality
from tokops.demo.tape import Tape

ONES = np.ones(3, np.float32)


@pytest.mark.parametrize(
    ("got", "verdict"),
    [
        (ONES.copy(), "yes"),
        (ONES + np.float32(2e-7), "to 1e-6"),
        (ONES + np.float32(1e-4), "no"),
        (ONES.astype(np.float64), "no"),
        (ONES[:2], "no"),
    ],
)
def test_floats_are_equal_nearly_equal_or_not(got: np.ndarray, verdict: str) -> None:
    assert _equality([ONES], [got]) == verdict


def test_one_wrong_id_is_a_difference() -> None:
    assert _equality([np.array([1, 2])], [np.array([1, 3])]) == "no"


def test_results_inside_tuples_are_found() -> None:
    assert [array.tolist() for array in _arrays((ONES, (np.array([4]), [5])))] == [[1, 1, 1], [4], [5]]


def test_the_tape_keeps_the_first_wanted_call_while_armed() -> None:
    tape, x = Tape(), np.arange(3)
    assert tape.call("sum", True, np.sum, x) == 3
    assert not tape.calls
    tape.armed = True
    tape.call("sum", False, np.sum, x)
    assert not tape.calls
    tape.call("sum", True, np.sum, x)
    x[:] = 9
    tape.call("sum", True, np.sum, x)
    assert tape.calls["sum"]() == 3


def test_a_repeated_block_stays_one_block() -> None:
    tape = Tape()
    tape.armed = True
    tape.call("sum", True, np.sum, np.broadcast_to(ONES, (1000, 3)))
    assert tape.calls["sum"].args[0].strides == (0, 4)
