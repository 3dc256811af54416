# SPDX-License-Identifier: GPL-2.0-only
"""What a test asks about a process that it did not start itself."""

from __future__ import annotations

import time
from pathlib import Path


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
    until = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not alive(pid)
