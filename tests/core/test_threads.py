# SPDX-License-Identifier: Apache-2.0
"""The thread pool: same results for every count, nesting, exceptions, several callers, fork, settings."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

import tokops
from tokops import _cpu

N = 10_000
SUM = N * (N - 1) // 2


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("grain", [1, 7, 1000, N, 10 * N])
@pytest.mark.parametrize("nested", [False, True])
def test_every_item_is_visited_once(threads, grain, nested):
    tokops.set_num_threads(threads)
    assert _cpu._test_parallel_sum(N, grain, nested) == SUM


def test_nothing_to_do_calls_nothing():
    assert _cpu._test_parallel_sum(0, 5, False, 0) == 0


def test_an_exception_reaches_the_caller_and_the_pool_lives_on():
    tokops.set_num_threads(4)
    for _ in range(20):
        with pytest.raises(ValueError, match="was reached"):
            _cpu._test_parallel_sum(N, 10, False, N // 2)
        assert _cpu._test_parallel_sum(N, 10, True) == SUM


def test_several_python_threads_may_call_at_once():
    tokops.set_num_threads(3)
    results = []
    callers = [
        threading.Thread(
            target=lambda: results.extend(_cpu._test_parallel_sum(N, 3, False) for _ in range(50))
        )
        for _ in range(6)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert results == [SUM] * 300


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_computes_with_fresh_threads():
    tokops.set_num_threads(4)
    assert _cpu._test_parallel_sum(N, 10, False) == SUM
    child = os.fork()
    if child == 0:
        ok = all(_cpu._test_parallel_sum(N, 10, nested) == SUM for nested in (False, True))
        os._exit(0 if ok and tokops.num_threads() == 4 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert _cpu._test_parallel_sum(N, 10, False) == SUM


def test_threads_is_a_context_manager():
    tokops.set_num_threads(2)
    with tokops.threads(5):
        assert tokops.num_threads() == 5
    assert tokops.num_threads() == 2


@pytest.mark.parametrize(
    ("value", "kind"),
    [(0, ValueError), (-1, ValueError), (1025, ValueError), (1.5, TypeError), (True, TypeError)],
)
def test_bad_counts_are_refused(value, kind):
    with pytest.raises(kind, match="set_num_threads: argument 'n'"):
        tokops.set_num_threads(value)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory the Linux way")
def test_a_system_without_threads_to_give_computes_all_the_same():
    code = (
        "import resource, tokops\nfrom tokops import _cpu\ntokops.set_num_threads(64)\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (50 << 20), used + (50 << 20)))\n"
        "print(_cpu._test_parallel_sum(10000, 10, False))"
    )
    assert report(code).stdout.strip() == str(SUM)


def test_a_grain_below_one_means_one():
    assert _cpu._test_parallel_sum(100, 0, False) == 4950


def report(code, **variables):
    environment = {**os.environ, **variables}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )


def test_the_environment_sets_the_count():
    done = report("import tokops; print(tokops.num_threads())", TOKOPS_NUM_THREADS="3")
    assert done.stdout.strip() == "3"
    for bad in ("0", "many", "2.5", "-1", "4096"):
        done = report("import tokops; tokops.num_threads()", TOKOPS_NUM_THREADS=bad)
        assert "ValueError: TOKOPS_NUM_THREADS must be an integer in [1, 1024]" in done.stderr


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity masks on this system")
def test_the_affinity_mask_limits_the_default():
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "import tokops; print(tokops.num_threads())"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TOKOPS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize(
    ("line", "cpus"),
    [
        ("max 100000", 0),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("1 100000", 1),
        ("-1 100000", 0),
        ("", 0),
        ("5", 0),
    ],
)
def test_cgroup_quota_is_rounded_up(line, cpus):
    assert _cpu.cpus_from_quota(line) == cpus


def test_interpreter_exit_with_a_running_daemon_thread_is_clean():
    code = (
        "import threading, tokops\nfrom tokops import _cpu\ntokops.set_num_threads(4)\n"
        "import numpy\nx, out = numpy.ones((8, 4096), 'f4'), numpy.zeros(8, 'f4')\n"
        "def work():\n    while True: _cpu._test_parallel_sum(1000, 5, False); _cpu._test_sum(x, out)\n"
        "threading.Thread(target=work, daemon=True).start()\n_cpu._test_parallel_sum(1000, 5, False)\n"
    )
    assert report(code).returncode == 0
