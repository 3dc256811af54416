# SPDX-License-Identifier: GPL-2.0-only
"""Leaf entries as the kernel's ``pte_*()`` helpers make and change them."""

from __future__ import annotations

from model.entry import EntryFormat


def mkyoung(fmt: EntryFormat, raw: int, inhibit: int = 0) -> int:
    """Return ``raw``, accessed, and valid unless an ``inhibit`` bit is set (``pte_mkyoung``)."""
    return raw | fmt.accessed | (0 if raw & inhibit else fmt.valid)


def mkold(fmt: EntryFormat, raw: int) -> int:
    """Return ``raw``, neither accessed nor valid (``pte_mkold``)."""
    return raw & ~(fmt.accessed | fmt.valid)


def mkdirty(fmt: EntryFormat, raw: int) -> int:
    """Return ``raw``, modified, and dirty for the hardware if writable (``pte_mkdirty``)."""
    return raw | fmt.modified | (fmt.hw_dirty if raw & fmt.write else 0)


def mkclean(fmt: EntryFormat, raw: int) -> int:
    """Return ``raw``, neither modified nor dirty for the hardware (``pte_mkclean``)."""
    return raw & ~(fmt.modified | fmt.hw_dirty)


def make(fmt: EntryFormat, pfn: int, writable: bool, dirty: bool, keep_pfn: bool = True) -> int:
    """Return a young entry, as ``kvm_mips_map_page`` builds it.

    PFN bits for which the format has no place stand above bit 64 with ``keep_pfn``, and are
    lost without.
    """
    raw = fmt.present | fmt.cache | fmt.accessed | fmt.valid | fmt.encode_pfn(pfn)
    if keep_pfn:
        raw |= fmt.surplus(pfn)
    if writable:
        raw |= fmt.write
    return mkdirty(fmt, raw) if dirty else raw
