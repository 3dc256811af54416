# SPDX-License-Identifier: GPL-2.0-only
"""Index arithmetic of the page table, as pure functions over exact integers."""

from __future__ import annotations


def slot_index(gpa: int, span: int, entries: int) -> int:
    """Return the slot that address ``gpa`` (bytes) selects in a table, as ``*_index()`` does.

    ``span`` is the number of bytes that one slot covers, ``entries`` the number of slots.
    """
    return gpa // span % entries


def gfn_of(gpa: int, page_size: int) -> int:
    """Return the guest frame that holds address ``gpa`` (bytes)."""
    return gpa // page_size


def gpa_of(gfn: int, page_size: int) -> int:
    """Return the address (bytes) of the first byte of guest frame ``gfn``, not truncated."""
    return gfn * page_size


def covers_all(first: int, last: int, entries: int) -> bool:
    """Return whether slots ``first..last`` (inclusive) are all of a table's ``entries``."""
    return (first == 0) & (last == entries - 1)


def slot_gfn(base: int, index: int, span: int, page_size: int) -> int:
    """Return the first guest frame below slot ``index`` of a table whose first frame is ``base``.

    ``span`` is the number of bytes that one slot covers.
    """
    return base + index * (span // page_size)
