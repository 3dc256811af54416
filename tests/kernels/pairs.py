# SPDX-License-Identifier: GPL-2.0-only
"""Pairs of independent bugs to plant into one tree: what each shows must not be one cause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from impl.interface import Implementation
from impl.kernel.errors import ToolLimitError
from impl.kernel.ports.mips.files import MIPS
from model.operations import ADDRESSED, Answer, Kind, Op
from model.ports import layout
from slatcheck.document.causes import causes_of
from slatcheck.document.result import Cause, Finding
from slatcheck.judge.findings import merge
from slatcheck.search.below import request
from slatcheck.search.campaign import Campaign, Search
from slatcheck.search.unit import Report, Unit, kernel_implementation
from tests.kernels.test_planted import BUGS, Bug
from tests.proofs.c.edits import Edit, edited

_UNMAP, _AGE = "kvm_unmap_gfn_range", "kvm_age_gfn"
_SLOT, _COMMIT = "kvm_arch_flush_shadow_memslot", "kvm_arch_commit_memory_region"
_ALL, _MASKED = "kvm_arch_flush_shadow_all", "kvm_arch_mmu_enable_log_dirty_pt_masked"
_FLUSH = "kvm_mips_flush_gpa_pt(kvm, range->start, range->end);"

#: Bugs of a caller, of the same rules as bugs of what it calls.
CALLERS = (
    Bug("unmap does nothing", "stale-mapping", _UNMAP, _FLUSH, ""),
    Bug("unmap begins late", "stale-mapping", _UNMAP, "range->start", "range->start + 1"),
    Bug("age begins late", "stale-mapping", _AGE, "range->start", "range->start + 1"),
    Bug("slot ends early", "stale-mapping", _SLOT, "npages - 1", "npages - 2", file=MIPS),
    Bug("slot begins early", "collateral-change", _SLOT, "slot->base_gfn,", "0,", file=MIPS),
    Bug("logging ends early", "stale-mapping", _COMMIT, "npages - 1", "npages - 2", file=MIPS),
    Bug("logging goes too far", "collateral-change", _COMMIT, "npages - 1", "npages", file=MIPS),
    Bug("all but the first", "stale-mapping", _ALL, "0, ~0", "1, ~0", file=MIPS),
    Bug("mask begins late", "stale-mapping", _MASKED, "__ffs(mask)", "__ffs(mask) + 1"),
)  # fmt: skip

_BY_NAME = {bug.name: bug for bug in (*BUGS, *CALLERS)}

_OF_ONE_RULE = (
    ("flush pte loop", "range pte loop"),
    ("shift too far", "mkold shift too far"),
    ("flush pte loop", "slot ends early"),
    ("unmap begins late", "slot ends early"),
    ("unmap begins late", "age begins late"),
    ("all but the first", "slot ends early"),
    ("logging ends early", "mask begins late"),
    ("slot one page longer", "logging goes too far"),
    ("slot one page longer", "flush pmd end unset"),
    ("dirty untold, slow", "dirty untold, fast"),
    ("fast path unlocked", "slot flushed unlocked"),
    ("pte table kept", "pmd table kept"),
    ("pte table kept", "cache never freed"),
    ("change not told", "young turned round"),
)
_IN_ONE_FUNCTION = (
    ("page kept on success", "srcu kept"),
    ("dirty untold, slow", "write permission lost"),
    ("dirty untold, fast", "fast path unlocked"),
    ("slot one page longer", "slot flushed unlocked"),
    ("destroy flushes less", "wrong order"),
)
_ON_A_BROKEN_TABLE = (
    ("pgd init short", "no cache needed"),
    ("pgd init short", "fast path unlocked"),
    ("pgd init short", "one entry too many"),
)

#: Of these, one bug hides the other in part, or they say what others say.
_AS_WELL = (
    ("flush pmd loop", "range pmd loop"),
    ("flush pmd start kept", "range pmd start kept"),
    ("flush pte loop", "unmap does nothing"),
    ("flush pmd loop", "unmap begins late"),
    ("pte table kept", "flush pmd loop"),
    ("pte table twice", "flush pmd end unset"),
    ("no cache needed", "new table uncleared"),
    ("slot begins early", "logging goes too far"),
    ("page kept on retry", "no retry"),
)


def _planted(pairs: Sequence[tuple[str, str]]) -> tuple[tuple[Bug, Bug], ...]:
    return tuple((_BY_NAME[first], _BY_NAME[second]) for first, second in pairs)


FEW = _planted((*_OF_ONE_RULE, *_IN_ONE_FUNCTION, *_ON_A_BROKEN_TABLE))
"""The pairs that are planted whenever the tests run."""
MORE = _planted(_AS_WELL)
"""Those that take longer than they tell."""

LAYOUT = "mips64-4k"
BUDGET = 400
"""Operations drawn at random after the scenes: few, as the scenes have every kind of operands."""


class Staged(Search):
    """A search that begins with every operation on a table with pages at its edges."""

    def __init__(self, implementation: Implementation) -> None:
        super().__init__(implementation, 0, LAYOUT, shrinking=False)
        self._scene = Stage(implementation)

    def _directed(self, campaign: Campaign) -> None:
        super()._directed(campaign)
        for ops in self._scene.sequences():
            self._try(campaign, ops)

    def _try(self, campaign: Campaign, ops: list[Op]) -> None:
        # A bug that is seen at every access fills what the runner has for events: try another.
        with suppress(ToolLimitError):
            super()._try(campaign, ops)


class Stage:
    """Short sequences in which most that can be wrong with one operation shows."""

    def __init__(self, implementation: Implementation) -> None:
        self._layout = implementation.layout
        self._kinds = implementation.capabilities.kinds
        leaf, top = self._layout.leaf.entries, self._layout.top
        self._frames = [0, 1, 2, leaf - 1, leaf, leaf + 1, top - 1, top]

    def sequences(self) -> Iterator[list[Op]]:
        """Yield them, those with a single operation on the table first."""
        leaf, top = self._layout.leaf.entries, self._layout.top
        for frame in (1, leaf, top):
            yield from self._each([self._page(frame, True)])
        for write in (True, False):
            yield from self._each([self._page(frame, write) for frame in self._frames])
        yield from self._faults()

    def _each(self, pages: Sequence[Op]) -> Iterator[list[Op]]:
        for op in self._operations():
            if op.kind in self._kinds:
                yield [Op(Kind.CREATE), *pages, op, Op(Kind.DESTROY)]

    def _page(self, frame: int, write: bool) -> Op:
        return Op(
            Kind.FAULT,
            frame << self._layout.page_shift,
            pfn=5 + frame % 7,
            write=write,
            writable=True,
        )

    def _operations(self) -> Iterator[Op]:
        leaf, top = self._layout.leaf.entries, self._layout.top
        ranges = [(0, 1), (0, 2), (1, 1), (1, leaf), (0, leaf), (leaf, 1), (leaf - 1, 3), (top, 1)]
        for kind in Kind:
            if kind in (Kind.FLUSH_ALL, Kind.DESTROY):
                yield Op(kind)
            elif kind in ADDRESSED:
                yield Op(kind, 0, pfn=5)
            elif kind is not Kind.CREATE:
                mask = kind is Kind.LOG_DIRTY_MASKED
                pages = 1 if kind is Kind.TEST_AGE else self._layout.bits if mask else top
                yield from (
                    request(self._layout, kind, first, min(size, pages)) for first, size in ranges
                )
        yield from (Op(kind, 0, top) for kind in (Kind.FLUSH, Kind.MKCLEAN, Kind.MKOLD))

    def _faults(self) -> Iterator[list[Op]]:
        page = Op(Kind.FAULT, 0, pfn=5, writable=True)
        faults = [page._replace(write=True), page, page._replace(retries=1)]
        faults += [page._replace(answer=answer) for answer in Answer]
        faults += [page._replace(oom=number) for number in (1, 2)]
        fast = Op(Kind.FAULT_FAST, 0)
        changes = [Op(kind, 0, 1) for kind in (Kind.MKOLD, Kind.MKCLEAN, Kind.FLUSH)]
        yield from ([Op(Kind.CREATE), first, Op(Kind.DESTROY)] for first in faults)
        for first in faults[:2]:
            for change in changes:
                for then in (*faults, fast, fast._replace(write=True)):
                    yield [Op(Kind.CREATE), first, change, then, Op(Kind.DESTROY)]


@cache
def searched(tree: Path) -> tuple[Finding, ...]:
    """Return what a tree shows on the layout."""
    report = Report(Unit(LAYOUT, True, tree, None, (), 0, BUDGET), "kernel")
    report.campaign = Staged(kernel_implementation(report.unit, report)).run(BUDGET)
    return tuple(merge([report], 0))


def plant(tree: Path, bugs: Sequence[Bug], folder: Path) -> Path:
    """Return a copy of a tree with several bugs in it."""
    edits = [Edit(bug.name, bug.where, bug.old, bug.new, bug.nth, bug.file) for bug in bugs]
    return edited(tree, edits, folder)


def causes(found: Sequence[Finding]) -> tuple[Cause, ...]:
    """Return the causes of what a tree shows."""
    return causes_of(found, (layout(LAYOUT),))
