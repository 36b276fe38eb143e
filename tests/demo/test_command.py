# SPDX-License-Identifier: Apache-2.0
"""The ``tokops`` command and the report."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import tokops
from tokops.__main__ import main
from tokops.demo import demo
from tokops.demo.job import Result
from tokops.demo.report import seconds, write_report


def test_without_a_command_the_environment_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    bare = capsys.readouterr().out
    assert main(["info"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == bare.splitlines()[0]
    assert tokops.__version__ in bare
    assert "isa" in bare


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, r"demo: argument 'n' must be in \[1, 256\], got 0"),
        ({"n": 257}, r"demo: argument 'n' must be in \[1, 256\], got 257"),
        ({"n": 3, "k": 4}, r"demo: argument 'k' must be in \[1, 3\], got 4"),
        ({"seed": -1}, "demo: argument 'seed' must be in"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        demo(**arguments)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'tokops\[demo\]'"):
        demo()
    with pytest.raises(SystemExit, match=r"tokops demo: .* pip install 'tokops\[demo\]'"):
        main(["demo"])


def test_train_writes_a_vocabulary_that_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, output = tmp_path / "text.txt", tmp_path / "small.tiktoken"
    text.write_text("low lower lowest " * 20)
    assert main(["train", str(text), "--vocab-size", "260", "--output", str(output)]) == 0
    assert "260 tokens" in capsys.readouterr().out
    encoding = tokops.bpe.Encoding.from_tiktoken_file(output, pattern="cl100k")
    assert encoding.n_vocab == 260
    assert len(encoding.encode_ordinary("low")) == 1


def test_train_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"tokops train: .*absent\.txt"):
        main(["train", str(tmp_path / "absent.txt"), "--vocab-size", "300", "--output", str(tmp_path / "o")])


class Cells(HTMLParser):
    """Collects the text of a page and checks that tags close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture
def finished_job(monkeypatch: pytest.MonkeyPatch, result: Result) -> list[dict[str, object]]:
    """The job gives the shared result at once; the list collects what it was asked for."""
    asked: list[dict[str, object]] = []

    def run_job(*, progress: object, **arguments: object) -> Result:
        progress("stage", 1, 2)
        asked.append(arguments)
        return result

    monkeypatch.setattr("tokops.demo.job.run_job", run_job)
    return asked


def test_the_demo_prints_and_reports_every_molecule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], finished_job: list[dict[str, object]], result: Result
) -> None:
    report = tmp_path / "report.html"
    assert main(["demo", "--n", "3", "--k", "2", "--seed", "7", "--report", str(report)]) == 0
    assert finished_job == [{"n": 3, "k": 2, "seed": 7}]
    printed = capsys.readouterr().out
    page = Cells()
    page.feed(report.read_text(encoding="utf-8"))
    assert not page.open
    assert page.text.count("kept") == 2
    molecules = [line[3:] for line in printed.splitlines() if line.startswith((" * ", "   "))]
    assert molecules == [molecule.smiles for molecule in result.molecules]
    assert set(molecules) <= set(page.text)
    for text in ("valid with the checker", "3 of 3", "kv.select", "prune.maxmin_select"):
        assert text in page.text
        assert text in printed
    assert report.stat().st_size < 20_000


def test_no_report_is_written_when_none_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished_job: list[dict[str, object]]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--report", ""]) == 0
    assert finished_job == [{"n": 24, "k": 6, "seed": 0}]
    assert not list(tmp_path.iterdir())


def test_a_difference_shows_in_the_report(tmp_path: Path, result: Result) -> None:
    wrong = replace(result, operators=[replace(result.operators[0], equal="no", name="a<b")])
    write_report(wrong, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<td>no</td>" in text
    assert "a&lt;b" in text


@pytest.mark.parametrize(
    ("value", "text"), [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (4.2e-5, "42 us"), (1.0, "1 s")]
)
def test_times_have_units(value: float, text: str) -> None:
    assert seconds(value) == text
