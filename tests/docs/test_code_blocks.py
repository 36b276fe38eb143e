# SPDX-License-Identifier: Apache-2.0
# The Python blocks of README and docs run, page by page, in order, in one namespace. A block that needs an
# optional package has `<!-- needs: torch -->` on the line before it and ends the page where that is absent.
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?:<!-- needs: ([\w ]+) -->\n)?^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text):
    """List (line, needed modules, code)."""
    found = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start(2))
        found.append((line, (match[1] or "").split(), match[2]))
    return found


def run(path, text):
    namespace = {"__name__": "docs"}
    for line, needs, code in blocks(text):
        missing = [name for name in needs if importlib.util.find_spec(name) is None]
        if missing:
            pytest.skip(f"{path}:{line} needs {', '.join(missing)}")
        exec(compile("\n" * line + code, path, "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_code_blocks_run(page, tmp_path, monkeypatch):
    text = page.read_text(encoding="utf-8")
    if not blocks(text):
        pytest.skip("the page has no Python block")
    monkeypatch.chdir(tmp_path)
    run(str(page.relative_to(ROOT)), text)


def test_a_failing_block_fails_with_its_line():
    text = "words\n\n```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n"
    with pytest.raises(AssertionError) as caught:
        run("page.md", text)
    assert caught.traceback[-1].lineno + 1 == 8


def test_a_block_that_needs_an_absent_package_is_skipped():
    text = "<!-- needs: surely_not_a_module -->\n```python\nraise ValueError\n```\n"
    with pytest.raises(pytest.skip.Exception, match="surely_not_a_module"):
        run("page.md", text)
