# SPDX-License-Identifier: GPL-2.0-only
"""What tests ask about processes, and how they start one that Ctrl-C interrupts."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path


def interruptible(*arguments: str) -> list[str]:
    """Return the command that runs slatcheck so that SIGINT interrupts it.

    Whoever runs the tests in the background has it ignored, which children inherit.
    """
    begin = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    begin += "from slatcheck.cli import main; main()"
    return [sys.executable, "-c", begin, *arguments]


def until(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Wait for a condition, on a machine that may have other things to do."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def alive(pid: int) -> bool:
    """
    Return whether a process is there and runs; one that has not been waited for does not.

    A process that ends while its status is read is gone (ESRCH), as is one without a status.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ended(pid: int, seconds: float = 10.0) -> bool:
    """Return whether a process ends within a number of seconds."""
    return until(lambda: not alive(pid), seconds)
