# SPDX-License-Identifier: GPL-2.0-only
"""A guest-physical address taken apart into the bits that index each level of a layout."""

from __future__ import annotations

from typing import NamedTuple

from model.layout import Layout

LOST = "lost"
"""The field of bits that an ``unsigned long`` has no room for."""
BEYOND = "beyond"
"""The field of bits above the reach, at which no level looks."""
OFFSET = "offset"
"""The field of bits within a page."""


class Field(NamedTuple):
    """The bits ``high..low`` (inclusive) of an address and their value."""

    name: str
    high: int
    low: int
    value: int

    @property
    def bits(self) -> int:
        """The number of bits."""
        return self.high - self.low + 1

    @property
    def stray(self) -> bool:
        """Whether the field is set although no level looks at it."""
        return self.name in (LOST, BEYOND) and self.value != 0


def split(layout: Layout, address: int) -> list[Field]:
    """Return the fields of ``address`` (bytes, >= 0), highest first, without gap or overlap.

    They cover the type of an address on this layout and whatever the address has above it.
    """
    reach, width = layout.geometry.reach_bits, layout.address_bits or layout.bits
    bounds = [(level.name, level.shift) for level in layout.tables]
    if reach < width:
        bounds.insert(0, (BEYOND, reach))
    if address > layout.address_mask:
        bounds.insert(0, (LOST, width))
    bounds.append((OFFSET, 0))
    high = max(width, address.bit_length()) - 1
    found = []
    for name, low in bounds:
        value = (address >> low) & ((1 << (high - low + 1)) - 1)
        found.append(Field(name, high, low, value))
        high = low - 1
    return found


def join(fields: list[Field]) -> int:
    """Return the address whose fields these are."""
    return sum(field.value << field.low for field in fields)


def stands_for(layout: Layout, address: int) -> int:
    """Return the address within reach whose index fields are those of ``address``."""
    return address & ((1 << layout.geometry.reach_bits) - 1)
