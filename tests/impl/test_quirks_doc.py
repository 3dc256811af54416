# SPDX-License-Identifier: GPL-2.0-only
"""docs/quirks.md lists every quirk, in the words and with the layouts of the code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from impl.ports import REFERENCES
from model.layout import Layout
from model.ports import layouts

QUIRKS = [(port, one) for port, table in REFERENCES.items() for one in table.quirks]
PAGE = Path(__file__).resolve().parents[2] / "docs/quirks.md"


def upper_field_reads_as_no_read(one: Layout) -> bool:
    second = one.entry.pfn[1:]
    return bool(second) and bool(one.pfn_top >> (second[0].source + 1) & 1)


WHERE: dict[str, Callable[[Layout], bool]] = {
    "all": lambda one: True,
    "a root whose entries are no multiple of eight": lambda one: one.geometry.ptrs_per_pgd % 8 > 0,
    "four levels": lambda one: one.levels == 4,
    "a root of several pages": lambda one: one.geometry.pgd_order > 0,
    "three levels and more": lambda one: one.levels > 2,
    "PFN bits without a place": lambda one: not one.entry.holds(one.pfn_top),
    "addresses wider than a word": lambda one: one.geometry.reach_bits > one.bits,
    "a second PFN field over bit 1 of its word": upper_field_reads_as_no_read,
}


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_page_lists_the_quirks() -> None:
    assert [[row[0], row[1], row[2], row[4]] for row in rows()] == [
        [f"`{one.name}`", one.statement, f"`{one.function}`", ", ".join(one.rules)]
        for _, one in QUIRKS
    ]


def test_layouts_are_those_in_which_it_bites() -> None:
    for row, (port, behaviour) in zip(rows(), QUIRKS, strict=True):
        for one in (one for one in layouts() if one.port == port):
            assert WHERE[row[3]](one) == behaviour.bites(one), (behaviour.name, one.name)
