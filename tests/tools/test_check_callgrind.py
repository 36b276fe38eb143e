# SPDX-License-Identifier: Apache-2.0
# The verdict of tools/check_callgrind.py on counts; valgrind itself runs in CI only.
import importlib.util
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "check_callgrind.py"


@pytest.fixture(scope="module")
def verdicts():
    spec = importlib.util.spec_from_file_location("check_callgrind", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.verdicts


def test_two_percent_above_the_budget_is_a_failure(verdicts):
    assert verdicts({"a": 1020}, {"a": 1000}) == ([], [])
    failures, _ = verdicts({"a": 1021}, {"a": 1000})
    assert failures == ["a: 1021 instructions, the budget is 1000"]


def test_far_below_the_budget_is_a_remark(verdicts):
    failures, remarks = verdicts({"a": 900}, {"a": 1000})
    assert failures == []
    assert "--update" in remarks[0]


def test_entries_and_budgets_must_match(verdicts):
    assert len(verdicts({"a": 1}, {})[0]) == 1
    assert len(verdicts({}, {"a": 1})[0]) == 1
