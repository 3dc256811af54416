# SPDX-License-Identifier: GPL-2.0-only
"""Dask clusters of this machine: a real scheduler and real workers, each a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

STARTING = 60.0


class Cluster:
    """A scheduler, and workers that have nothing but the package, and a cache if one is given."""

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        self.folder, self._cache = folder, cache
        self.file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.scheduler = self.start("scheduler", "--host", "127.0.0.1", "--port", "0")
        self.address = self._said()

    def start(self, what: str, *options: str) -> subprocess.Popen[bytes]:
        """Start one part; all of it ends with the test."""
        place = ["--scheduler-file", str(self.file), "--no-dashboard"]
        own = self._cache or self.folder / f"{len(self.processes)}"
        environment = os.environ | {"SLATCHECK_CACHE": str(own)}
        command = [sys.executable, "-m", "dask", what, *place, *options]
        with open(self.folder / f"{what}-{len(self.processes)}.log", "wb") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        self.processes.append(process)
        return process

    def worker(self) -> subprocess.Popen[bytes]:
        """Start a worker that nobody starts again when it dies."""
        return self.start("worker", "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1")

    def _said(self) -> str:
        """Return the address that the scheduler wrote down."""
        end = time.monotonic() + STARTING
        while time.monotonic() < end:
            if self.file.is_file() and (text := self.file.read_text()):
                return str(json.loads(text)["address"])
            time.sleep(0.1)
        raise AssertionError("the scheduler does not start")

    def close(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()
