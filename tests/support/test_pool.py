# SPDX-License-Identifier: GPL-2.0-only
"""Work spread over processes: done once, by the same ones, and none is left behind."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import indent

import pytest

from support.pool import begin, ready, shared, spread, tell
from tests.processes import ended


def process(_: int) -> int:
    time.sleep(0.05)
    return os.getpid()


def failing(item: int) -> int:
    if item:
        raise ValueError(item)
    return os.getpid()


def test_every_item_comes_once() -> None:
    assert sorted(spread(abs, [-3, -2, -1], 2)) == [(0, 3), (1, 2), (2, 1)]


def test_one_process_is_this_one() -> None:
    assert [pid for _, pid in spread(process, [0, 1], 1)] == [os.getpid()] * 2
    with shared(1):
        assert [pid for _, pid in spread(process, [0, 1], 0)] != [os.getpid()] * 2
        assert begin(process, 0)() == os.getpid()


def test_what_is_known_needs_no_process() -> None:
    known = {0: 7, 2: 8}
    with shared(2):
        assert dict(spread(process, [0, 1, 2], 2, known.get)) == {0: 7, 1: os.getpid(), 2: 8}
        assert begin(process, 2, known.get)() == 8


def telling(item: int) -> float:
    """Tell of a number now and finish later; return when that was."""
    told = time.monotonic()
    tell(item)
    time.sleep(0.6)
    return told


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_work_tells_is_heard_before_it_is_done(jobs: int) -> None:
    heard: list[tuple[int, float]] = []

    def told(message: int) -> None:
        heard.append((message, time.monotonic()))

    results = dict(spread(telling, [5, 7], jobs, told=told))
    assert sorted(message for message, _ in heard) == [5, 7]
    at = dict(heard)
    assert all(at[item] - results[number] < 0.5 for number, item in enumerate((5, 7)))
    # Nobody listens: it is lost, and holds up nothing.
    tell("nothing")
    assert len(dict(spread(telling, [5, 7], jobs))) == 2


def verbose(messages: int) -> int:
    for _ in range(messages):
        tell("x" * 3_000)
    return os.getpid()


@pytest.mark.parametrize(("items", "messages"), [(100, 1), (2, 100)])
def test_messages_that_nobody_wants_do_not_pile_up(items: int, messages: int) -> None:
    with shared(2):
        assert len(list(spread(verbose, [messages] * items, 2))) == items


def test_processes_are_shared() -> None:
    with shared(2):
        first = begin(process, 0)
        pids = {pid for _, pid in spread(process, [0] * 8, 2)}
        with shared(2):
            pids |= {pid for _, pid in spread(process, [0] * 8, 2)}
        pids.add(first())
    assert len(pids) <= 2 and os.getpid() not in pids
    assert all(map(ended, pids))
    assert not pids & {pid for _, pid in spread(process, [0] * 4, 2)}


def imported(name: str) -> bool:
    return name in sys.modules


def test_processes_are_ready_before_there_is_work() -> None:
    with shared(2):
        ready("wave")
        assert any(found for _, found in spread(imported, ["wave"] * 4, 2))
    ready("wave")  # nothing is shared: whoever works has all that it needs


WAITING = """
import signal, time
from support.pool import ready, shared

signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    with shared(2):
        ready("slatcheck.search.unit")
        print("ready", flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.2, 0.4, 0.8])
def test_ctrl_c_is_quiet_whenever_it_comes(seconds: float) -> None:
    """While processes start, and while they wait for work."""
    command = [sys.executable, "-c", f"if __name__ == '__main__':\n{indent(WAITING, '  ')}"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    ) as began:
        assert began.stdout is not None
        assert began.stdout.readline() == "ready\n"
        time.sleep(seconds)
        os.killpg(began.pid, signal.SIGINT)
        assert began.communicate(timeout=60) == ("interrupted\n", "")


WORK = """
import os, time

def work(item):
    print(os.getpid(), os.getppid(), flush=True)
    time.sleep(item)
"""
KILLED = """
import time
from support.pool import shared, spread
from working import work

with shared(2):
    list(spread(work, {items}, 2))
    time.sleep(60)
"""


@pytest.mark.parametrize("items", [[1, 1], [60, 1, 1]], ids=["idle", "at work"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_who_is_killed_leaves_no_process(
    tmp_path: Path, items: list[int], end: signal.Signals
) -> None:
    """Neither those that do work or wait for it, nor the one that they are copies of."""
    (tmp_path / "working.py").write_text(WORK)
    command = [sys.executable, "-c", KILLED.format(items=items)]
    where = os.pathsep.join([str(tmp_path), *sys.path])
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": where}
    ) as began:
        assert began.stdout is not None
        lines = [began.stdout.readline() for _ in range(len(items))]
        pids = set(map(int, " ".join(lines).split()))
        assert len(pids) >= 2
        began.send_signal(end)
        assert began.wait(timeout=60) == -end
        assert all(map(ended, pids))


def test_where_one_fails_no_process_is_left() -> None:
    with shared(2):
        pids = {pid for _, pid in spread(process, [0] * 4, 2)}
        with pytest.raises(ValueError, match="5"):
            list(spread(failing, [0, 5], 2))
        assert all(map(ended, pids))
        # What comes afterwards has new ones.
        assert not pids & {pid for _, pid in spread(process, [0] * 4, 2)}


def test_what_was_begun_fails_where_it_is_asked_for() -> None:
    with shared(2):
        result = begin(failing, 5)
        with pytest.raises(ValueError, match="5"):
            result()


def test_who_stops_listening_leaves_no_process() -> None:
    with shared(2):
        work = spread(process, [0] * 8, 2)
        _, pid = next(work)
        work.close()
        assert ended(pid)


ANYWHERE = """
import os, sys
from support.pool import ready, shared, soon, spread

if {early}:
    soon("wave", "there.is.no.such.module")
with shared(2):
    ready("wave")
    assert dict(spread(os.path.basename, ["a/b"] * 4, 2)) == dict.fromkeys(range(4), "b")
print("done")
"""


@pytest.mark.parametrize("early", [True, False])
def test_processes_import_nothing_from_where_they_start(tmp_path: Path, early: bool) -> None:
    """A stranger's tree may hold files that are called as modules of Python's are."""
    own, strange = tmp_path / "own", tmp_path / "strange"
    own.mkdir()
    strange.mkdir()
    for name in ("multiprocessing", "struct", "wave", "z3"):
        (strange / f"{name}.py").write_text(f"print('{name} of a stranger', flush=True)\n")
    program = own / "program.py"
    text = indent(ANYWHERE.format(early=early), "  ")
    program.write_text(f"if __name__ == '__main__':\n{text}")
    command = [sys.executable, str(program)]
    done = subprocess.run(command, cwd=strange, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("done\n", "")


def variable(name: str) -> str | None:
    return os.environ.get(name)


def test_processes_have_the_environment_of_who_starts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("one", "other"):
        monkeypatch.setenv("SLATCHECK_TRIED", value)
        assert dict(spread(variable, ["SLATCHECK_TRIED", "PYTHONSAFEPATH"], 2)) == {
            0: value,
            1: os.environ.get("PYTHONSAFEPATH"),
        }


SOON = """
import sys
from support.pool import soon, spread
from tests.support.test_pool import imported

soon("wave")
assert "wave" not in sys.modules
print(*dict(spread(imported, ["wave"] * 2, 2)).values())
"""


def test_what_work_begins_with_is_imported_once_for_all() -> None:
    text = f"if __name__ == '__main__':\n{indent(SOON, '  ')}"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("True True\n", "")


BUSY = """
import time
from support.pool import shared, spread
from tests.support.test_pool import busy

with shared(2):
    list(spread(busy, [0.5, 0.5], 2))
"""


def busy(seconds: float) -> None:
    """Use the processor for so many seconds."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def _of_children() -> float:
    """Return the processor time of all children that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_time_of_processes_is_on_record() -> None:
    """As ``time`` and a scheduler's accounts have it: of who was waited for."""
    text = f"if __name__ == '__main__':\n{indent(BUSY, '  ')}"
    before = _of_children()
    subprocess.run([sys.executable, "-c", text], check=True, timeout=60)
    assert _of_children() - before > 1.0


def test_nobody_waits_for_what_is_imported_for_no_work(tmp_path: Path) -> None:
    (tmp_path / "long_import.py").write_text("import time\ntime.sleep(60)\n")
    text = "from support.pool import soon; soon('long_import')"
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"}
    subprocess.run([sys.executable, "-c", text], env=environment, check=True, timeout=30)
