# SPDX-License-Identifier: GPL-2.0-only
"""The catalogue of promises: stable names, severities, statements, and where each can break."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from model.operations import (
    ADDRESSED,
    BYTES,
    FAULTS,
    HALF_OPEN,
    INCLUSIVE,
    INSTALLING,
    REMOVING,
    SLOT,
    Kind,
)


class Severity(Enum):
    """``UNSAFE``: memory safety, stale mapping, leak or hang. ``IMPRECISE``: only more work."""

    UNSAFE = "unsafe"
    IMPRECISE = "imprecise"


EVERY = frozenset(Kind)
RANGES = INCLUSIVE | HALF_OPEN | SLOT | BYTES | {Kind.LOG_DIRTY_MASKED, Kind.FLUSH_ALL}
WRITING = RANGES | FAULTS | INSTALLING | {Kind.SPLIT}
ALLOCATING = INSTALLING | {Kind.SPLIT}


@dataclass(frozen=True)
class Rule:
    """One promise. ``kinds`` are the operations that can break it.

    Findings of one entry point are told apart by the class of the operands, those of events by
    what kind of object is concerned, unless the rule is about ``memory_safety`` or ``by_operands``.
    """

    name: str
    severity: Severity
    statement: str
    explanation: str
    kinds: frozenset[Kind]
    memory_safety: bool = False
    by_operands: bool = False


_U, _I = Severity.UNSAFE, Severity.IMPRECISE

RULES: tuple[Rule, ...] = (
    Rule(
        "geometry",
        _I,
        "The tree's headers evaluate to the geometry and entry format of the model.",
        "The compiler evaluates shifts, entry counts, sizes and the bits of an entry from the "
        "tree's own headers; any difference from the model's formulas is shown, because every "
        "other verdict rests on them.",
        frozenset({Kind.CREATE}),
    ),
    Rule(
        "bad-access",
        _U,
        "Every load and store is to an object that is alive.",
        "A pointer was followed that leads to no page handed out, no static table and no local.",
        EVERY,
        memory_safety=True,
    ),
    Rule(
        "out-of-bounds",
        _U,
        "No access goes past the end of a block, and the empty tables are never written.",
        "The access fell into the gap after a block, or stored into a shared invalid table.",
        EVERY,
        memory_safety=True,
    ),
    Rule(
        "use-after-free",
        _U,
        "A table is unlinked before it is freed, and never used afterwards.",
        "The access was to a freed page, or a table was freed while a directory still held it.",
        EVERY,
        memory_safety=True,
    ),
    Rule(
        "double-free",
        _U,
        "Every page is freed at most once.",
        "A page that had already gone back to the allocator was given back again.",
        EVERY,
        memory_safety=True,
    ),
    Rule(
        "wild-free",
        _U,
        "Only blocks that were handed out are freed, from their first page, at most whole.",
        "The address or the order given to the allocator is not one that it handed out.",
        EVERY,
        memory_safety=True,
    ),
    Rule(
        "uninitialised",
        _U,
        "Every slot of a table holds the empty marker of the level below before it is linked.",
        "Memory was read, or a table was linked, before it had been written, or a slot holds "
        "something that is neither empty nor a table.",
        EVERY,
        memory_safety=True,
    ),
    Rule(
        "runaway",
        _U,
        "Every operation ends.",
        "The operation took more accesses than any table could need, or waits for a lock that "
        "it holds itself.",
        EVERY,
        memory_safety=True,
    ),
    Rule(
        "kernel-bug",
        _U,
        "No BUG() is reached.",
        "A BUG(), BUG_ON() or panic() of the tree was reached by operands within the contract.",
        EVERY,
        memory_safety=True,
    ),
    Rule(
        "aliasing",
        _U,
        "An address at or beyond the reach never stands for one within it.",
        "The operand lies at or beyond the reach, or was truncated on the way in, and the table "
        "acted on another guest frame instead of refusing.",
        ADDRESSED | RANGES,
    ),
    Rule(
        "stale-mapping",
        _U,
        "A range operation reaches every entry of its range.",
        "An entry that had to vanish, to become clean or to become old is as it was.",
        RANGES | {Kind.SPLIT},
    ),
    Rule(
        "wrong-entry",
        _U,
        "An entry read back holds the frame and the permissions put in.",
        "The entry's frame, permissions, state or hardware bits are not what the operation had "
        "to leave.",
        WRITING,
    ),
    Rule(
        "lost-invalidation",
        _U,
        "An invalidation between the look-up of a frame and the lock is never lost.",
        "The entry holds the frame from before the invalidation: the retry did not happen.",
        frozenset({Kind.FAULT}),
    ),
    Rule(
        "collateral-change",
        _I,
        "A range operation changes nothing outside its range.",
        "Entries outside the range were dropped, aged or cleaned. The guest faults again; it "
        "never sees a wrong page.",
        RANGES | {Kind.MAP, Kind.SPLIT},
    ),
    Rule(
        "unflushed",
        _U,
        "What the guest may have cached of an entry that was taken away is flushed in time.",
        "A leaf was removed, replaced or lost a permission, or a table was given back, and no TLB "
        "flush of the right VM, address and size covers it, nor does the answer ask for one. A "
        "flush of a truncated address does not count.",
        EVERY - {Kind.CREATE, Kind.LOOKUP, Kind.TEST_AGE, Kind.DESTROY},
        by_operands=True,
    ),
    Rule(
        "wrong-result",
        _U,
        "The value returned is what the operation documents.",
        "The returned value says something that is not so. A spurious 'changed' is imprecise.",
        EVERY - {Kind.DESTROY},
    ),
    Rule(
        "unsafe-to-remove",
        _U,
        "'Safe to remove' means that no table below the root is left; a whole flush answers it.",
        "The flush answered true while tables were linked, or false after the whole range.",
        frozenset({Kind.FLUSH}),
    ),
    Rule(
        "dirty-unreported",
        _U,
        "An entry that becomes dirty is reported to mark_page_dirty, under mmu_lock.",
        "Live migration relies on it: an unreported page is not copied.",
        FAULTS,
    ),
    Rule(
        "leak",
        _U,
        "At destroy nothing of any kind is left: every page went back, with its order.",
        "Pages were never given back, or only a part of their block was, or a directory was freed "
        "while it still linked tables.",
        REMOVING | {Kind.CREATE, Kind.DESTROY},
    ),
    Rule(
        "accounting",
        _I,
        "What is counted is balanced: constructors, destructors, references, locks.",
        "A constructor ran without its destructor or the reverse, a page reference, the lock or "
        "an srcu section was not given back.",
        EVERY,
    ),
    Rule(
        "cache-exhausted",
        _U,
        "A fault never takes a page from an empty cache.",
        "The cache minimum is smaller than the tables one fault can need.",
        ALLOCATING,
    ),
    Rule(
        "oom-not-atomic",
        _U,
        "A fault that fails leaves no table linked and no other entry changed.",
        "The operation answered with an error and yet linked a table or changed an entry.",
        ALLOCATING - {Kind.IOREMAP, Kind.PREPARE_REGION},
    ),
    Rule(
        "kernel-warning",
        _U,
        "No WARN is reached.",
        "A WARN_ON() of the tree fired for operands within the contract.",
        EVERY,
    ),
    Rule(
        "unlocked-access",
        _U,
        "Linked tables are read and written under mmu_lock only.",
        "The function documents that its caller holds mmu_lock; this path does not.",
        EVERY - {Kind.CREATE, Kind.DESTROY},
    ),
)

_BY_NAME = {rule.name: rule for rule in RULES}


def rule(name: str) -> Rule:
    """Return the rule called ``name``. Raises KeyError where there is none."""
    return _BY_NAME[name]


def rules_of(kind: Kind) -> list[Rule]:
    """Return the rules that an operation of ``kind`` can break, in catalogue order."""
    return [promise for promise in RULES if kind in promise.kinds]
