# SPDX-License-Identifier: GPL-2.0-only
"""Workers, scheduler or client are killed at any instant of a campaign, and nothing is lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.impl.kernel.native.builds import needs_host
from tests.slatcheck.judge.clusters import Cluster
from tests.slatcheck.judge.test_generations import DRIVER, NAME, SEEDS, kept, read

IMPATIENT = f"from support import pool\npool.CONNECTING = 3\n{DRIVER}"
"""What runs a client that does not look long for a scheduler that is gone."""
ENDING = 120.0
"""Seconds in which a client must have come to its end, also where its cluster is gone."""
FOUND, REFUSED = 1, 2
"""How a client ends: something is violated, or the cluster gave work up."""
WORKERS = 2

pytestmark = [pytest.mark.kernel, pytest.mark.slow, needs_host]


class Killed:
    """Campaigns on a cluster of which one process after the other is killed."""

    def __init__(self, root: Path, folder: Path, ops: str, latest: float, seed: int) -> None:
        self._root, self._folder, self._ops, self._latest = root, folder, ops, latest
        self._source = random.Random(seed)
        self._whole: dict[int, Any] = {}
        self.kills: Counter[str] = Counter()
        self._number = 0
        self._start_cluster()

    def _start_cluster(self) -> None:
        place = self._folder / f"cluster-{self._number}-{self.kills.total()}"
        place.mkdir()
        self._cluster = Cluster(place, self._folder / "workers")
        self._workers = [self._cluster.worker() for _ in range(WORKERS)]

    def close(self) -> None:
        """End what still runs."""
        self._cluster.close()

    def _client(self, name: str, seed: int, *more: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {"SLATCHECK_CACHE": str(self._folder / name)}
        given = ["fuzz", "--kernel", str(self._root), "--layout", NAME, "--ops", self._ops]
        given += ["--seed", str(seed), "--corpus", str(self._folder / f"{name}-corpus")]
        given += ["--output", str(self._folder / f"{name}.json"), "--format", "json", "--jobs", "1"]
        with open(self._folder / f"{name}.log", "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", IMPATIENT, *given, *more],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )

    def _shown(self, name: str) -> tuple[Any, dict[str, bytes]]:
        return read(self._folder / f"{name}.json"), kept(self._folder / f"{name}-corpus")

    def _uncut(self, seed: int) -> Any:
        """Return what comes of a campaign on this machine that nobody disturbs."""
        if seed not in self._whole:
            name = f"whole-{seed}"
            assert self._client(name, seed).wait(ENDING) == FOUND
            self._whole[seed] = self._shown(name)
        return self._whole[seed]

    def campaign(self, kills: int) -> None:
        """Run a campaign of which parts are killed, until there were so many kills in all."""
        self._number += 1
        seed = SEEDS[self._number % len(SEEDS)]
        name = f"cut-{self._number}"
        whole = self._uncut(seed)
        # With what was built and searched, and no piece of a campaign.
        begun = self._folder / f"whole-{seed}"
        shutil.copytree(begun, self._folder / name, ignore=shutil.ignore_patterns("fuzz-*"))
        code: int | None = None
        while code != FOUND:
            client = self._client(name, seed, "--scheduler", self._cluster.address)
            code = self._disturbed(client, kills)
            assert code in (FOUND, REFUSED, -signal.SIGKILL), self._said(name)
        assert self._shown(name) == whole

    def _said(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text()[-2000:]

    def _disturbed(self, client: subprocess.Popen[bytes], kills: int) -> int:
        """Kill something now and then until the client ends; return how it did."""
        while self.kills.total() < kills:
            try:
                return client.wait(self._source.uniform(0.2, self._latest))
            except subprocess.TimeoutExpired:
                victim = self._source.choice(["worker", "scheduler", "client"])
            self.kills[victim] += 1
            if victim == "client":
                os.killpg(client.pid, signal.SIGKILL)
                return client.wait()
            if victim == "scheduler":
                self._cluster.scheduler.kill()
                code = client.wait(ENDING)
                self._cluster.close()
                self._start_cluster()
                return code
            self._workers.pop(self._source.randrange(WORKERS)).kill()
            self._workers.append(self._cluster.worker())
        return client.wait(ENDING)


def kill(root: Path, folder: Path, ops: str, latest: float, kills: int, seed: int) -> None:
    """Kill so many processes at random instants of campaigns, each ``latest`` seconds at most."""
    print(f"seed {seed}")
    killed = Killed(root, folder, ops, latest, seed)
    try:
        while killed.kills.total() < kills:
            killed.campaign(kills)
            print(f"{dict(killed.kills)} killed")
    finally:
        killed.close()


def test_a_kill_of_any_part_of_a_cluster_loses_nothing(
    kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    seed = 1 if os.environ.get("CI") else random.randrange(1 << 32)
    kill(kernel_trees["6.12"], tmp_path, "300k", 3.0, 2, seed)


@pytest.mark.thorough
def test_fifty_kills_in_a_cluster_lose_nothing(
    kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    kill(kernel_trees["6.12"], tmp_path, "3M", 6.0, 50, random.randrange(1 << 32))
