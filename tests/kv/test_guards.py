# SPDX-License-Identifier: Apache-2.0
"""Wrong implementations that were seen in the field must fail the checks."""

import importlib

import numpy as np
import pytest

from tests.kv import checks
from tokops import use_backend

reference = importlib.import_module("tokops.reference.kv.select")
sorting = importlib.import_module("tokops.reference.kv.topk")
numeric = importlib.import_module("tokops.reference.kv._numeric")

right_logits, right_stats = reference.row_logits, reference.softmax_stats


def modulo_heads(q, keys, scale):
    """Query head h reads KV head h % Hkv."""
    order = np.argsort(np.arange(len(q)) % len(keys), kind="stable")
    logits = np.empty((len(q), keys.shape[1]), np.float32)
    logits[order] = right_logits(q[order], keys, scale)
    return logits


def unscaled(q, keys, scale):
    return right_logits(q, keys, 1.0)


def over_all_tokens(logits, member):
    return right_stats(logits, np.ones_like(member))


def highest_index_wins(values, k, largest=True):
    order = np.lexsort((-np.arange(len(values)), -values if largest else values))
    return order[:k]


def negative_zero_is_less(values, k, largest=True):
    return np.lexsort((np.arange(len(values)), np.signbit(values), -values))[:k]


def merged_backwards(maxima, sums, heads):
    overall = np.max([np.full(heads, -np.inf, np.float32), *maxima], axis=0)
    total = np.zeros(heads, np.float32)
    for top, part in zip(maxima[::-1], sums[::-1], strict=True):
        total = total + part * numeric.exp_from(top[:, None], overall)[:, 0]
    return overall, total


MUTANTS = {
    "modulo heads": (reference, "row_logits", modulo_heads, checks.check_selections),
    "unscaled": (reference, "row_logits", unscaled, checks.check_selections),
    "softmax over all tokens": (
        reference,
        "softmax_stats",
        over_all_tokens,
        checks.check_outlier_in_the_window,
    ),
    "ties to the highest index": (reference, "best", highest_index_wins, checks.check_ties),
    "ties to the highest column": (sorting, "best", highest_index_wins, checks.check_ties),
    "-0.0 below 0.0": (sorting, "best", negative_zero_is_less, checks.check_zero_signs),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_implementation_fails_its_check(name, monkeypatch):
    module, attribute, wrong, check = MUTANTS[name]
    with use_backend("reference"):
        check()
        monkeypatch.setattr(module, attribute, wrong)
        with pytest.raises(AssertionError):
            check()


def test_blocks_merged_in_another_order_change_bits_that_are_compared(monkeypatch):
    expected = [checks.bits_of_kth(seed) for seed in range(8)]
    with use_backend("reference"):
        checks.check_bits_of_kth(expected)
        monkeypatch.setattr(numeric, "merge_stats", merged_backwards)
        with pytest.raises(AssertionError):
            checks.check_bits_of_kth(expected)
