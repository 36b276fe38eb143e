# SPDX-License-Identifier: Apache-2.0
"""Scalar checks: accepted kinds and the one form of message."""

from __future__ import annotations

import numpy as np
import pytest

from tokops import _scalars


def test_integers_of_any_library_become_int():
    for value in (3, np.int64(3), np.uint8(3)):
        number = _scalars.integer("f", "k", value, 0, 5)
        assert number == 3
        assert type(number) is int


@pytest.mark.parametrize("bad", [True, 3.0, "3", None, np.float32(3), np.bool_(True), [3], np.array([3, 4])])
def test_what_is_no_integer_is_a_type_error(bad):
    with pytest.raises(TypeError, match=r"f: argument 'k' must be int, got"):
        _scalars.integer("f", "k", bad)


def test_ranges_are_closed_and_named():
    assert _scalars.integer("f", "k", 5, 0, 5) == 5
    with pytest.raises(ValueError, match=r"f: argument 'k' must be in \[0, 5\], got 6"):
        _scalars.integer("f", "k", 6, 0, 5)
    with pytest.raises(ValueError, match=r"at least 1, got 0"):
        _scalars.integer("f", "k", 0, 1)
    with pytest.raises(ValueError, match=r"at most 1, got 2"):
        _scalars.integer("f", "k", 2, None, 1)


def test_integers_fit_64_bits():
    for value in (2**63, -(2**63) - 1, 10**30):
        with pytest.raises(ValueError, match="f: argument 'k' must fit 64 bits"):
            _scalars.integer("f", "k", value)
    assert _scalars.integer("f", "k", 2**63 - 1) == 2**63 - 1


def test_reals_are_finite_floats():
    assert _scalars.real("f", "p", np.float32(0.5), 0, 1) == 0.5
    assert type(_scalars.real("f", "p", 1)) is float
    for bad in (True, "0.5", None, 1j, b"1"):
        with pytest.raises(TypeError, match="'p' must be float"):
            _scalars.real("f", "p", bad)
    for bad in (float("nan"), float("inf"), 2.0):
        with pytest.raises(ValueError, match=r"'p' must be in \[0, 1\] and finite"):
            _scalars.real("f", "p", bad, 0, 1)


def test_numbers_beyond_float_and_beyond_printing_are_value_errors():
    with pytest.raises(ValueError, match="f: argument 'p' must be"):
        _scalars.real("f", "p", 10**400, 0, 1)
    with pytest.raises(ValueError, match="f: argument 'k' must fit 64 bits"):
        _scalars.integer("f", "k", 10**5000)


def test_choices_and_booleans():
    assert _scalars.choice("f", "mode", "a", ("a", "b")) == "a"
    with pytest.raises(ValueError, match="must be one of a, b, got 'c'"):
        _scalars.choice("f", "mode", "c", ("a", "b"))
    with pytest.raises(TypeError, match="must be str, got int"):
        _scalars.choice("f", "mode", 1, ("a",))
    assert _scalars.boolean("f", "sorted", True) is True
    with pytest.raises(TypeError, match="must be bool, got int"):
        _scalars.boolean("f", "sorted", 1)
