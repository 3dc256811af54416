# SPDX-License-Identifier: GPL-2.0-only
"""The array that the page table replaced: ``guest_pmap``, one word for each guest frame."""

from __future__ import annotations

from collections.abc import Sequence

from impl.interface import Capabilities, Event, Outcome, Run
from model.entry import Entry
from model.layout import Layout
from model.operations import EFAULT, ENOMEM, Answer, Kind, Op
from model.ports import entry_point

KVM_INVALID_PAGE = 0xDEADBEEF
"""The word that marks a frame as not mapped; a PFN of this value cannot be told from it."""

_KINDS = frozenset({Kind.CREATE, Kind.FAULT, Kind.LOOKUP, Kind.DESTROY})
_ABSENT = "the array has no such operation: an entry stays until the VM is destroyed"


class Linear:
    """The array for a VM whose slot 0 has ``npages`` pages when it is first committed.

    A word is a PFN, as an ``unsigned long``; there are no flags, so ``changes`` and lookup give
    the raw entry of a page that is writable, young and dirty, of which only the PFN counts.
    There is no notifier: ``retries`` of a fault are ignored. A mapped frame keeps its first PFN.
    """

    name = "linear"

    def __init__(self, layout: Layout, npages: int) -> None:
        self.layout = layout
        self.npages = npages
        missing = dict.fromkeys(set(Kind) - _KINDS, _ABSENT)
        self.capabilities = Capabilities(_KINDS, pages=False, missing=missing)

    def run(self, ops: Sequence[Op]) -> Run:
        """Carry out ``ops``: the first is CREATE, DESTROY may only be the last."""
        array = _Array(self.layout, self.npages)
        outcomes: list[Outcome] = []
        for op in ops:
            if op.kind not in _KINDS:
                raise ValueError(f"the array has no operation '{op.kind.name.lower()}'")
            outcomes.append(array.apply(op))
            if op.kind is Kind.CREATE and outcomes[-1].result != 0:
                break
        return Run(outcomes)


def map_word(word: int, inside: bool, op: Op) -> tuple[int, int]:
    """Return the result of a fault and the word of its frame, not truncated, afterwards.

    ``word`` is what the array holds, ``inside`` whether the frame lies within the array.
    """
    if not inside:
        return -EFAULT, word
    if word != KVM_INVALID_PAGE:
        return 0, word
    if op.answer is not Answer.PAGE:
        return -EFAULT, word
    return 0, op.pfn


class _Array:
    """``guest_pmap`` of one VM; frames that hold the invalid marker are not stored."""

    def __init__(self, layout: Layout, npages: int) -> None:
        self.layout = layout
        self.npages = npages
        self.words: dict[int, int] = {}
        self.references = 0

    def apply(self, op: Op) -> Outcome:
        """Carry out one operation."""
        if op.kind is Kind.CREATE:
            return Outcome(-ENOMEM if op.oom == 1 else 0, {})
        if op.kind is Kind.DESTROY:
            return self.free()
        gfn = op.first >> self.layout.page_shift
        if op.kind is Kind.LOOKUP:
            return Outcome(self.raw(gfn), {})
        return self.map_page(gfn, op)

    def raw(self, gfn: int) -> int:
        """Return the raw entry that stands for the word of a frame, 0 where it is invalid."""
        word = self.words.get(gfn, KVM_INVALID_PAGE)
        if word == KVM_INVALID_PAGE:
            return 0
        return self.layout.entry.encode(Entry(word, True, True, True))

    def map_page(self, gfn: int, op: Op) -> Outcome:
        """Map a frame unless it is mapped; the array keeps the reference to the page."""
        mapped = bool(self.raw(gfn))
        result, word = map_word(self.words.get(gfn, KVM_INVALID_PAGE), gfn < self.npages, op)
        if result != 0 or mapped:
            return Outcome(result, {})
        self.words[gfn] = self.layout.truncate(word)
        self.references += 1
        raw = self.raw(gfn)
        return Outcome(0, {gfn: raw} if raw else {})

    def free(self) -> Outcome:
        """Release the page of every frame that does not hold the marker, then free the array."""
        changes = {gfn: 0 for gfn in self.words if self.raw(gfn)}
        lost = self.references - len(changes)
        self.words = {}
        if not lost:
            return Outcome(0, changes)
        detail = f"{lost} page references taken and never released"
        function = entry_point(self.layout, Kind.DESTROY)
        event = Event("accounting", "page reference", detail, False, function=function)
        return Outcome(0, changes, events=(event,))
