# SPDX-License-Identifier: GPL-2.0-only
"""Raw leaf entries as terms: what an entry looks like in a format, and what it means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from model.entry import SURPLUS_SHIFT, Entry, EntryFormat, PfnField
from model.layout import Layout
from proofs import terms
from proofs.lifting import as_plain, lift_truth, lifted, truth_of, unsigned
from proofs.terms import Term, Truth, Value, both, choose, either, negate, same


@dataclass(frozen=True)
class RawFormat:
    """An entry format for proofs: ``raw_bits`` of an entry, ``pfn_bits`` of a PFN.

    With ``canonical`` an entry that is present must be just what the format makes of it; without,
    all its bits have a meaning anyway.
    """

    fmt: EntryFormat
    raw_bits: int
    pfn_bits: int
    canonical: bool

    @cached_property
    def surplus(self) -> int:
        """The PFN bits for which the format has no place."""
        return ((1 << self.pfn_bits) - 1) & ~self.fmt.pfn_mask

    @cached_property
    def used(self) -> int:
        """The bits that an entry in the table may have."""
        fmt = self.fmt
        flags = fmt.present | fmt.write | fmt.accessed | fmt.modified | fmt.valid | fmt.hw_dirty
        return flags | fmt.cache | fmt.execute | fmt.encode_pfn((1 << self.pfn_bits) - 1)

    @cached_property
    def _runs(self) -> tuple[PfnField, ...]:
        """Where each run of PFN bits is, the places of bits without a place included."""
        runs = [run for run in self.fmt.pfn if run.source < self.pfn_bits]
        runs = [
            PfnField(run.source, min(run.width, self.pfn_bits - run.source), run.target)
            for run in runs
        ]
        bit = 0
        while self.surplus >> bit:
            width = 0
            while self.surplus >> (bit + width) & 1:
                width += 1
            if width:
                runs.append(PfnField(bit, width, SURPLUS_SHIFT + bit))
            bit += max(1, width)
        return tuple(runs)

    def present(self, raw: Value) -> Truth:
        """Return whether a raw entry maps a page."""
        return self._any(raw, self.fmt.present)

    def _any(self, raw: Value, mask: int) -> Truth:
        if not isinstance(raw, Term):
            return raw & mask != 0
        bits = [bit for bit in range(raw.width) if mask >> bit & 1]
        return either(*[same(terms.extract(raw, bit, bit), 1) for bit in bits])

    def well_formed(self, raw: Value) -> Truth:
        """Return whether a raw entry is 0 or one that the format makes."""
        there = self.present(raw)
        if self.canonical:
            value = terms.bits(raw, self.raw_bits)
            fits = same(terms.bit_and(value, terms.number(self.used, self.raw_bits)), value)
            there = both(there, fits, same(value, self.encode(self._entry(value))))
        return either(same(raw, 0), there)

    def _entry(self, raw: Term) -> Entry:
        fmt = self.fmt
        flags = (self._any(raw, mask) for mask in (fmt.write, fmt.accessed, fmt.modified))
        writable, young, dirty = (as_plain(lift_truth(flag)) for flag in flags)
        device = bool(fmt.execute) and as_plain(lift_truth(negate(self._any(raw, fmt.execute))))
        return Entry(as_plain(unsigned(self.pfn(raw))), writable, young, dirty, device=device)

    def pfn(self, raw: Term) -> Term:
        """Return the PFN that a raw entry holds."""
        found = terms.number(0, 1)
        filled = 0
        for run in sorted(self._runs, key=lambda run: run.source):
            if run.source > filled:
                found = _above(terms.number(0, run.source - filled), found, filled)
                filled = run.source
            part = terms.extract(raw, run.target + run.width - 1, run.target)
            found = _above(part, found, filled)
            filled += run.width
        return terms.bits(found, self.pfn_bits) if filled < self.pfn_bits else found

    def for_page(self, raw: Value, frame: Value, bits: int) -> Term:
        """Return a leaf of 2**``bits`` pages as one of the page of guest frame ``frame`` alone.

        The leaf is aligned, so the lowest bits of its PFN are replaced by those of the frame.
        """
        value = terms.bits(raw, self.raw_bits)
        if not bits:
            return value
        if not isinstance(frame, Term):
            frame = terms.number(frame, 64)
        at = self.fmt.pfn[0].target
        whole = terms.concat(
            terms.extract(value, self.raw_bits - 1, at + bits), terms.low_bits(frame, bits)
        )
        return terms.concat(whole, terms.extract(value, at - 1, 0)) if at else whole

    def aligned(self, raw: Value, bits: int) -> Truth:
        """Return whether the lowest ``bits`` bits of the PFN in a raw entry are 0."""
        if not bits:
            return True
        at = self.fmt.pfn[0].target
        return same(terms.extract(terms.bits(raw, self.raw_bits), at + bits - 1, at), 0)

    def decode(self, raw: Value) -> Entry | None:
        """Return what a raw entry represents; forks on its presence."""
        value = terms.bits(raw, self.raw_bits)
        return self._entry(value) if lift_truth(self.present(value)) else None

    def encode(self, entry: Entry | None) -> Term:
        """Return the raw entry that represents ``entry``, as the model's format does."""
        if entry is None:
            return terms.number(0, self.raw_bits)
        pfn = lifted(entry.pfn).sized(self.pfn_bits)
        return self._assembled(pfn, *(truth_of(flag) for flag in (*entry[1:4], entry.device)))

    def _assembled(
        self, pfn: Term, writable: Truth, young: Truth, dirty: Truth, device: Truth
    ) -> Term:
        fmt = self.fmt
        flags: tuple[tuple[int, Truth], ...] = (
            (fmt.present | fmt.cache, True),
            (fmt.write, writable),
            (fmt.accessed | fmt.valid, young),
            (fmt.modified, dirty),
            (fmt.hw_dirty, both(dirty, writable)),
            (fmt.execute, negate(device)),
        )
        runs = {field.target: field for field in self._runs}
        found: Term | None = None
        at = 0
        while at < self.raw_bits:
            run = runs.get(at)
            if run is not None:
                part = terms.extract(pfn, run.source + run.width - 1, run.source)
            else:
                set_ = either(*[when for mask, when in flags if mask >> at & 1])
                part = choose(terms.truth(set_), terms.number(1, 1), terms.number(0, 1))
            found = part if found is None else terms.concat(part, found)
            at += part.width
        assert found is not None
        return found


def _above(high: Term, low: Term, filled: int) -> Term:
    return terms.concat(high, low) if filled else high


OWN = RawFormat(
    EntryFormat(
        size=8,
        present=1,
        write=2,
        accessed=4,
        modified=8,
        valid=0,
        hw_dirty=0,
        cache=0,
        pfn=(PfnField(0, 12, 4),),
        named=(),
    ),
    raw_bits=16,
    pfn_bits=12,
    canonical=False,
)
"""The proof's own entry: four flags and, above them, an opaque PFN; 0 is absent."""


def format_of(layout: Layout) -> RawFormat:
    """Return a layout's own format, for PFNs up to its physical address width."""
    pfn_bits = layout.pfn_top.bit_length()
    surplus = layout.pfn_top & ~layout.entry.pfn_mask
    raw_bits = SURPLUS_SHIFT + surplus.bit_length() if surplus else 8 * layout.entry.size
    return RawFormat(layout.entry, raw_bits, pfn_bits, canonical=True)


def opaque_format(layout: Layout) -> RawFormat:
    """Return the proof's own format for entries as large as a layout's.

    It stands for the layout's own where no entry is looked at.
    """
    return replace(OWN, fmt=replace(OWN.fmt, size=layout.entry.size))
