# SPDX-License-Identifier: Apache-2.0
# The command's exit status, its JSON, and the comparison of two runs; rows are fakes.
import io
import json
import sys

import pytest

from tokops.bench import __main__ as command
from tokops.bench import report
from tokops.bench.case import Row, Subject
from tokops.bench.runner import Result, Spread


def at(name, seconds):
    return Result(name, "op", times={"ours": Spread(seconds, seconds, seconds)})


@pytest.fixture
def rows(monkeypatch):
    fakes = [
        Row("fake.op/right", op="fake.op", make=lambda: Subject(lambda: 1, {"reference": lambda: 1})),
        Row("fake.op/large", op="fake.op", make=lambda: Subject(lambda: 1, {"a": lambda: 2}), large=True),
    ]
    monkeypatch.setattr(command, "find_rows", lambda pattern: fakes)
    return fakes


def test_smoke_skips_large_rows_and_succeeds(rows, capsys):
    assert command.main(["--smoke"]) == 0
    out = capsys.readouterr().out
    assert "fake.op/right" in out
    assert "fake.op/large" not in out
    assert "1 rows: 0 failed" in out


def test_a_mismatch_makes_the_exit_status_one(rows, capsys):
    rows[0] = Row("fake.op/wrong", op="fake.op", make=lambda: Subject(lambda: 1, {"reference": lambda: 2}))
    assert command.main(["--smoke"]) == 1
    out = capsys.readouterr().out
    assert "MISMATCH  fake.op/wrong: result differs from reference" in out


def test_list_names_rows_without_making_them(rows, capsys):
    assert command.main(["--list"]) == 0
    assert capsys.readouterr().out == "fake.op/right\nfake.op/large  (large)\n"


def test_an_empty_selection_is_an_error(monkeypatch):
    monkeypatch.setattr(command, "find_rows", lambda pattern: [])
    with pytest.raises(SystemExit, match="no row matches 'nothing'"):
        command.main(["nothing"])


def test_fewer_than_seven_rounds_are_refused():
    with pytest.raises(SystemExit, match="at least 7"):
        command.main(["--rounds", "3"])


def test_json_holds_the_environment_and_reads_back(rows, tmp_path):
    path = tmp_path / "run.json"
    command.main(["--smoke", "--json", str(path)])
    environment = json.loads(path.read_text())["environment"]
    assert {"cpu", "isa", "threads", "versions", "commit", "blas_threads"} <= environment.keys()
    results, facts = report.load(path)
    assert results[0].name == "fake.op/right"
    assert results[0].verified == ["reference"]
    assert facts == environment


def test_a_file_of_another_format_is_refused(tmp_path):
    path = tmp_path / "other.json"
    path.write_text('{"format": 99}')
    with pytest.raises(ValueError, match=r"'other\.json' is not a benchmark file of format 1"):
        report.load(path)


def test_compare_gives_the_speed_up_and_lists_unpaired_rows():
    table = report.compare([at("a", 1.0), at("new", 1.0)], [at("a", 3.0), at("gone", 2e-6)])
    assert table == [
        ("a", "3 s", "1 s", "3.00"),
        ("new", "-", "1 s", ""),
        ("gone", "2 us", "-", ""),
    ]


def test_environments_differ_only_in_what_matters():
    new = {"cpu": "x", "isa": "v4", "date": "2020-01-01", "load": 0.1}
    old = {"cpu": "x", "isa": "v3", "date": "2019-01-01", "load": 0.9}
    assert report.differences(new, old) == ["isa: v3 -> v4"]


def test_table_shows_times_ratios_and_absent_peers(monkeypatch):
    monkeypatch.setattr(report.importlib.util, "find_spec", lambda name: None)
    result = Result("kv.x/1", "kv.x", unit="tokens", amount=100.0, missing=["tiktoken"])
    result.times = {"ours": Spread(0.001, 0.001, 0.001), "torch": Spread(0.002, 0.002, 0.002)}
    result.ratios = {"torch": Spread(2.0, 1.9, 2.1)}
    out = io.StringIO()
    report.show([result], out)
    text = out.getvalue()
    assert "1e+05 tokens/s" in text
    assert "2.00 [1.90, 2.10]" in text
    assert text.splitlines()[2].split() == ["tiktoken", "absent"]


def test_durations_carry_their_unit():
    assert [report.seconds(s) for s in (2.0, 0.0123, 4.56e-6, 7e-9)] == ["2 s", "12.3 ms", "4.56 us", "7 ns"]


def test_plot_writes_one_svg_and_png_per_operator(tmp_path):
    pytest.importorskip("matplotlib", reason="the bench extra is not installed")
    from tokops.bench.plot import draw

    result = Result("kv.x/1", "kv.x", ratios={"torch": Spread(2.0, 1.9, 2.1)})
    paths = draw([result], tmp_path, "a machine")
    assert [p.name for p in paths] == ["kv_x.svg", "kv_x.png"]
    again = draw([result], tmp_path / "again", "a machine")
    assert again[0].read_bytes() == paths[0].read_bytes()
    assert paths[1].read_bytes().startswith(b"\x89PNG")


def test_plot_without_matplotlib_names_the_extra(tmp_path, monkeypatch):
    from tokops.bench.plot import draw

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"tokops\[bench\]"):
        draw([], tmp_path, "")
