# SPDX-License-Identifier: Apache-2.0
"""The demo's job: every molecule is valid, and a seed gives the same molecules everywhere on a machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tokops
from tokops.demo.job import OPERATORS, Result
from tokops.demo.model import Budget, Model
from tokops.demo.molecules import MAX_TOKENS, MEDICINES, Checker, Molecule, Writer, most_different
from tokops.demo.tape import Tape

ps = pytest.importorskip("partialsmiles", reason="the extra 'demo' is not installed")
N = 4


def write(n: int = N, seed: int = 5, checked: bool = True) -> list[Molecule]:
    writer = Writer(
        Model.load(), seed=seed, checker=Checker() if checked else None, tape=Tape(), budget=Budget()
    )
    return writer.write(n, lambda done: None)


@pytest.fixture(scope="module")
def molecules() -> list[Molecule]:
    return write()


def test_every_prompt_molecule_is_valid_and_new_to_the_list_once() -> None:
    for smiles in MEDICINES:
        ps.ParseSmiles(smiles, partial=False)
    assert len(set(MEDICINES)) == len(MEDICINES)


def test_every_molecule_written_with_the_checker_parses(molecules: list[Molecule]) -> None:
    assert len(molecules) == N
    for molecule in molecules:
        ps.ParseSmiles(molecule.smiles, partial=False)


def test_without_the_checker_the_texts_are_the_models_own(molecules: list[Molecule]) -> None:
    free = write(n=16, checked=False)
    assert len(free) == 16
    assert any(not m.finished or not Checker().complete(m.smiles) for m in free)


@pytest.mark.parametrize("text", ["C.C", "C>", "*C", "C%", "C(", "", "F(F)F", "c1cccc1"])
def test_the_checker_refuses(text: str) -> None:
    assert not Checker().complete(text)


def test_the_checker_tells_a_prefix_from_a_dead_end() -> None:
    assert Checker().prefix("CC(=O)c1cc")
    assert not Checker().prefix("CC(=O)(=O)")


def test_the_same_seed_gives_the_same_molecules_at_every_level_and_thread_count(
    molecules: list[Molecule], isa_level: str, thread_count: int
) -> None:
    assert [(m.ids, m.logw) for m in write()] == [(m.ids, m.logw) for m in molecules]


def test_another_seed_gives_other_molecules(molecules: list[Molecule]) -> None:
    assert [m.smiles for m in write(seed=6)] != [m.smiles for m in molecules]


def test_a_molecule_does_not_depend_on_how_many_are_written(molecules: list[Molecule]) -> None:
    more = {m.stream: m.smiles for m in write(n=N + 3)}
    first = [m for m in molecules if m.stream < N]
    assert first
    assert [more[m.stream] for m in first] == [m.smiles for m in first]


@pytest.mark.slow
def test_the_reference_backend_writes_the_same_molecules(molecules: list[Molecule]) -> None:
    with tokops.use_backend("reference"):
        reference = write(n=2)
    assert [m.smiles for m in reference] == [m.smiles for m in molecules[:2]]


def test_the_kept_molecules_are_k_different_ones(molecules: list[Molecule]) -> None:
    tape = Tape()
    kept = most_different([*molecules, molecules[0]], N, tape)
    assert len(set(kept)) == N
    assert not {0, N} <= set(kept)


def test_the_result_counts_what_was_written(result: Result) -> None:
    assert result.valid == len(result.molecules) == 3
    assert len(result.kept) == 2
    assert result.checks_per_token >= 1
    assert 0 < result.retained_worst <= result.retained_mean < 1
    assert 0 < result.read_share < 1
    finished = sum(len(m.ids) + 1 for m in result.molecules)
    assert finished <= result.draws <= finished + result.given_up * MAX_TOKENS


def test_every_operator_is_compared_and_equal(result: Result) -> None:
    assert len(result.operators) == OPERATORS
    assert {row.equal for row in result.operators} <= {"yes", "to 1e-6"}
    families = {row.name.partition(".")[0] for row in result.operators}
    assert families == {"bpe", "constrain", "kv", "prune"}


@pytest.mark.slow
def test_another_kernel_set_of_the_blas_gives_the_same_molecules(molecules: list[Molecule]) -> None:
    code = "from tests.demo.test_job import write; print([(m.ids, m.logw) for m in write()])"
    settings = {"OPENBLAS_CORETYPE": "Prescott", "OPENBLAS_NUM_THREADS": "1", "TOKOPS_NUM_THREADS": "3"}
    other = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | settings,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == str([(m.ids, m.logw) for m in molecules])
