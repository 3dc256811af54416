# SPDX-License-Identifier: GPL-2.0-only
"""The format of a leaf entry: which bits of which word hold the frame and the flags."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

SURPLUS_SHIFT = 64
"""Where a raw entry keeps the PFN bits for which the format has no place."""


_SURPLUS = (1 << 64) - 1
ORDER_SHIFT = 128
"""Where a raw entry keeps the order of a leaf that is larger than a base page."""


class Entry(NamedTuple):
    """What the abstract map knows of one leaf: a guest frame, or 2^``order`` that begin there.

    ``device`` says that the leaf maps a device and not memory.
    """

    pfn: int
    writable: bool
    young: bool
    dirty: bool
    order: int = 0
    device: bool = False


@dataclass(frozen=True)
class PfnField:
    """A run of ``width`` PFN bits from ``source`` up, stored at bit ``target`` of the raw entry."""

    source: int
    width: int
    target: int


@dataclass(frozen=True)
class EntryFormat:
    """Where a raw entry keeps its fields.

    A raw entry is one integer; where the kernel keeps two words, it is
    ``pte_low | pte_high << 32``, as ``pte_val()`` forms it. Each flag is a mask because some
    formats keep a hardware bit in both words. ``accessed`` and ``modified`` are software's;
    ``valid`` and ``hw_dirty`` are bits that the hardware looks at beside them. ``valid`` is set
    with ``accessed`` and may be the same bit; ``hw_dirty`` is set while a dirty page may be
    written, and 0 where the hardware has no such bit. ``cache`` is the attribute that
    ``_page_cachable_default`` puts into every entry. ``named`` gives every bit with a name, for
    reports. ``execute`` is set in leaves of memory and not in those of devices. Where a table is
    ``clean_by_permission``, a page is made clean by taking its write permission, and the dirty bit
    is always set.
    """

    size: int
    present: int
    write: int
    accessed: int
    modified: int
    valid: int
    hw_dirty: int
    cache: int
    pfn: tuple[PfnField, ...]
    named: tuple[tuple[str, int], ...]
    execute: int = 0
    clean_by_permission: bool = False

    @cached_property
    def pfn_mask(self) -> int:
        """The PFN bits that the format can hold."""
        return sum(((1 << f.width) - 1) << f.source for f in self.pfn)

    @cached_property
    def flags(self) -> dict[str, int]:
        """The bits that have names, by name."""
        return dict(self.named)

    @cached_property
    def permissions(self) -> int:
        """The bits that let a page be used: read, where there is one, write and execute."""
        return self.flags.get("read", 0) | self.write | self.execute

    def holds(self, pfn: int) -> bool:
        """Return whether every bit of ``pfn`` has a place in the entry."""
        return not pfn & ~self.pfn_mask

    def encode(self, entry: Entry) -> int:
        """Return the raw value that represents ``entry``.

        V is set if and only if young, D if and only if dirty and writable; neither global nor
        an inhibit bit is ever set. PFN bits without a place stand above bit 64 of the result,
        where no real entry has any: a table keeps them in a word of its own or is found out.
        """
        raw = self.present | self.cache | self.encode_pfn(entry.pfn) | self.surplus(entry.pfn)
        if entry.order:
            raw |= entry.order << ORDER_SHIFT
        if not entry.device:
            raw |= self.execute
        if entry.writable:
            raw |= self.write
        if entry.young:
            raw |= self.accessed | self.valid
        if entry.dirty:
            raw |= self.modified
            if entry.writable:
                raw |= self.hw_dirty
        return raw

    def surplus(self, pfn: int) -> int:
        """Return the PFN bits that have no place, moved above bit 64 of the raw entry."""
        return (pfn & ~self.pfn_mask) << SURPLUS_SHIFT

    def encode_pfn(self, pfn: int) -> int:
        """Return the raw bits of ``pfn``; bits without a place are lost."""
        raw = 0
        for f in self.pfn:
            raw |= ((pfn >> f.source) & ((1 << f.width) - 1)) << f.target
        return raw

    @cached_property
    def _places(self) -> tuple[tuple[int, int, int], ...]:
        """Where PFN bits stand: shift down, mask, shift up; searches decode by the million."""
        surplus = SURPLUS_SHIFT, _SURPLUS, 0
        return surplus, *((f.target, (1 << f.width) - 1, f.source) for f in self.pfn)

    def decode_pfn(self, raw: int) -> int:
        """Return the page frame number that ``raw`` holds."""
        pfn = 0
        for target, mask, source in self._places:
            pfn |= (raw >> target & mask) << source
        return pfn

    def decode(self, raw: int) -> Entry | None:
        """Return the software view of ``raw``, or None if it is not present."""
        if not raw & self.present:
            return None
        return Entry(
            self.decode_pfn(raw),
            bool(raw & self.write),
            bool(raw & self.accessed),
            bool(raw & self.modified),
            raw >> ORDER_SHIFT,
            bool(self.execute) and not raw & self.execute,
        )

    def describe(self, raw: int) -> str:
        """Return ``raw`` for a person: its PFN in hex and the names of the flags that are set."""
        if not raw & self.present:
            return f"not present ({raw:#x})" if raw else "absent"
        flags = " ".join(name for name, mask in self.named if raw & mask)
        return f"pfn {self.decode_pfn(raw):#x} [{flags}]"
