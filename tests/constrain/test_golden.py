# SPDX-License-Identifier: Apache-2.0
"""Stored answers of a separate NumPy program: exp32, random words, masses, draws and steps, in every integer field."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tokops
from tests.cases import bf16
from tokops import _cpu, constrain
from tokops.reference import rng
from tokops.reference.constrain.masses import exp32
from tokops.reference.constrain.walk import word

DATA = Path(__file__).parents[1] / "data" / "constrain"
SHAPES = ("temperature", "top_k", "top_p", "min_p")


def test_philox_gives_the_published_words() -> None:
    known = {
        (0, 0, 0): "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
        ((1 << 64) - 1,) * 3: "408f276d 41c83b0e a20bc7c6 6d5451fd",
        (0x299F31D0A4093822, 0x0370734413198A2E, 0x85A308D3243F6A88): "d16cfe09 94fdcceb 5001e420 24126ea1",
        (42, 3, 7 << 32 | 5): "e0dad5f8 361a473e d046d0c8 b603b434",
    }
    for arguments, words in known.items():
        assert " ".join(f"{w:08x}" for w in rng.philox(*arguments)) == words
        assert rng.philox(*arguments) == _cpu.philox(*arguments)


def test_words_of_purposes_equal_the_stored_ones() -> None:
    for e in json.loads((DATA / "rng.json").read_text()):
        assert word(e["seed"], e["stream"], e["step"], e["purpose"], e["draw"]) == e["u64"]


def test_exp32_and_masses_equal_the_stored_bits(isa_level: str) -> None:
    entries = json.loads((DATA / "exp32.json").read_text())
    x = np.array([int(e["x"], 16) for e in entries], np.uint32).view(np.float32)
    assert [f"{bits:08x}" for bits in exp32(x).view(np.uint32)] == [e["exp32"] for e in entries]
    for value, entry in zip(x, entries, strict=True):
        if value <= 0:
            row = np.array([0.0, value], np.float32)
            assert constrain.masses(row).tolist() == [1 << 44, entry["mass"]]


def stored_rows(folder: Path) -> list[tuple[dict[str, Any], np.ndarray, np.ndarray]]:
    arrays = np.load(folder / "exact.npz")
    rows = []
    for row in json.loads((folder / "exact.json").read_text()):
        logits = arrays[f"logits_{row['id']}"]
        if row["dtype"] != "float32":
            logits = bf16(logits) if row["dtype"] == "bfloat16" else logits.astype(np.float16)
        rows.append((row, logits, arrays[f"mask_{row['id']}"]))
    return rows


@pytest.fixture(scope="module")
def rows(golden: Callable[[str], Path]) -> list[tuple[dict[str, Any], np.ndarray, np.ndarray]]:
    return stored_rows(golden("constrain"))


def test_masses_and_draws_equal_the_stored_ones(rows: Any, isa_level: str) -> None:
    for row, logits, _ in rows:
        found = constrain.masses(logits[None])
        assert hashlib.sha256(found.astype("<i8").tobytes()).hexdigest() == row["masses_sha256"]
        for d in row["draws"]:
            shape = {name: d[name] for name in SHAPES if name in d}
            sampler = constrain.Sampler(1, row["v"], seed=d["seed"], streams=[d["stream"]], **shape)
            sampler.load(logits[None], steps=d["step"])
            assert sampler.total.tolist() == [d["total"]]
            tokens, masses = sampler.draw(len(d["tokens"]))
            assert (tokens[0].tolist(), masses[0].tolist()) == (d["tokens"], d["masses"])
            assert sampler.remaining.tolist() == [d["remaining"]]


def assert_stored_step(row: Any, logits: np.ndarray, mask: np.ndarray, entry: Any, *, packed: bool) -> None:
    six = np.repeat(logits[None], 6, 0)
    allowed = np.unpackbits(mask.view(np.uint8), bitorder="little").astype(bool)
    check = np.repeat(mask[None], 6, 0) if packed else lambda rows, tokens: allowed[tokens]
    options = {**entry["config"], **entry["shape"], "streams": entry["streams"], "steps": entry["steps"]}
    result = constrain.awrs_step(six, check, seed=entry["seed"], **options)
    for name in ("token", "status", "checks", "num", "den", "div", "lo", "hi"):
        assert getattr(result, name).tolist() == entry[name], (row["id"], entry["config"], name)
    assert result.log_scale.tolist() == [float.fromhex(text) for text in entry["log_scale"]]
    with np.errstate(divide="ignore"):
        logw = np.log(result.num / result.den / result.div) + result.log_scale
    np.testing.assert_allclose(result.logw, logw, rtol=0, atol=1e-12)


def test_steps_equal_the_stored_ones(rows: Any, isa_level: str, thread_count: int) -> None:
    for row, logits, mask in rows:
        for entry in row["steps"]:
            assert_stored_step(row, logits, mask, entry, packed=entry["check"] == "mask")
            if entry["config"]["estimator"] != "auto":  # a mask makes "auto" exact
                assert_stored_step(row, logits, mask, entry, packed=True)


def test_reference_steps_equal_the_stored_ones(rows: Any) -> None:
    with tokops.use_backend("reference"):
        for row, logits, mask in rows[::9]:
            for entry in row["steps"]:
                assert_stored_step(row, logits, mask, entry, packed=entry["check"] == "mask")


def test_order_weight_equals_the_stored_genlm_runs(golden: Callable[[str], Path]) -> None:
    compared = 0
    for run in json.loads((golden("constrain") / "genlm.json").read_text()):
        order = run["orders"][0]
        masses, accepted = np.exp(run["logps"])[order], np.array(run["accept"])[order]
        refused = float(masses[: np.argmax(accepted)].sum()) if accepted.any() else 1.0
        if run["kind"] == "geometric" or refused > 1 - 2e-5:  # past its tolerance the peer gives up
            continue
        found = constrain.order_weight(
            masses,
            accepted,
            estimator="none" if run["kind"] == "improper" else "rawrs",
            max_rejects=run["max_rejects"],
        )
        assert found.weight == pytest.approx(run["weight"], abs=1e-9)
        assert (order[found.position] if found.position >= 0 else -1) == run["token"]
        assert found.checks == len(run["tested"])
        compared += 1
    assert compared > 100
