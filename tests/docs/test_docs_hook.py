# SPDX-License-Identifier: Apache-2.0
# The table of operators says what the declarations say; every declared operator has a page.
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

import tokops
from tokops._ops import FLOATS, REGISTRY, Arg, Like

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hook():
    spec = importlib.util.spec_from_file_location("docs_hook", ROOT / "tools" / "docs_hook.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def declared():
    return SimpleNamespace(
        name="kv_topk",
        schema="(...)",
        parameters=(("Tensor", "x"), ("Tensor?", "lens"), ("SymInt", "k")),
        args={"x": Arg(FLOATS, "rows? n", strides="any"), "lens": Arg(("int32",), "rows?")},
        returns={"ids": Arg(("int32",), "rows? k"), "values": Like("x", "rows? k")},
        public="kv.topk",
        doc="kv",
    )


def test_table_lists_arguments_and_results(hook):
    _, _, row = hook.table("kv", [declared()])
    assert row == (
        "| `kv.topk` | `x` float32, float16, bfloat16 [rows?, n], strides any<br>`lens` int32 [rows?] or None"
        "<br>`k` int | `ids` int32 [rows?, k]<br>`values` as `x` [rows?, k] | `tokops::kv_topk` |"
    )


def test_other_families_are_left_out(hook):
    assert list(hook.table("prune", [declared()])) == []


def test_other_pages_are_left_alone(hook):
    page = SimpleNamespace(file=SimpleNamespace(src_uri="performance.md"))
    assert hook.on_page_markdown("text", page=page) == "text"


def test_family_pages_get_their_reference(hook):
    page = SimpleNamespace(file=SimpleNamespace(src_uri="kv.md"))
    assert "::: tokops.kv" in hook.on_page_markdown("# kv", page=page)


def test_every_declared_operator_has_a_page():
    tokops.ops()
    pages = {entry.doc for entry in REGISTRY.values()}
    assert [page for page in sorted(pages) if not (ROOT / "docs" / f"{page}.md").exists()] == []
