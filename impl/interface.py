# SPDX-License-Identifier: GPL-2.0-only
"""The interface every implementation stands behind: a whole sequence in, outcomes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from model.layout import Layout
from model.operations import Kind, Op


class Event(NamedTuple):
    """Something an implementation was caught doing, already named by its rule.

    ``subject`` says what kind of object is concerned ('pgd', 'pte table', 'memory cache', ..);
    it tells findings of one rule and entry point apart, so it must not depend on seeds or
    addresses. ``fatal`` ends the sequence. ``function`` and ``where`` (file:line) name the
    code; both are '' where unknown.
    """

    rule: str
    subject: str
    detail: str
    fatal: bool
    address: int = 0
    function: str = ""
    where: str = ""


class Outcome(NamedTuple):
    """What one operation showed.

    ``result`` is the value returned: 0 or a negative errno for create and the faults, the raw
    entry for lookup, 0 or 1 for the others, 0 for operations without a result. ``changes``
    maps each guest frame whose raw entry is not what it was before the operation to the new
    raw value, 0 where it vanished or is not present. ``dirty`` are the frames reported to
    mark_page_dirty, in order. ``tables`` counts live tables below the root, ``taken`` and
    ``freed`` the pages handed out and given back since create, ``held`` those in hand now.
    """

    result: int
    changes: dict[int, int]
    dirty: tuple[int, ...] = ()
    tables: int = 0
    taken: int = 0
    freed: int = 0
    held: int = 0
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Run:
    """The outcomes of a sequence, one for each operation until a fatal event ended it.

    ``stop`` is the index of the operation at which a fatal event (last outcome's events) ended
    the run, or None where every operation was carried out.
    """

    outcomes: list[Outcome]
    stop: int | None = None


@dataclass(frozen=True)
class Capabilities:
    """What an implementation can represent.

    ``kinds`` are the operations it has; ``pages`` whether it accounts for pages; ``missing`` gives
    a reason for each operation that it ought to have and has not.
    """

    kinds: frozenset[Kind]
    pages: bool = True
    missing: dict[Kind, str] = field(default_factory=dict)


class Implementation(Protocol):
    """One implementation of the map for one layout."""

    name: str
    layout: Layout
    capabilities: Capabilities

    def run(self, ops: Sequence[Op]) -> Run:
        """Carry out ``ops`` from nothing: the first is CREATE, DESTROY may only be the last.

        A CREATE that fails ends the run after its outcome. Never raises for what the code under
        test does: that is an event.
        """
        ...
