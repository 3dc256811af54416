# SPDX-License-Identifier: GPL-2.0-only
"""Names in an image: addresses of symbols, and the function and line of an address."""

from __future__ import annotations

import bisect
import hashlib
import io
import re
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from support.lazy import lazily

with lazily():
    import elftools.common.exceptions
    import elftools.elf.elffile

KERNEL_FOLDERS = ("arch/", "include/", "virt/", "mm/")


class Place(NamedTuple):
    """A function of the tree and the ``file:line`` in it; '' where the address has none."""

    function: str
    where: str


NOWHERE = Place("", "")


class Symbols:
    """The symbols and debug information of one image. Parsed when first asked for."""

    def __init__(self, elf: bytes) -> None:
        # pyelftools: pure Python, maintained, reads both byte orders and DWARF.

        self._elf = elftools.elf.elffile.ELFFile(io.BytesIO(elf))
        table: Any = self._elf.get_section_by_name(".symtab")
        symbols = list(table.iter_symbols())
        self._addresses = {s.name: s["st_value"] for s in symbols if s.name}
        spans = sorted(
            (s["st_value"], s["st_value"] + s["st_size"], s.name)
            for s in symbols
            if s["st_info"]["type"] == "STT_FUNC"
        )
        self._starts = [s[0] for s in spans]
        self._spans = spans
        self._places: dict[int, Place] = {}

    def address(self, name: str) -> int:
        """Return the address of a symbol. Raises KeyError where there is none."""
        return int(self._addresses[name])

    def segments(self) -> Iterator[tuple[int, bytes]]:
        """Yield (first address, initial bytes) of each loadable segment."""
        for segment in self._elf.iter_segments():
            if segment["p_type"] == "PT_LOAD" and segment["p_memsz"]:
                yield segment["p_vaddr"], segment.data()

    def function(self, address: int) -> str:
        """Return the function that an address lies in, '' where it is in none."""
        index = bisect.bisect_right(self._starts, address) - 1
        if index >= 0 and self._spans[index][0] <= address < self._spans[index][1]:
            return str(self._spans[index][2])
        return ""

    def place(self, address: int) -> Place:
        """Return the innermost function of the tree's C files at ``address`` and the line in it.

        Helpers of the tree's headers count for the function that calls them; an address in the
        runner has no place, nor has any where the debug information cannot be read.
        """
        if address not in self._places:
            try:
                self._places[address] = self._place(address)
            except Exception:  # assembler text in a tree can make debug information of anything
                self._places[address] = NOWHERE
        return self._places[address]

    def told(self, place: Place) -> list[int]:
        """Return the addresses that were asked for so far and lie at ``place``."""
        return sorted(address for address, other in self._places.items() if other == place)

    @cached_property
    def _units(self) -> list[_Unit]:
        info = self._elf.get_dwarf_info()
        return [_Unit(unit, info.line_program_for_CU(unit)) for unit in info.iter_CUs()]

    def _place(self, address: int) -> Place:
        # Debug information of functions that were dropped still stands, at address 0.
        for unit in self._units if address >= self._starts[0] else ():
            row = unit.row(address)
            if row is None:
                continue
            frames = unit.frames(address, self.function(address), row)
            for name, where in reversed(frames):
                if where.startswith(KERNEL_FOLDERS) and where.rpartition(":")[0].endswith(".c"):
                    return Place(name, where)
        return NOWHERE


@lru_cache(maxsize=4)
def symbols_of(elf: bytes) -> Symbols:
    """Return the symbols of an image; machines that run the same one share them."""
    return Symbols(elf)


_OF_LINES = re.compile(r"\.debug_(a?ranges|abbrev|info|line|loc)")
"""Sections that say in which line of which function an address lies; nothing else does."""


@lru_cache(maxsize=4)
def code_of(elf: bytes) -> str:
    """Return the digest of an image but for the lines it was made of.

    What is loaded counts, where it lies, and all names, those of functions that were inlined
    included. What is no ELF file counts as a whole.
    """
    digest = hashlib.sha256()
    try:
        sections = list(elftools.elf.elffile.ELFFile(io.BytesIO(elf)).iter_sections())
        for section in sections:
            if not _OF_LINES.fullmatch(section.name):
                about = section.name, section["sh_addr"], section["sh_flags"], section["sh_size"]
                digest.update(repr(about).encode())
                digest.update(section.data())
    except elftools.common.exceptions.ELFError:
        digest.update(elf)
    return digest.hexdigest()


class _Unit:
    """The debug information of one compilation unit, indexed for look-up by address."""

    def __init__(self, unit: Any, program: Any) -> None:
        self._unit = unit
        self._program = program

    @cached_property
    def _rows(self) -> list[tuple[int, int, int, int]]:
        rows = []
        previous = None
        for entry in self._program.get_entries():
            state = entry.state
            if state is None:
                continue
            if previous is not None:
                rows.append((previous[0], state.address, previous[1], previous[2]))
            previous = None if state.end_sequence else (state.address, state.file, state.line)
        return [row for row in rows if row[0] < row[1]]

    @cached_property
    def _inlined(self) -> list[tuple[list[tuple[int, int]], str, int, int]]:
        """(address ranges, function, file and line of the call), callers before callees."""
        found = []
        for die in self._unit.iter_DIEs():
            if die.tag == "DW_TAG_inlined_subroutine":
                origin = die.get_DIE_from_attribute("DW_AT_abstract_origin")
                name = origin.attributes["DW_AT_name"].value.decode()
                attributes = die.attributes
                line = attributes["DW_AT_call_line"].value
                found.append((_ranges(die), name, attributes["DW_AT_call_file"].value, line))
        return found

    def row(self, address: int) -> tuple[int, int] | None:
        """Return (file index, line) of ``address``, None where the unit does not hold it."""
        for low, high, file, line in self._rows:
            if low <= address < high:
                return file, line
        return None

    def frames(self, address: int, outermost: str, row: tuple[int, int]) -> list[tuple[str, str]]:
        """Return (function, file:line inside it) from the outermost to the innermost frame."""
        chain = [
            (name, file, line)
            for ranges, name, file, line in self._inlined
            if any(low <= address < high for low, high in ranges)
        ]
        names = [outermost, *(name for name, _, _ in chain)]
        lines = [*((file, line) for _, file, line in chain), row]
        return [
            (name, f"{_file_name(self._program, file)}:{line}")
            for name, (file, line) in zip(names, lines, strict=True)
        ]


def _ranges(die: Any) -> list[tuple[int, int]]:
    """Return the half-open address ranges that a debugging entry covers."""
    attributes = die.attributes
    if "DW_AT_high_pc" in attributes:
        low, high = attributes["DW_AT_low_pc"].value, attributes["DW_AT_high_pc"]
        return [(low, high.value if high.form == "DW_FORM_addr" else low + high.value)]
    if "DW_AT_ranges" not in attributes:
        return []
    top = die.cu.get_top_DIE().attributes.get("DW_AT_low_pc")
    base = top.value if top else 0
    out = []
    lists = die.dwarfinfo.range_lists()
    for entry in lists.get_range_list_at_offset(attributes["DW_AT_ranges"].value):
        if hasattr(entry, "base_address"):
            base = entry.base_address
        else:
            out.append((base + entry.begin_offset, base + entry.end_offset))
    return out


def _file_name(program: Any, index: int) -> str:
    """Return the name of a source file, relative to the tree where it lies in one."""
    if not index:
        return ""
    entry = program["file_entry"][index - 1]
    name = entry.name.decode(errors="replace")
    folder = ""
    if entry.dir_index:
        folder = program["include_directory"][entry.dir_index - 1].decode(errors="replace")
    full = f"{folder}/{name}" if folder else name
    if "impl/kernel/" in full:
        return full.rpartition("impl/kernel/")[2]
    for start in KERNEL_FOLDERS:
        if full.startswith(start):
            return full
        position = full.find("/" + start)
        if position >= 0:
            return full[position + 1 :]
    return full
