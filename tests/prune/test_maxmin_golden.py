# SPDX-License-Identifier: Apache-2.0
"""Picks of the official DivPrune function and of a second hand's transcription of the definition."""

import json

import numpy as np
import pytest

from tests.cases import bf16
from tokops.prune import maxmin_select

MAPS = ["nd_kodak_02", "patch_astronaut", "patch_page", "sq_kodak_01", "sq_kodak_21", "sq_skimage_astronaut"]
VARIANTS = {
    "isolated": {},
    "farthest_pair": {"init": "farthest_pair"},
    "index7": {"init": 7},
    "anchors": {},
    "weights": {},
    "euclidean": {"metric": "euclidean"},
    "euclidean_weights": {"metric": "euclidean"},
}


@pytest.fixture(scope="session")
def real(golden):
    return np.load(golden("prune") / "divprune_real.npz")


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_picks_equal_the_official_function(real, backend, name, dtype):
    if f"{name}/x" not in real:
        pytest.skip(f"{name} is not in divprune_real.npz")
    if backend == "reference" and not name.startswith("patch"):
        pytest.skip("the reference is run on the narrow maps")
    x = real[f"{name}/x"]
    x = bf16(x) if dtype == "bfloat16" else x.astype(dtype)
    precision = "float32" if dtype == "float32" else "input"
    got = maxmin_select(x, 288, order="pick", precision=precision)
    np.testing.assert_array_equal(got.indices, real[f"{name}/picks_{dtype}"])
    if dtype == "float32":
        np.testing.assert_allclose(got.gaps, real[f"{name}/gaps_float64"], rtol=0, atol=1e-6)


def expanded(q):
    """The stored rows times a 128 x 4096 matrix of signs: wide features with the cosines of the narrow ones."""
    column = np.arange(4096, dtype=np.uint64)
    lines = (37 * np.arange(128, dtype=np.uint64)[:, None] + 11) % 4096 & column
    for shift in (8, 4, 2, 1):
        lines ^= lines >> shift
    return q.astype(np.float32) @ (1 - 2 * (lines & 1).astype(np.float32))


@pytest.mark.parametrize("name", ["wide_astronaut_576", "wide_astronaut_2880"])
def test_wide_features_give_the_canonical_picks(golden, name):
    data = np.load(golden("prune") / "divprune_wide.npz")
    x = expanded(data[f"{name}/q"])
    picks = data[f"{name}/picks_canonical"]
    got = maxmin_select(x, len(picks), order="pick")
    np.testing.assert_array_equal(got.indices, picks)
    np.testing.assert_array_equal(got.indices, data[f"{name}/picks_float32"])
    np.testing.assert_allclose(got.gaps, data[f"{name}/gaps_float64"], rtol=0, atol=1e-6)


def test_wide_bfloat16_features_give_the_official_picks(golden):
    data = np.load(golden("prune") / "divprune_wide.npz")
    x = bf16(expanded(data["wide_astronaut_576/q"]))
    got = maxmin_select(x, 58, order="pick", precision="input")
    np.testing.assert_array_equal(got.indices, data["wide_astronaut_576/picks_bfloat16"])


@pytest.mark.parametrize("precision", ["float32", "input"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_many_ties_are_broken_by_the_lowest_row(golden, backend, dtype, precision):
    data = np.load(golden("prune") / "divprune_dyadic.npz")
    names = sorted({key.split("/")[0] for key in data.files})
    for name in names if backend == "cpp" else names[:12]:
        x = data[f"{name}/x"].astype(np.float32)
        x = bf16(x) if dtype == "bfloat16" else x.astype(dtype)
        picks = data[f"{name}/picks"]
        got = maxmin_select(x, len(picks), order="pick", precision=precision)
        np.testing.assert_array_equal(got.indices, picks)
        np.testing.assert_array_equal(got.gaps, data[f"{name}/gaps"].astype(np.float32))


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("case", range(3))
def test_options_equal_the_transcription(golden, backend, case, name):
    data = np.load(golden("prune") / "maxmin_variants.npz")
    options = dict(VARIANTS[name])
    for option in ("anchors", "weights"):
        if option in name:
            options[option] = data[f"{case}/{option}"]
    got = maxmin_select(data[f"{case}/x"].astype(np.float32), 40, order="pick", **options)
    np.testing.assert_array_equal(got.indices, data[f"{case}/{name}/picks"])
    np.testing.assert_allclose(got.gaps, data[f"{case}/{name}/gaps"], rtol=2e-7, atol=1e-6)


@pytest.mark.parametrize("case", range(3))
def test_min_distance_equals_the_transcription(golden, backend, case):
    data = np.load(golden("prune") / "maxmin_variants.npz")
    got = maxmin_select(data[f"{case}/x"].astype(np.float32), min_distance=0.35, order="pick")
    np.testing.assert_array_equal(got.indices, data[f"{case}/min_distance/picks"])
    assert got.counts.tolist() == [len(got.indices)]


def test_edge_table(golden, backend):
    table = json.loads((golden("prune") / "divprune_edges.json").read_text())
    for case in table["cases"]:
        x = np.array(case["x"], np.float32)
        if case["required"] == "ValueError":
            with pytest.raises(ValueError, match=r"prune\.maxmin_select"):
                maxmin_select(x, case["k"])
        else:
            got = maxmin_select(x, case["k"], order="pick")
            assert got.indices.tolist() == case["required"], case["case"]


def test_ratio_rounds_like_python(golden):
    table = json.loads((golden("prune") / "divprune_edges.json").read_text())
    rng = np.random.default_rng(0)
    for ratio, n, k in table["rounding"]:
        got = maxmin_select(rng.standard_normal((n, 2), np.float32), ratio=ratio)
        assert len(got.indices) == k
