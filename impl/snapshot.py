# SPDX-License-Identifier: GPL-2.0-only
"""The table as a tree at one moment, read out of an implementation's memory within bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Protocol

from impl.interface import Capabilities, Outcome
from model.entry import ORDER_SHIFT
from model.layout import Layout
from model.operations import Op

MAX_TABLES = 512
"""Tables that a walk visits at most."""
MAX_ENTRIES = 1 << 17
"""Entries that a walk notes at most, all leaf tables together."""
MAX_LINKS = 1 << 10
"""Runs of slots that are noted of one directory at most."""

UNSET = -1
"""Stands for a slot that nobody has written since its page was handed out."""


class State(Enum):
    """What is at an address that a directory's slot holds."""

    LIVE = "a page that is handed out"
    FREED = "a freed page"
    EMPTY = "a shared empty table"
    NOTHING = "no page"


class SlotState(Enum):
    """What a run of a directory's slots holds; a slot that is empty belongs to no run."""

    TABLE = "links a table"
    AGAIN = "links a table that is linked elsewhere too"
    FREED = "links a freed page"
    OTHER_EMPTY = "holds the empty marker of another level"
    NOWHERE = "holds what is neither empty nor a table"
    UNSET = "was never set"


class Link(NamedTuple):
    """The slots ``first..last`` (inclusive) of a directory hold ``target``, or the like of it."""

    first: int
    last: int
    slot: SlotState
    target: int


@dataclass(frozen=True)
class Table:
    """One table that the root reaches.

    ``level`` counts from the root, 0; ``base`` is the first address (bytes of GPA) that it covers;
    ``slot`` the index in its parent that links it. ``links`` are the used slots of a directory,
    ascending; ``entries`` are the leaves by index: what is not 0 in a leaf table, and what stands
    for many frames in a directory.
    """

    level: int
    address: int
    base: int
    parent: int = 0
    slot: int = 0
    links: tuple[Link, ...] = ()
    entries: dict[int, int] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Snapshot:
    """What the root reaches, level by level, and what lies beside it.

    ``root`` is the root's address, 0 where there is none; a root that was freed has no tables.
    ``loose`` are blocks that are handed out and that the root does not reach, ``freed`` blocks
    that went back. ``limits`` says where the walk did not go on: such a picture is not whole.
    """

    root: int
    tables: tuple[Table, ...]
    loose: tuple[int, ...] = ()
    freed: tuple[int, ...] = ()
    limits: tuple[str, ...] = ()

    def leaves(self, layout: Layout) -> dict[int, int]:
        """Return the raw entries that are present, by their first guest frame."""
        found = {}
        for table in self.tables:
            order = layout.tables[table.level].shift - layout.page_shift
            first = table.base >> layout.page_shift
            for index, raw in table.entries.items():
                if raw & layout.entry.present:
                    found[first + (index << order)] = raw | order << ORDER_SHIFT
        return found


class WalkedMemory(Protocol):
    """What a walk needs to know of an implementation's memory."""

    layout: Layout

    def root(self) -> int:
        """Return the root's address, 0 where there is none."""
        ...

    def state(self, address: int) -> State:
        """Return what begins at ``address``."""
        ...

    def slots(self, level: int, address: int) -> Iterable[tuple[int, int]]:
        """Yield (index, value), ascending, of the slots of a table that are not empty.

        The empty slots of a directory are those that hold its level's empty marker, those of a
        leaf table hold 0. A slot that was never written has the value UNSET.
        """
        ...

    def target(self, value: int) -> int | None:
        """Return the address that a directory's slot leads to, None where it is a leaf."""
        ...

    def live(self) -> Iterable[int]:
        """Yield the address of each block of pages that is handed out."""
        ...

    def freed(self) -> Iterable[int]:
        """Yield the address of each block of pages that was given back."""
        ...


class Step(NamedTuple):
    """One operation carried out, and the table after it.

    ``snapshot`` is None where the machine that held the table did not survive the operation.
    ``lines`` are the (function, file:line) of the code that ran, as far as that can be told.
    ``stopped`` says that a fatal event ended the operation: the table is as it stood then.
    """

    outcome: Outcome
    snapshot: Snapshot | None
    lines: tuple[tuple[str, str], ...]
    stopped: bool


class Stepper(Protocol):
    """An implementation that shows its table after each operation."""

    name: str
    layout: Layout
    capabilities: Capabilities

    def steps(self, ops: Sequence[Op]) -> Iterator[Step]:
        """Carry out ``ops`` one at a time, as ``Implementation.run`` would all at once.

        Ends after an operation that stopped, and after a CREATE that failed.
        """
        ...


def take(memory: WalkedMemory) -> Snapshot:
    """Read the table level by level. Every table is entered at most once, so it always ends."""
    root = memory.root()
    limits: list[str] = []
    tables: list[Table] = []
    if root and memory.state(root) is State.LIVE:
        tables = _walk(memory, root, limits)
    elif root and memory.state(root) is not State.FREED:
        limits.append(f"the root points to {memory.state(root).value}")
    reached = {table.address for table in tables}
    loose = tuple(sorted(set(memory.live()) - reached))
    said = tuple(dict.fromkeys(limits))
    return Snapshot(root, tuple(tables), loose, tuple(sorted(memory.freed())), said)


def _walk(memory: WalkedMemory, root: int, limits: list[str]) -> list[Table]:
    layout = memory.layout
    seen = {root}
    done: list[Table] = []
    level = [Table(0, root, 0)]
    left = MAX_ENTRIES
    while level:
        below: list[Table] = []
        for table in level:
            if len(done) >= MAX_TABLES:
                limits.append(f"more than {MAX_TABLES} tables: the rest is not shown")
                return done
            if table.level == layout.levels - 1:
                entries = _entries(memory, table, left, limits)
                left -= len(entries)
                done.append(Table(table.level, table.address, table.base, table.parent, table.slot,
                                  entries=entries))  # fmt: skip
                continue
            links, children, entries = _links(memory, table, seen, limits)
            left -= len(entries)
            done.append(Table(table.level, table.address, table.base, table.parent, table.slot,
                              links, entries))  # fmt: skip
            below += children
        level = below
    return done


def _entries(memory: WalkedMemory, table: Table, left: int, limits: list[str]) -> dict[int, int]:
    found: dict[int, int] = {}
    for index, raw in memory.slots(table.level, table.address):
        if len(found) >= left:
            limits.append(f"more than {MAX_ENTRIES} entries: the rest is not shown")
            break
        if raw != UNSET:
            found[index] = raw
    return found


def _links(
    memory: WalkedMemory, table: Table, seen: set[int], limits: list[str]
) -> tuple[tuple[Link, ...], list[Table], dict[int, int]]:
    layout = memory.layout
    span = layout.tables[table.level].span
    links: list[Link] = []
    children: list[Table] = []
    leaves: dict[int, int] = {}
    for index, raw in memory.slots(table.level, table.address):
        value = raw if raw == UNSET else memory.target(raw)
        if value is None:
            leaves[index] = raw
            continue
        slot = _classify(memory, value, seen)
        if slot is SlotState.TABLE:
            seen.add(value)
            base = table.base + index * span
            children.append(Table(table.level + 1, value, base, table.address, index))
        last = links[-1] if links else None
        if last and last.slot is slot and last.last + 1 == index and slot is not SlotState.TABLE:
            links[-1] = last._replace(last=index)
        elif len(links) >= MAX_LINKS:
            limits.append(f"more than {MAX_LINKS} runs of slots in one table: the rest is left out")
            break
        else:
            links.append(Link(index, index, slot, value))
    return tuple(links), children, leaves


def _classify(memory: WalkedMemory, value: int, seen: set[int]) -> SlotState:
    if value == UNSET:
        return SlotState.UNSET
    if value in seen:
        return SlotState.AGAIN
    return {
        State.LIVE: SlotState.TABLE,
        State.FREED: SlotState.FREED,
        State.EMPTY: SlotState.OTHER_EMPTY,
        State.NOTHING: SlotState.NOWHERE,
    }[memory.state(value)]
