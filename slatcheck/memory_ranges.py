# SPDX-License-Identifier: GPL-2.0-only
"""Ranges of guest RAM as a person writes them: ``0+256M``, ``0x1fc00000-0x1fffffff``."""

from __future__ import annotations

import re
from typing import NamedTuple

from model.layout import Layout
from model.operations import U64
from slatcheck.errors import InputError

_UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
_NUMBER = r"(0x[0-9a-f]{1,32}|[0-9]{1,32})([kmgt]?)(?:i?b)?"
_RANGE = re.compile(rf"{_NUMBER}(?:([-+]){_NUMBER})?", re.IGNORECASE)


class Ram(NamedTuple):
    """Guest-physical bytes ``first..last`` (inclusive); ``last`` is None for one whole page."""

    first: int
    last: int | None
    text: str

    def of(self, layout: Layout) -> tuple[int, int]:
        """Return the inclusive range of bytes in a layout, whose page size may decide."""
        if self.last is not None:
            return self.first, self.last
        page = 1 << layout.page_shift
        start = self.first & -page
        return start, start + page - 1


def _value(digits: str, unit: str) -> int:
    return int(digits, 16 if digits[:2].lower() == "0x" else 10) << _UNITS[unit.lower()]


def parse(text: str) -> Ram:
    """Return the range that ``text`` describes; ``START-END`` includes END, as /proc/iomem does.

    ``START+SIZE`` counts bytes, a bare ``START`` is the page that holds it. Raises InputError for
    anything else, for an empty range, and for one that goes past 64 bits.
    """
    found = _RANGE.fullmatch(text.strip().replace("_", ""))
    if found is None:
        raise InputError(
            f"'{text}' is no memory range: write START-END, START+SIZE or START, "
            "in hex (0x..) or decimal, with K, M, G or T for units"
        )
    digits, unit, how, second, second_unit = found.groups()
    first = _value(digits, unit)
    last: int | None = None
    if how:
        value = _value(second, second_unit)
        last = value if how == "-" else first + value - 1
        if last < first:
            raise InputError(
                f"the memory range '{text}' is empty: "
                + ("END comes before START" if how == "-" else "SIZE must be at least 1 byte")
            )
    if max(first, last or 0) > U64:
        raise InputError(f"the memory range '{text}' ends beyond 64 bits of address")
    return Ram(first, last, text.strip())
