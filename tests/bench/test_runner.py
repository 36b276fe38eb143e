# SPDX-License-Identifier: Apache-2.0
# The runner must refuse to time what it has not verified, and must interleave what it times.
# A fake clock that only the contestants advance makes every ratio exact: no real time is measured.
import numpy as np
import pytest

from tokops.bench.case import Row, Subject, absent, close, installed, same
from tokops.bench.runner import Settings, find_rows, measure, sample, spread


class Clock:
    def __init__(self):
        self.now = 0.0
        self.calls = []

    def __call__(self):
        return self.now

    def contestant(self, name, seconds, result=0):
        def call():
            self.calls.append(name)
            self.now += seconds
            return result

        return call


def row_of(subject):
    return Row("fake/one", op="fake", make=lambda: subject)


def test_a_wrong_result_is_a_failure_and_is_not_timed():
    clock = Clock()
    subject = Subject(clock.contestant("ours", 1.0, 1), {"reference": clock.contestant("reference", 1.0, 2)})
    result = measure(row_of(subject), Settings(clock=clock))
    assert result.status == "mismatch"
    assert "reference" in result.detail
    assert result.failed
    assert not result.times
    assert clock.calls == ["ours", "reference"]


def test_one_wrong_peer_among_right_ones_is_named():
    peers = {"good": lambda: 1, "bad": lambda: 2}
    result = measure(row_of(Subject(lambda: 1, peers)), Settings(smoke=True))
    assert result.detail == "result differs from bad; "


def test_an_exception_in_a_row_is_a_failure_with_its_text():
    def broken():
        raise ValueError("no such input")

    result = measure(Row("fake/broken", op="fake", make=broken), Settings())
    assert result.failed
    assert "no such input" in result.detail


def test_a_row_without_any_comparison_is_never_timed():
    lonely = measure(row_of(Subject(lambda: 1)), Settings())
    assert lonely.status == "unverified"
    assert lonely.failed
    waiting = measure(row_of(Subject(lambda: 1, missing=("tiktoken",))), Settings())
    assert waiting.status == "unverified"
    assert not waiting.failed
    assert not waiting.times


def test_smoke_verifies_and_calls_each_contestant_once():
    clock = Clock()
    subject = Subject(clock.contestant("ours", 1.0), {"a": clock.contestant("a", 1.0)})
    result = measure(row_of(subject), Settings(smoke=True, clock=clock))
    assert result.status == "ok"
    assert clock.calls == ["ours", "a"]


def test_ratio_is_peer_time_over_our_time():
    clock = Clock()
    subject = Subject(
        clock.contestant("ours", 0.5),
        {"slow": clock.contestant("slow", 1.5)},
        yardsticks={"stream": clock.contestant("stream", 0.25, "another kind of result")},
    )
    result = measure(row_of(subject), Settings(clock=clock))
    assert result.ratios["slow"] == spread([3.0])
    assert result.ratios["stream"].median == 0.5
    assert "stream" not in result.verified


def test_peers_are_verified_but_not_timed_unless_asked_for():
    clock = Clock()
    peers = {"reference": clock.contestant("reference", 0.5), "peer": clock.contestant("peer", 0.5)}
    result = measure(
        row_of(Subject(clock.contestant("ours", 0.5), peers)), Settings(clock=clock, peers=False)
    )
    assert result.verified == ["reference", "peer"]
    assert list(result.ratios) == ["reference"]


def test_contestants_are_interleaved_in_shuffled_rounds():
    clock = Clock()
    names = ["ours", "a", "b", "c"]
    settings = Settings(rounds=20, clock=clock)
    samples = sample({name: clock.contestant(name, 1.0) for name in names}, settings)
    timed = clock.calls[len(names) :]  # before the rounds each is called once to find its repeats
    rounds = [timed[i : i + 4] for i in range(0, len(timed), 4)]
    assert len(rounds) == 20
    assert all(sorted(r) == sorted(names) for r in rounds)
    assert len({tuple(r) for r in rounds}) > 5
    assert {len(s) for s in samples.values()} == {20}


def test_short_calls_are_repeated_until_the_sample_is_long_enough():
    clock = Clock()
    settings = Settings(rounds=7, sample_s=0.02, clock=clock)
    samples = sample({"short": clock.contestant("short", 1 / 1024)}, settings)
    assert samples["short"] == pytest.approx([1 / 1024] * 7)
    assert len(clock.calls) >= 7 * 21


def test_spread_gives_inclusive_quartiles():
    s = spread([4.0, 1.0, 3.0, 2.0, 5.0])
    assert (s.q1, s.median, s.q3) == (2.0, 3.0, 4.0)


def test_same_compares_values_not_types():
    assert same(np.array([1, 2], np.int32), np.array([1, 2], np.int64))
    assert same(np.array([np.nan]), np.array([np.nan]))
    assert same((np.arange(3), [1, 2]), (np.arange(3), [1, 2]))
    assert not same(np.arange(3), np.arange(4))
    assert not same([1, 2, 3], [1, 2])
    assert not same(np.zeros((1, 3)), np.zeros(3))


def test_close_allows_the_stated_tolerance_and_no_more():
    reference = np.array([0.0, 100.0])
    assert close(1e-3)(np.array([0.09, 100.0]), reference)
    assert not close(1e-3)(np.array([0.11, 100.0]), reference)
    assert not close(1e-3)(np.array([np.nan, 100.0]), reference)


def test_absent_lists_only_what_is_not_installed():
    assert absent("numpy", "surely_not_a_module_of_this_name") == ("surely_not_a_module_of_this_name",)
    assert installed("numpy")


def test_row_names_are_unique_and_start_with_the_family_of_their_operator():
    rows = find_rows()
    names = [row.name for row in rows]
    assert len(names) == len(set(names))
    assert [row.name for row in rows if row.name.split(".")[0] != row.op.split(".")[0]] == []


def test_find_rows_matches_substrings_and_globs():
    every = [row.name for row in find_rows()]
    if not every:
        pytest.skip("no family has benchmark rows yet")
    middle = every[0].split("/")[0]
    assert every[0] in [row.name for row in find_rows(middle)]
    assert every[0] in [row.name for row in find_rows(f"{middle}*")]
    assert find_rows("no row has this name") == []
