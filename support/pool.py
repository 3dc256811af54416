# SPDX-License-Identifier: GPL-2.0-only
"""Work spread over processes: results as they come, and no worker left behind on Ctrl-C."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from importlib import import_module
from multiprocessing import forkserver, get_context, parent_process
from multiprocessing.queues import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from support import outside

Item = TypeVar("Item")
Result = TypeVar("Result")


_PR_SET_PDEATHSIG = 1
_INTERRUPTED = 130
LOOK = 0.1
"""Seconds after which somebody looks for what work has told."""


def end_with_parent() -> None:
    """End when the process that made this one is gone, however it was ended (Linux)."""
    import ctypes

    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_with(owner: Any) -> None:
    """End when the process is gone that this one works for: another one made it."""
    owner.join()
    os.kill(os.getpid(), signal.SIGKILL)


Told = Callable[[Any], None]
"""Called with what work tells before its result is there."""
_listener: Told | None = None
"""Hears what work in this process tells."""


def tell(message: object) -> None:
    """Tell whoever handed out this work something before it is done; lost if nobody listens."""
    if _listener is not None:
        _listener(message)


@contextmanager
def _heard_by(listener: Told | None) -> Iterator[None]:
    """Have a listener for what work tells that is done in this process."""
    global _listener
    usual, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = usual


class _Workers(ProcessPoolExecutor):
    """Processes for emulators and solvers, which cannot share one; a crash ends no other.

    What their work tells stands in a queue until somebody looks.
    """

    def __init__(self, jobs: int) -> None:
        global _worked
        _worked = True
        with _starting():
            # Each is a copy of one process, which has imported what work begins with (``soon``).
            context = get_context("forkserver")
            self._mail = context.SimpleQueue()
        given = self._mail, dict(os.environ)
        super().__init__(jobs, context, initializer=_begin, initargs=given)

    def hand_out(self, function: Callable[[Item], Result], item: Item) -> Future[Result]:
        """Have a function called with an item, by whoever has time."""
        with _starting():
            return self.submit(_at_work, function, item)

    def heard(self) -> Iterator[Any]:
        """Yield what was told since somebody looked."""
        while not self._mail.empty():
            yield self._mail.get()


def _begin(mail: SimpleQueue[Any], environment: dict[str, str]) -> None:
    """Have what the parent has, and end with it; what work tells goes to ``mail``."""
    global _listener
    os.environ.clear()
    os.environ.update(environment)
    outside.load()
    end_with_parent()
    Thread(target=_end_with, args=(parent_process(),), daemon=True).start()
    _listener = mail.put
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _leave(*_: object) -> None:
    """End without a word: Ctrl-C reaches those, too, who wait for work."""
    os._exit(_INTERRUPTED)


_SAFE = "PYTHONSAFEPATH"
"""Tells Python not to import from the folder that it is started in."""


@contextmanager
def _starting() -> Iterator[None]:
    """Let a process that starts within hear of Ctrl-C only when it can leave without a word.

    Nor does it import anything from the folder that it starts in: that may be a stranger's tree.
    """
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    usual = os.environ.get(_SAFE)
    os.environ[_SAFE] = "1"
    try:
        yield
    finally:
        if usual is None:
            del os.environ[_SAFE]
        else:
            os.environ[_SAFE] = usual
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)


_worked = False
"""Whether there were processes that did work."""


def _settled() -> None:
    """Wait for the process that the others are copies of: then the time they took is on record.

    Where there was no work, nobody waits for what it is about to import.
    """
    server: Any = forkserver._forkserver
    pid = server._forkserver_pid
    if pid is None:
        return
    try:
        if not _worked:
            os.kill(pid, signal.SIGKILL)
        server._stop()
    except OSError:
        return  # it is gone


atexit.register(_settled)


def _at_work(function: Callable[[Item], Result], item: Item) -> Result:
    """Call a function with an item, so that Ctrl-C interrupts it as anywhere else."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return function(item)
    finally:
        signal.signal(signal.SIGINT, usual)


class ClusterError(Exception):
    """A cluster is not there, or gave work up; the message says which."""


class _Cluster:
    """The workers of a Dask cluster; who does what, and again what was lost, is its scheduler's."""

    def __init__(self, address: str) -> None:
        # distributed: a scheduler that people have already, behind the interface of the library.
        try:
            import distributed
        except ModuleNotFoundError:
            raise ClusterError(
                "a cluster needs Dask's client: install slatcheck[cluster]"
            ) from None
        try:
            client: Any = distributed.Client
            self._client = client(address, timeout=CONNECTING, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as problem:
            raise ClusterError(f"there is no scheduler at {address}: {problem}") from None
        self._executor = self._client.get_executor(pure=False)

    def hand_out(self, function: Callable[..., Any], item: object) -> Future[Any]:
        """Have a function called with an item, by whoever has time. Raises ClusterError."""
        with _reached():
            found: Future[Any] = self._executor.submit(function, item)
        return found

    def ship(self, value: object) -> object:
        """Send a value once to whoever needs it; return what stands for it in an item.

        It is the result of work, which the scheduler has done again where all who had it died; of
        what is scattered there is nothing left then. Raises ClusterError.
        """
        with _reached():
            # Handing work out does not ask whether anybody is there.
            self._client.wait_for_workers(1, timeout=CONNECTING)
            return self._client.submit(_itself, value, pure=True)

    def heard(self) -> Iterator[Any]:
        """Yield nothing: what work tells does not cross machines."""
        return iter(())

    def close(self) -> None:
        """Take back what is not done, and leave the cluster as it was."""
        self._executor.shutdown(wait=False)
        self._client.close()


def _itself(value: object) -> object:
    return value


@contextmanager
def _reached() -> Iterator[None]:
    """Turn what it looks like when a scheduler is gone into ClusterError."""
    try:
        yield
    except Exception as problem:
        if isinstance(problem, OSError | TimeoutError) or _gave_up(problem):
            raise ClusterError(f"the scheduler is gone: {problem}") from None
        raise


def _gave_up(problem: Exception) -> bool:
    """Return whether a cluster gave work up: workers died of the same work, or all went."""
    # Of distributed, which need not be installed.
    return type(problem).__name__ in ("KilledWorker", "CancelledError", "CommClosedError")


CONNECTING = 10
"""Seconds that a scheduler may take to answer."""


_Processes = list[_Workers]
"""The processes that are shared, once there was work for them."""
_shared: ContextVar[tuple[int, _Processes] | None] = ContextVar("shared", default=None)
"""How many processes are shared, and those that run; None where each has its own."""
_cluster: ContextVar[_Cluster | None] = ContextVar("cluster", default=None)
"""The cluster that does all work, None where this machine does."""


@contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """Let what is spread within be done by a Dask cluster, by its scheduler's address.

    Without an address nothing changes. Raises ClusterError where nobody answers, or the cluster
    gives work up.
    """
    if address is None:
        yield
        return
    workers = _Cluster(address)
    token = _cluster.set(workers)
    try:
        yield
    finally:
        _cluster.reset(token)
        workers.close()


def ship(value: object) -> object:
    """Return what stands for a large value in many items; who does the work is given the value.

    Raises ClusterError where a cluster cannot be given it.
    """
    workers = _cluster.get()
    return value if workers is None else workers.ship(value)


@contextmanager
def shared(jobs: int) -> Iterator[None]:
    """Let all work within be done by the same processes, which start when there is some.

    ``jobs`` are processes, 0 for one a core; with one, all is done here. Within another
    ``shared`` nothing changes.
    """
    jobs = _number(jobs)
    if _shared.get() is not None or jobs == 1:
        yield
        return
    started: _Processes = []
    token = _shared.set((jobs, started))
    try:
        yield
    finally:
        _shared.reset(token)
        for pool in started:
            pool.shutdown(cancel_futures=True)


def _number(jobs: int) -> int:
    return jobs or os.cpu_count() or 1


def _of_all(jobs: int, started: _Processes) -> _Workers:
    if not started:
        started.append(_Workers(jobs))
    return started[0]


@contextmanager
def _processes(jobs: int) -> Iterator[_Workers | _Cluster]:
    """Give the cluster, the shared processes, or some of its own; leave none where work is cut."""
    far = _cluster.get()
    if far is not None:
        yield far
        return
    ours = _shared.get()
    pool = _of_all(*ours) if ours else _Workers(jobs)
    try:
        yield pool
    except BaseException:
        # The pool forgets its processes when it is shut down, and would wait for their work.
        workers = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.terminate()
        if ours:
            ours[1].clear()
        raise
    if not ours:
        pool.shutdown()


def _unknown(_: object) -> None:
    return None


def begin(
    function: Callable[[Item], Result],
    item: Item,
    known: Callable[[Item], Result | None] = _unknown,
) -> Callable[[], Result]:
    """Return what gives the result of one item, which shared processes do in the meantime.

    Without any it is done when it is asked for. ``known`` is as for ``spread``.
    """
    already = known(item)
    if already is not None:
        return lambda: already
    ours = _shared.get()
    if ours is None:
        return partial(function, item)
    future = _of_all(*ours).hand_out(function, item)

    def result() -> Result:
        with _processes(ours[0]):
            return future.result()

    return result


def soon(*modules: str) -> None:
    """Have modules imported that work begins with, before there is any, and where nobody waits.

    Shared processes that start later have them. What cannot be imported is left to them.
    """
    with _starting():
        forkserver.set_forkserver_preload(list(modules))
        forkserver.ensure_running()


def ready(*modules: str) -> None:
    """Start the shared processes, with modules imported, before there is work for them."""
    ours = _shared.get()
    if ours is not None:
        for _ in range(ours[0]):
            _of_all(*ours).hand_out(_imported, modules)


def _imported(modules: tuple[str, ...]) -> None:
    for name in modules:
        import_module(name)


def spread(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int,
    known: Callable[[Item], Result | None] = _unknown,
    told: Told | None = None,
) -> Generator[tuple[int, Result], None, None]:
    """Yield the number and the result of each item, in the order in which they are finished.

    ``jobs`` are processes, 0 for one a core; with one, the work is done here. Both function and
    items must be such as can be sent to a process. What is ``known`` of an item, where that is not
    None, is its result, and looked up here before anything else is done. ``told`` is called, here,
    with each message of the work (``tell``), soon after it was sent.
    """
    open_ = []
    for number, item in enumerate(items):
        result = known(item)
        if result is None:
            open_.append(number)
        else:
            yield number, result
    jobs = min(_number(jobs), len(open_))
    if not open_ or (jobs <= 1 and _cluster.get() is None):
        for number in open_:
            with _heard_by(told):
                result = function(items[number])
            yield number, result
        return
    with _processes(jobs) as pool:
        pending = {pool.hand_out(function, items[number]): number for number in open_}
        while pending:
            # Also where nobody listens: work must not wait for room for its messages.
            done, _ = wait(pending, LOOK, return_when=FIRST_COMPLETED)
            for message in pool.heard():
                if told:
                    told(message)
            for future in done:
                yield pending.pop(future), _result(future)


def _result(future: Future[Result]) -> Result:
    """Return what came of work. Raises ClusterError where a cluster gave it up."""
    try:
        return future.result()
    except Exception as problem:
        if _gave_up(problem) and _cluster.get() is not None:
            raise ClusterError(f"the cluster gave up a piece of work: {problem}") from None
        raise
