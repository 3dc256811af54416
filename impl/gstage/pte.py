# SPDX-License-Identifier: GPL-2.0-only
"""What a slot holds as a raw number: nothing, a leaf, or the link of a table."""

from __future__ import annotations

from model.entry import ORDER_SHIFT, Entry, EntryFormat


def is_leaf(fmt: EntryFormat, raw: int) -> bool:
    """Return whether a slot that holds ``raw`` maps pages: a link has no permission."""
    return bool(raw & fmt.permissions)


def is_link(fmt: EntryFormat, raw: int) -> bool:
    """Return whether a slot that holds ``raw`` links a table."""
    return bool(raw & fmt.flags["valid"]) and not raw & fmt.permissions


def link(fmt: EntryFormat, pfn: int) -> int:
    """Return what links the table at page frame ``pfn``."""
    return fmt.flags["valid"] | fmt.encode_pfn(pfn)


def make(fmt: EntryFormat, pfn: int, writable: bool, device: bool) -> int:
    """Return a leaf, young and dirty, as every leaf is when it is made."""
    raw = fmt.present | fmt.accessed | fmt.modified | fmt.encode_pfn(pfn) | fmt.surplus(pfn)
    if not device:
        raw |= fmt.execute
    return raw | fmt.write if writable else raw


def at(fmt: EntryFormat, raw: int, pfn: int) -> int:
    """Return a leaf as ``raw`` is, at another page frame."""
    return raw & ~fmt.encode_pfn(fmt.pfn_mask) | fmt.encode_pfn(pfn)


def wrprotect(fmt: EntryFormat, raw: int) -> int:
    """Return a leaf without write permission."""
    return raw & ~fmt.write


def mkold(fmt: EntryFormat, raw: int) -> int:
    """Return a leaf that was not accessed."""
    return raw & ~fmt.accessed


def sized(raw: int, order: int) -> int:
    """Return a leaf of 2**``order`` pages as reports have it: with its order above all bits."""
    return raw | order << ORDER_SHIFT


def order_of(raw: int) -> int:
    """Return the order of a leaf, as reports have it."""
    return raw >> ORDER_SHIFT


def maps(fmt: EntryFormat, raw: int) -> Entry:
    """Return what a leaf, as reports have it, means. Raises ValueError where it is none."""
    entry = fmt.decode(raw)
    if entry is None:
        raise ValueError(f"{raw:#x} is no leaf")
    return entry
