# SPDX-License-Identifier: GPL-2.0-only
"""Work spread over processes: results as they come, and no worker left behind on Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from typing import TypeVar

from support import outside

Item = TypeVar("Item")
Result = TypeVar("Result")


_PR_SET_PDEATHSIG = 1


def _begin() -> None:
    """Have what the parent has, and end when it is gone, however it was ended (Linux)."""
    import ctypes

    outside.load()

    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def spread(
    function: Callable[[Item], Result], items: Sequence[Item], jobs: int
) -> Iterator[tuple[int, Result]]:
    """Yield the number and the result of each item, in the order in which they are finished.

    ``jobs`` are processes, 0 for one a core; with one, the work is done here. Both function and
    items must be such as can be sent to a process.
    """
    jobs = min(jobs or os.cpu_count() or 1, len(items))
    if jobs <= 1:
        yield from ((number, function(item)) for number, item in enumerate(items))
        return
    # Processes: emulators and solvers cannot share one, and a crash must not end the others.
    context = get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=_begin) as pool:
        try:
            pending: dict[Future[Result], int] = {
                pool.submit(function, item): number for number, item in enumerate(items)
            }
            while pending:
                done, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield pending.pop(future), future.result()
        except BaseException:
            # The pool forgets its processes when it is shut down, and would wait for their work.
            workers = list((pool._processes or {}).values())
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.terminate()
            raise
