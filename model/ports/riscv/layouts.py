# SPDX-License-Identifier: GPL-2.0-only
"""The layouts of a RISC-V G-stage table, from the modes of ``hgatp``.

Source: The RISC-V Instruction Set Manual, volume II, 'Two-Stage Address Translation'.
"""

from __future__ import annotations

from functools import cache

from model.entry import EntryFormat, PfnField
from model.layout import Geometry, Layout, Level

PORT = "riscv"
PAGE_SHIFT = 12
ROOT_EXTRA = 2
"""Index bits that the root has more than other tables: it is four pages."""
_BITS = {
    "valid": 0x01, "read": 0x02, "write": 0x04, "execute": 0x08, "user": 0x10,
    "global": 0x20, "accessed": 0x40, "dirty": 0x80, "special": 0x100,
}  # fmt: skip
MODES = {"sv32x4": 2, "sv39x4": 3, "sv48x4": 4, "sv57x4": 5}
"""Levels of each mode; the first is that of 32-bit machines."""
_NAMES = ("pte", "pmd", "pud", "p4d")


def _entry(bits: int) -> EntryFormat:
    """Return the format of a leaf: what the guest may reach has U set."""
    present = _BITS["valid"] | _BITS["read"] | _BITS["user"]
    return EntryFormat(
        size=bits // 8,
        present=present,
        write=_BITS["write"],
        accessed=_BITS["accessed"],
        modified=_BITS["dirty"],
        valid=_BITS["accessed"],
        hw_dirty=0,
        cache=0,
        pfn=(PfnField(0, 22 if bits == 32 else 44, 10),),
        named=tuple(_BITS.items()),
        execute=_BITS["execute"],
        clean_by_permission=True,
    )


def _layout(mode: str, levels: int) -> Layout:
    bits = 32 if mode == "sv32x4" else 64
    index = 10 if bits == 32 else 9
    shifts = [PAGE_SHIFT + index * level for level in range(levels)]
    entries = 1 << index
    root = entries << ROOT_EXTRA
    names = [*_NAMES[: levels - 1], "pgd"]
    tables = tuple(
        Level(name, shift, root if name == "pgd" else entries, ROOT_EXTRA if name == "pgd" else 0)
        for name, shift in zip(reversed(names), reversed(shifts), strict=True)
    )
    pud = levels > 3
    geometry = Geometry(
        bits=bits,
        levels=levels,
        page_shift=PAGE_SHIFT,
        pmd_shift=shifts[1],
        pud_shift=shifts[2] if pud else shifts[-1],
        pgdir_shift=shifts[-1],
        ptrs_per_pgd=root,
        ptrs_per_pud=entries if pud else 1,
        ptrs_per_pmd=entries if levels > 2 else 1,
        ptrs_per_pte=entries,
        pte_size=bits // 8,
        pgd_order=ROOT_EXTRA,
        reach_bits=shifts[-1] + index + ROOT_EXTRA,
        cache_min=levels,
    )
    return Layout(
        port=PORT,
        name=f"riscv{bits}-{mode}",
        geometry=geometry,
        tables=tables,
        entry=_entry(bits),
        # On 32 bits phys_addr_t has 32 bits: PHYS_ADDR_T_64BIT follows 64BIT.
        phys_bits=32 if bits == 32 else 56,
        permitted=True,
        refusal="",
        kconfig={f"{bits}BIT": "y", "RISCV": "y", "MMU": "y"},
        address_bits=64,
        leaf_orders=(0, 10) if bits == 32 else (0, 9, 18),
    )


@cache
def layouts() -> tuple[Layout, ...]:
    """Return the layout of every mode."""
    return tuple(_layout(mode, levels) for mode, levels in MODES.items())


def choices(layout: Layout) -> tuple[str, ...]:
    """Return what is chosen beyond width and page size: the mode that the hart has."""
    return (layout.name.split("-")[1],)
