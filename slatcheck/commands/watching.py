# SPDX-License-Identifier: GPL-2.0-only
"""A command's work done again whenever a source file of a kernel tree changes, until Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from slatcheck.commands import WORK
from slatcheck.commands.delivery import INTERRUPTED, REFUSALS, refused, say, tidy_up
from slatcheck.errors import InputError
from support.lazy import lazily

with lazily():
    # watchfiles: the system's own notice of changes on every platform; it knows editors' habits.
    import watchfiles

    from impl.kernel import ports
    from support import pool

if TYPE_CHECKING:
    from impl.kernel.tree import Files

SETTLED = 50
"""Milliseconds without a change after which an editor has written what it had to write."""
_LOOK = 200
"""Milliseconds after which the watch looks whether it was called off."""
_SUFFIXES = (".c", ".h", ".S")


def again(work: Callable[[], int], kernel: Path, jobs: int) -> int:
    """Do some work on a tree now and after every change; return its last exit status at Ctrl-C.

    What comes to be wrong with the tree is said, and waited for to be put right. The processes
    that do the work stay, ``jobs`` of them (0: one a core), so that nobody waits for them to start.
    Raises what ``work`` does the first time, TreeError where there is no tree to begin with, and
    InputError where it cannot be watched.
    """
    with pool.shared(jobs):
        changes = _changes(kernel)
        next(changes)
        status = work()
        while status != INTERRUPTED:
            try:
                pool.ready(*WORK)
                tidy_up()
                say(f"waiting for a change in {kernel}; Ctrl-C ends with status {status}")
                next(changes)
            except KeyboardInterrupt:
                break
            status = _status(work)
        return status


def _status(work: Callable[[], int]) -> int:
    """Return the status of some work; what a tree has that is half edited does not end a watch."""
    try:
        return work()
    except REFUSALS as problem:
        return refused(problem)


def folders(root: Path, read: list[Files]) -> list[Path]:
    """Return the folders of a tree in which something lies that is read, none within another."""
    names = {Path(name) for files in read for name in files.headers}
    names |= {Path(name).parent for files in read for name in files.sources}
    there = sorted(root / name for name in names if (root / name).is_dir())
    return [path for path in there if not any(path.is_relative_to(o) for o in there if o != path)]


def _changes(kernel: Path) -> Iterator[None]:
    """Yield once the tree is watched, and then after changes since this was last waited for.

    Raises TreeError where there is no tree, InputError where it cannot be watched.
    """
    trees = list(ports.trees_in(kernel).values())
    seen = watchfiles.DefaultFilter()
    watched = folders(trees[0].root, [tree.files for tree in trees])
    try:
        stream = watchfiles.watch(
            *watched,
            watch_filter=lambda change, path: seen(change, path) and is_source(path),
            debounce=10 * SETTLED,
            step=SETTLED,
            rust_timeout=_LOOK,
            yield_on_timeout=True,
        )
        # The first look is over when the watch has begun; what changes from then on is seen.
        next(stream)
        yield
        for changed in stream:
            if changed:
                yield
    except OSError as problem:
        raise InputError(f"cannot watch {kernel}: {problem.strerror or problem}") from None


def is_source(path: str) -> bool:
    """Return whether a file of this name may be read: neither an object nor an editor's own."""
    name = Path(path).name
    return name.endswith(_SUFFIXES) or name.startswith("Kconfig")
