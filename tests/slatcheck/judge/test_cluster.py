# SPDX-License-Identifier: GPL-2.0-only
"""A campaign on a real cluster of this machine: the same result, also where workers are killed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from model.ports import layout
from slatcheck import cli
from slatcheck.fuzz import work
from slatcheck.judge import generations
from slatcheck.judge.course import Wanted
from slatcheck.judge.fuzzing import fuzz
from slatcheck.judge.judging import Request
from slatcheck.progress import Progress
from slatcheck.search.drawing import LENGTH
from support import pool
from support.pool import ClusterError
from tests.impl.kernel.native.builds import needs_host
from tests.slatcheck.judge.clusters import Cluster
from tests.slatcheck.judge.test_fuzzing import told

PIECE = 150
PIECES = 12

pytestmark = [pytest.mark.kernel, pytest.mark.slow, needs_host]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    yield made
    made.close()


@pytest.fixture
def root(kernel_trees: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path / "client"))
    monkeypatch.setattr(generations, "SEQUENCES", PIECE)
    monkeypatch.setattr(generations, "EVERY", 0.0)
    return kernel_trees["6.12"]


def run(root: Path, address: str | None, each: Any = lambda step: None) -> Any:
    request = Request((layout("mips64-4k"),), root, jobs=1)
    return told(fuzz(request, Wanted(PIECES * PIECE * LENGTH, None, False, address), each))


def test_a_worker_that_is_killed_costs_nothing(
    cluster: Cluster, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim, _ = cluster.worker(), cluster.worker()
    steps: list[Progress] = []

    def each(step: Progress) -> None:
        steps.append(step)
        if "operations" in step.layout and victim.poll() is None:
            victim.send_signal(signal.SIGKILL)

    far = run(root, cluster.address, each)
    assert victim.wait() == -signal.SIGKILL
    assert [step.done for step in steps if "operations" in step.layout] == [*range(1, PIECES + 1)]
    # A cache of its own, so that nothing is taken over.
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path / "alone"))
    assert far == run(root, None)


def test_what_was_sent_outlives_the_worker_that_has_it(cluster: Cluster) -> None:
    """A worker that dies may be the only one that was given an image by then."""
    victim = cluster.worker()
    with pool.cluster(cluster.address):
        items = [(pool.ship(b"image" * 1000), number) for number in range(3)]
        assert dict(pool.spread(len, items[:1], 1)) == {0: 2}
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        cluster.worker()
        found = dict(pool.spread(itemgetter(0), items, 1))
    assert found == dict.fromkeys(range(3), b"image" * 1000)


def test_what_a_cluster_did_is_kept_here(
    cluster: Cluster, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.worker()
    far = run(root, cluster.address)
    cluster.close()
    monkeypatch.setattr(work, "carry_out", lambda item: pytest.fail("it is done again"))
    assert run(root, None) == far


def test_a_worker_of_another_version_is_refused(
    cluster: Cluster,
    root: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster.worker()
    monkeypatch.setattr(work, "tool", lambda: "another")
    given = ["fuzz", "--kernel", str(root), "--layout", "mips64-4k:le", "--ops", "10k"]
    assert cli.run([*given, "--scheduler", cluster.address]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == "slatcheck: a worker has another version of slatcheck than the client"


def test_where_nobody_answers_it_is_said(root: Path) -> None:
    with pytest.raises(ClusterError, match=r"there is no scheduler at tcp://127\.0\.0\.1:9"):
        run(root, "tcp://127.0.0.1:9")


def test_where_the_scheduler_is_gone_it_is_said(cluster: Cluster) -> None:
    with pool.cluster(cluster.address):
        cluster.worker()
        pool.ship("something")
        cluster.scheduler.kill()
        with pytest.raises(ClusterError, match="the scheduler is gone"):
            pool.ship("something else")
