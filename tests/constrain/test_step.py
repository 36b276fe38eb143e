# SPDX-License-Identifier: Apache-2.0
"""awrs_step: known steps, edge cases, what a result may depend on, and how a checker is asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tokops
from tokops import constrain
from tokops.constrain import BAD_LOGITS, KILLED, NO_VALID, OK, awrs_step

KNOWN = np.array([1, 0, 2, -1, 3, 0.5], np.float32)
ESTIMATORS = ["auto", "rawrs", "desraj", "paper", "gawrs", "none", "exact"]


def allow(*ids: int) -> Any:
    return lambda rows, tokens: np.isin(tokens, ids)


@pytest.fixture(params=["cpp", "reference"])
def backend(request: pytest.FixtureRequest) -> Any:
    with tokops.use_backend(request.param):
        yield request.param


@pytest.mark.parametrize(
    ("estimator", "token", "ratio", "checks", "lo", "hi"),
    [
        ("rawrs", 0, (2380843450368, 29086963269632, 1), 2, 2380843450368, 22615159537664),
        ("gawrs", 0, (1, 7, 1), 3, 2380843450368, 5022973493248),
        ("paper", 0, (29086963269632, 29086963269632, 3), 3, 2380843450368, 5022973493248),
        ("exact", 5, (4700761358336, 29086963269632, 1), 6, 4700761358336, 4700761358336),
    ],
)
def test_the_known_steps(
    backend: str, estimator: str, token: int, ratio: tuple[int, int, int], checks: int, lo: int, hi: int
) -> None:
    result = awrs_step(KNOWN, allow(0, 1, 5), seed=42, streams=[3], steps=7, estimator=estimator)
    num, den, div = ratio
    assert result.token.tolist() == [token]
    assert [result.num[0], result.den[0], result.div[0]] == [num, den, div]
    assert [result.checks[0], result.lo[0], result.hi[0]] == [checks, lo, hi]
    assert result.logw[0] == pytest.approx(np.log(num / den / div), abs=1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_hostile_rows_have_a_status_and_leave_others_alone(backend: str, estimator: str) -> None:
    inf, nan = np.inf, np.nan
    rows = [[0, nan, 0], [0, inf, 0], [nan] * 3, [-inf] * 3, [-1e30, -3e38, -inf], [-inf, 5, -inf], [0, 1, 2]]
    result = awrs_step(np.array(rows, np.float32), allow(0, 1), seed=1, estimator=estimator)
    assert result.status.tolist() == [BAD_LOGITS, BAD_LOGITS, BAD_LOGITS, NO_VALID, NO_VALID, OK, OK]
    assert (result.token == -1).tolist() == [True] * 5 + [False] * 2
    assert result.logw[:5].tolist() == [-inf] * 5
    assert result.logw[5] == 0.0
    assert result.checks[:5].tolist() == [0] * 5
    assert result.token[5] == 1


def test_half_precision_lowest_is_outside_the_support(backend: str) -> None:
    logits = np.array([[-65504, -65472]], np.float16)
    result = awrs_step(logits, allow(0), seed=1, temperature=2.0, estimator="rawrs")
    assert (result.status[0], result.checks[0]) == (NO_VALID, 1)


def test_one_token(backend: str) -> None:
    logits = np.zeros((1, 1), np.float32)
    for estimator in ESTIMATORS:
        good = awrs_step(logits, allow(0), seed=1, estimator=estimator)
        assert (good.token[0], good.logw[0]) == (0, 0.0)
        bad = awrs_step(logits, allow(), seed=1, estimator=estimator)
        assert (bad.token[0], bad.status[0]) == (-1, NO_VALID)


def test_no_rows(backend: str) -> None:
    result = awrs_step(np.zeros((0, 4), np.float32), allow(0), seed=1)
    assert all(len(field) == 0 for field in result)


def test_everything_refused_is_told_after_asking_each_token_once_or_at_the_limit(backend: str) -> None:
    logits = np.random.default_rng(0).normal(size=(1, 40)).astype(np.float32)
    for estimator in ESTIMATORS:
        result = awrs_step(logits, allow(), seed=1, estimator=estimator)
        assert (result.status[0], result.checks[0]) == (NO_VALID, 40)
    for estimator in ("rawrs", "desraj", "none", "gawrs"):
        result = awrs_step(logits, allow(), seed=1, estimator=estimator, max_rejects=5)
        assert result.status[0] == KILLED
        assert result.checks[0] == 5 if estimator != "gawrs" else result.checks[0] <= 5


@pytest.mark.parametrize("p", [(1, 1e-6), (1, 1e-20), (0.5, 0.5, 1e-6)])
@pytest.mark.parametrize("estimator", ["rawrs", "desraj", "exact"])
def test_a_rare_valid_token_is_found_with_its_weight_for_every_seed(p: tuple, estimator: str) -> None:
    logits = np.log(np.array([p])).astype(np.float32)
    for seed in range(20):
        result = awrs_step(logits, allow(len(p) - 1), seed=seed, estimator=estimator)
        assert result.token.tolist() == [len(p) - 1]
        assert np.exp(result.logw[0]) == pytest.approx(p[-1], rel=2e-6)


def test_three_tail_tiers(backend: str) -> None:
    logits = np.array([[0, -100, -300, -900]], np.float32)
    result = awrs_step(logits, allow(3), seed=1, estimator="rawrs")
    assert (result.token[0], result.logw[0], result.checks[0]) == (3, -900.0, 4)
    assert awrs_step(logits, allow(3), seed=1, estimator="rawrs", tail=False).status[0] == NO_VALID


def test_temperature_0_takes_the_best_valid_token(backend: str) -> None:
    logits = np.array([[1, 3, 3, 2, -90.0]], np.float32)
    for allowed, token, checks in (((1, 2), 1, 1), ((2,), 2, 2), ((0, 4), 0, 4), ((4,), 4, 5)):
        result = awrs_step(logits, allow(*allowed), seed=1, temperature=0)
        assert (result.token[0], result.checks[0], result.logw[0]) == (token, checks, 0.0)
    assert awrs_step(logits, allow(4), seed=1, temperature=0, top_k=3).status[0] == NO_VALID


def test_top_k_keeps_exactly_k_and_ties_go_to_the_lowest_id(backend: str) -> None:
    logits = np.array([[1, 2, 2, 2, 0]], np.float32)
    seen = {
        int(awrs_step(logits, allow(*range(5)), seed=s, top_k=2, estimator="none").token[0])
        for s in range(60)
    }
    assert seen == {1, 2}
    result = awrs_step(logits, allow(*range(5)), seed=0, top_k=2, estimator="exact")
    assert result.den[0] == 2 << 44


def test_truncation_that_is_off_changes_nothing(backend: str) -> None:
    logits = np.random.default_rng(3).normal(size=(4, 70)).astype(np.float32)
    plain = awrs_step(logits, allow(*range(9)), seed=2)
    off = awrs_step(logits, allow(*range(9)), seed=2, top_k=70, top_p=1.0, min_p=0.0)
    for a, b in zip(plain, off, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_row_depends_on_itself_only(estimator: str) -> None:
    rng = np.random.default_rng(4)
    logits = (rng.normal(size=(9, 700)) * 3).astype(np.float32)
    allowed = rng.random((9, 700)) < 0.2
    prior = rng.random((9, 700)) < 0.8

    def step(rows: np.ndarray, **more: Any) -> Any:
        def check(places: np.ndarray, tokens: np.ndarray) -> np.ndarray:
            assert (np.diff(places) >= 0).all()
            return allowed[rows][places, tokens]

        options = {"streams": rows * 5, "steps": rows, "mask": prior[rows], "estimator": estimator, **more}
        return awrs_step(logits[rows], check, seed=8, **options)

    whole = step(np.arange(9))
    order = rng.permutation(9)
    for part in (order, order[:4], order[4:], np.array([3])):
        for a, b in zip(step(part), whole, strict=True):
            np.testing.assert_array_equal(a, b[part])
    if estimator != "auto":  # a mask makes "auto" exact
        with_mask = awrs_step(
            logits,
            allowed,
            seed=8,
            streams=np.arange(9) * 5,
            steps=np.arange(9),
            mask=prior,
            estimator=estimator,
        )
        for name in ("token", "num", "den", "div", "status", "lo", "hi", "logw"):
            np.testing.assert_array_equal(getattr(with_mask, name), getattr(whole, name))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_no_token_is_asked_twice_and_checks_counts_them(backend: str, estimator: str) -> None:
    rng = np.random.default_rng(5)
    logits = (rng.normal(size=(30, 12)) * 2).astype(np.float32)
    allowed = rng.random((30, 12)) < 0.4
    asked: list[tuple[int, int]] = []

    def check(rows: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        assert rows.dtype == tokens.dtype == np.int64
        asked.extend(zip(rows.tolist(), tokens.tolist(), strict=True))
        return allowed[rows, tokens]

    result = awrs_step(logits, check, seed=9, estimator=estimator)
    assert len(set(asked)) == len(asked)
    assert np.bincount([row for row, _ in asked], minlength=30).tolist() == result.checks.tolist()
    assert [allowed[row, t] for row, t in enumerate(result.token) if t >= 0] == [True] * int(
        (result.token >= 0).sum()
    )


def test_the_automatic_policy_asks_little() -> None:
    rng = np.random.default_rng(6)
    v, b = 4096, 400
    rank = np.arange(1, v + 1)
    logits = np.array([rng.permutation(-s * np.log(rank)) for s in rng.uniform(1.0, 3.5, b)], np.float32)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    allowed = rng.random((b, v)) < rng.uniform(0.3, 1.0, (b, 1))
    z = (p * allowed).sum(1)
    result = awrs_step(logits, lambda rows, tokens: allowed[rows, tokens], seed=10)
    likely = -np.log(z) < 0.5
    assert likely.sum() > 50
    assert result.checks[likely].mean() <= 3.0


class Recording:
    """A state over bool answers; counts its masks and checks."""

    vocab = None

    def __init__(self, allowed: np.ndarray, mask_cost: int | None, *, available: bool = True) -> None:
        self.allowed, self.mask_cost, self.available = allowed, mask_cost, available
        self.masks, self.checked = 0, 0

    def check(self, tokens: np.ndarray) -> np.ndarray:
        self.checked += len(tokens)
        return self.allowed[tokens]

    def fill_mask(self, out: np.ndarray) -> bool:
        self.masks += 1
        if self.available:
            bits = np.zeros(len(out) * 32, bool)
            bits[: len(self.allowed)] = self.allowed
            out[:] = np.packbits(bits, bitorder="little").view(np.uint32)
        return self.available

    def advance(self, token: int) -> None: ...
    def rollback(self, n: int) -> None: ...
    def clone(self) -> Recording:
        return self

    def is_accepting(self) -> bool:
        return True

    def forced(self) -> list[int]:
        return []


def test_states_answer_for_their_rows_and_none_is_unconstrained(backend: str) -> None:
    allowed = np.array([False, True, False, True])
    logits = np.zeros((3, 4), np.float32)
    states = [Recording(allowed, None), None, Recording(~allowed, None)]
    by_state = awrs_step(logits, states, seed=1, estimator="rawrs")
    answers = np.array([allowed, [True] * 4, ~allowed])
    by_callable = awrs_step(logits, lambda rows, tokens: answers[rows, tokens], seed=1, estimator="rawrs")
    for a, b in zip(by_state, by_callable, strict=True):
        np.testing.assert_array_equal(a, b)
    assert by_state.logw[1] == 0.0


def test_mask_after_switches_to_the_exact_mask(backend: str) -> None:
    logits = np.zeros((1, 64), np.float32)
    allowed = np.arange(64) == 50
    state = Recording(allowed, 40)
    result = awrs_step(logits, [state], seed=4, estimator="rawrs", mask_after=4)
    assert (result.token[0], result.checks[0], state.masks, state.checked) == (50, 4, 1, 4)
    assert (result.num[0], result.den[0]) == (1 << 44, 64 << 44)
    missing = Recording(allowed, 40, available=False)
    result = awrs_step(logits, [missing], seed=4, estimator="rawrs", mask_after=4)
    assert (result.token[0], missing.masks) == (50, 1)
    costly = Recording(allowed, None)
    assert awrs_step(logits, [costly], seed=4, estimator="rawrs", mask_after=4).checks[0] > 4
    assert costly.masks == 0
    with pytest.raises(ValueError, match="'mask_after'"):
        awrs_step(logits, [state], seed=4, estimator="gawrs", mask_after=4)


def test_exact_uses_the_mask_or_asks_the_whole_support(backend: str) -> None:
    logits = np.random.default_rng(7).normal(size=(1, 64)).astype(np.float32)
    logits[0, 7] = -np.inf
    allowed = np.arange(64) % 5 == 2
    with_mask, without = Recording(allowed, 0), Recording(allowed, 0, available=False)
    a = awrs_step(logits, [with_mask], seed=3)
    b = awrs_step(logits, [without], seed=3)
    c = awrs_step(logits, allowed[None], seed=3)
    assert (with_mask.checked, without.checked) == (0, 63)
    assert (a.checks[0], b.checks[0], c.checks[0]) == (0, 63, 0)
    for name in ("token", "num", "den", "lo", "hi"):
        assert getattr(a, name)[0] == getattr(b, name)[0] == getattr(c, name)[0]


@pytest.mark.parametrize(
    "answer", [[1, 1], np.ones(2), True, None, [True], np.ones((2, 1), bool), "ab", [True, None]]
)
def test_answers_that_are_no_bools_are_refused(answer: Any) -> None:
    with pytest.raises(TypeError, match="argument 'check' must return bool"):
        awrs_step(np.zeros((2, 3), np.float32), lambda rows, tokens: answer, seed=0)


def test_lists_and_tensors_of_bools_are_answers() -> None:
    torch = pytest.importorskip("torch")
    logits = np.zeros((2, 3), np.float32)
    for answer in ([True, True], [np.True_, np.True_], torch.ones(2, dtype=torch.bool)):
        assert awrs_step(logits, lambda rows, tokens, a=answer: a[: len(rows)], seed=0).status.tolist() == [
            OK,
            OK,
        ]


def test_an_error_of_the_checker_passes_through_and_nothing_is_left_behind(backend: str) -> None:
    logits = np.zeros((2, 5), np.float32)

    def broken(rows: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        raise KeyError("mine")

    expected = awrs_step(logits, allow(1), seed=0)
    with pytest.raises(KeyError, match="mine"):
        awrs_step(logits, broken, seed=0)
    for a, b in zip(awrs_step(logits, allow(1), seed=0), expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_torch_in_torch_out() -> None:
    torch = pytest.importorskip("torch")
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))
    expected = awrs_step(logits.numpy(), allow(1, 2, 3), seed=5)
    for given in (logits, logits.clone().requires_grad_()):
        result = awrs_step(given, allow(1, 2, 3), seed=5)
        assert all(type(field) is torch.Tensor and not field.requires_grad for field in result)
        for a, b in zip(result, expected, strict=True):
            np.testing.assert_array_equal(a.numpy(), b)


def test_streams_are_not_row_numbers() -> None:
    logits = np.zeros((2, 1000), np.float32)
    same = awrs_step(logits, allow(*range(1000)), seed=0, streams=[7, 7], estimator="none")
    other = awrs_step(logits, allow(*range(1000)), seed=0, streams=[7, 8], estimator="none")
    assert same.token[0] == same.token[1] == other.token[0] != other.token[1]


def test_wrong_arguments_have_their_message() -> None:
    logits = np.zeros((1, 3), np.float32)
    cases = {
        "awrs_step: argument 'logits' must be": (logits.astype(np.float64), allow(0), {}, TypeError),
        "awrs_step: argument 'logits' must have 1 <= v <= 524287, got 0": (
            logits[:, :0],
            allow(0),
            {},
            ValueError,
        ),
        "argument 'check' must be a callable": (logits, 5, {}, TypeError),
        "argument 'check' must have 1 states, got 2": (logits, [None, None], {}, ValueError),
        "argument 'check' must be": (logits, np.ones((1, 2), bool), {}, ValueError),
        "argument 'eps' must be in": (logits, allow(0), {"eps": 1.0}, ValueError),
        "argument 'max_rejects' must be at least 2": (logits, allow(0), {"max_rejects": 1}, ValueError),
        "argument 'top_p' must be": (logits, allow(0), {"top_p": 0.0}, ValueError),
        "argument 'estimator' must be one of": (logits, allow(0), {"estimator": "x"}, ValueError),
    }
    for message, (array, check, options, error) in cases.items():
        with pytest.raises(error, match=message):
            awrs_step(array, check, seed=0, **options)
    constraint = constrain.PythonConstraint(lambda text: True, vocab=constrain.Vocab([b"a"] * 4))
    with pytest.raises(ValueError, match="of a vocabulary of 4 tokens"):
        awrs_step(logits, [constraint.start()], seed=0)
