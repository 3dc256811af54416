# SPDX-License-Identifier: GPL-2.0-only
"""Leaf entries as the kernel's ``pte_*()`` helpers make and change them."""

from __future__ import annotations

from model.entry import Entry, EntryFormat

WIDE_SHIFT = 64
"""Where a wide entry keeps the PFN bits for which the format has no place."""


def wide_bits(fmt: EntryFormat, pfn: int) -> int:
    """Return the PFN bits without a place in ``fmt``, moved above bit 64 of the raw entry."""
    return (pfn & ~fmt.pfn_mask) << WIDE_SHIFT


def wide_encode(fmt: EntryFormat, entry: Entry) -> int:
    """Return the raw value of ``entry``; PFN bits that do not fit are kept above bit 64.

    The repaired table keeps them in a side word of its own, so every PFN is read back. Equal to
    ``fmt.encode(entry)`` where the PFN fits.
    """
    raw = fmt.encode(entry._replace(pfn=entry.pfn & fmt.pfn_mask))
    assert raw is not None
    return raw | wide_bits(fmt, entry.pfn)


def wide_decode(fmt: EntryFormat, raw: int) -> Entry | None:
    """Return the software view of a wide raw entry, or None if it is not present."""
    narrow = fmt.decode(raw & ((1 << WIDE_SHIFT) - 1))
    if narrow is None:
        return None
    return narrow._replace(pfn=narrow.pfn | raw >> WIDE_SHIFT)


def mkyoung(fmt: EntryFormat, raw: int) -> int:
    """Return ``raw``, accessed and valid (``pte_mkyoung``)."""
    return raw | fmt.accessed | fmt.valid


def mkold(fmt: EntryFormat, raw: int) -> int:
    """Return ``raw``, neither accessed nor valid (``pte_mkold``)."""
    return raw & ~(fmt.accessed | fmt.valid)


def mkdirty(fmt: EntryFormat, raw: int) -> int:
    """Return ``raw``, modified, and dirty for the hardware if writable (``pte_mkdirty``)."""
    return raw | fmt.modified | (fmt.hw_dirty if raw & fmt.write else 0)


def mkclean(fmt: EntryFormat, raw: int) -> int:
    """Return ``raw``, neither modified nor dirty for the hardware (``pte_mkclean``)."""
    return raw & ~(fmt.modified | fmt.hw_dirty)


def make(fmt: EntryFormat, pfn: int, writable: bool, dirty: bool) -> int:
    """Return a young entry, as ``kvm_mips_map_page`` builds it; PFN bits may be lost."""
    raw = fmt.present | fmt.cache | fmt.accessed | fmt.valid | fmt.encode_pfn(pfn)
    if writable:
        raw |= fmt.write
    return mkdirty(fmt, raw) if dirty else raw
