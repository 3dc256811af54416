# SPDX-License-Identifier: GPL-2.0-only
"""The layouts that the MIPS headers define, computed from the formulas in ``asm/pgtable*.h``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from model.entry import EntryFormat, PfnField
from model.layout import Geometry, Layout, Level

PORT = "mips"
"""What the port is called; the names of its layouts begin with it."""
PAGE_KB = (4, 8, 16, 32, 64)
CACHE_ATTRIBUTE = 3
"""``_CACHE_CACHABLE_NONCOHERENT`` in units of ``_CACHE_SHIFT``: the cache attribute given."""


@dataclass(frozen=True)
class Choice:
    """One combination of Kconfig choices; ``phys`` is '' (as wide as a long), 'p64' or 'xpa'."""

    bits: int
    page_kb: int
    phys: str = ""
    huge: bool = False
    va48: bool = False

    @property
    def name(self) -> str:
        """The layout's name, such as ``mips64-64k-huge-va48``."""
        parts = [f"mips{self.bits}", f"{self.page_kb}k"]
        if self.phys:
            parts.append(self.phys)
        if self.huge:
            parts.append("huge")
        if self.va48:
            parts.append("va48")
        return "-".join(parts)

    @property
    def page_shift(self) -> int:
        """Base-2 logarithm of the page size in bytes."""
        return self.page_kb.bit_length() + 9

    @property
    def two_words(self) -> bool:
        """Whether a PTE is a pair of 32-bit words (``PHYS_ADDR_T_64BIT`` on ``CPU_MIPS32``)."""
        return self.bits == 32 and self.phys != ""

    @property
    def octeon(self) -> bool:
        """Whether only Cavium Octeon offers the page size."""
        return self.bits == 64 and self.page_kb in (8, 32)

    @property
    def rixi(self) -> bool:
        """Whether ``CPU_HAS_RIXI`` is selected: by every release from 2 up, so by all with VZ."""
        return self.phys != "p64"


@dataclass(frozen=True)
class SoftwareBits:
    """Bits of an entry that software alone uses and that not every tree has.

    ``special`` is there since 5.1, ``protnone`` in vendor trees only (``asm/pgtable-bits.h``).
    """

    special: bool = True
    protnone: bool = False


def all_choices() -> list[Choice]:
    """Return the 40 combinations that the headers define, permitted or not."""
    found = []
    for page in PAGE_KB:
        found += [Choice(32, page), Choice(32, page, "p64"), Choice(32, page, "xpa")]
        found += [Choice(32, page, huge=True)]
    for page in PAGE_KB:
        found += [Choice(64, page, "", huge, va) for va in (False, True) for huge in (False, True)]
    return found


def refusal(choice: Choice) -> str:
    """Return why Kconfig refuses the choice together with KVM, or '' where it permits it.

    Source: ``arch/mips/Kconfig`` and ``arch/mips/kvm/Kconfig`` of 6.1 and 6.12.
    """
    if choice.bits == 32:
        if choice.page_kb in (8, 32):
            return "8 and 32 KB pages exist only on 64-bit Octeon"
        if choice.phys == "p64":
            return "no core with virtualisation has 36-bit physical addresses without XPA"
        if choice.phys == "xpa" and choice.page_kb == 4:
            return "CPU_MIPS32_R5_XPA depends on !PAGE_SIZE_4KB"
    elif choice.octeon and choice.va48:
        return "Octeon has 8 and 32 KB pages only without MIPS_VA_BITS_48"
    return ""


def _pgtable_levels(choice: Choice) -> int:
    """Return ``CONFIG_PGTABLE_LEVELS`` (``arch/mips/Kconfig``)."""
    if choice.page_kb == 4 and choice.va48:
        return 4
    if choice.bits == 64 and (choice.page_kb != 64 or choice.va48):
        return 3
    return 2


def _pgd_order_64(choice: Choice) -> int:
    """Return ``PGD_TABLE_ORDER`` of ``asm/pgtable-64.h``."""
    return int((choice.page_kb, choice.va48) in ((4, False), (16, True)))


def _geometry_32(choice: Choice) -> tuple[Geometry, tuple[Level, ...]]:
    shift = choice.page_shift
    pte_log2 = 3 if choice.two_words else 2
    halved = int(choice.huge)
    pgdir = 2 * shift - pte_log2 - halved
    order = max(0, 32 - 3 * shift + 2 + pte_log2 + halved)
    pgds = 2 * (0x80000000 >> pgdir)
    ptes = (1 << shift) >> (pte_log2 + halved)
    tables = (Level("pgd", pgdir, pgds, order), Level("pte", shift, ptes))
    return (
        Geometry(32, 2, shift, pgdir, pgdir, pgdir, pgds, 1, 1, ptes, 1 << pte_log2, order, 32, 1),
        tables,
    )


def _geometry_64(choice: Choice) -> tuple[Geometry, tuple[Level, ...]]:
    shift = choice.page_shift
    levels = _pgtable_levels(choice)
    order = _pgd_order_64(choice)
    per_page = 1 << (shift - 3)
    shifts = [shift + n * (shift - 3) for n in range(levels)]
    pgdir = shifts[-1]
    pgds = per_page << order
    pmd = shifts[1] if levels > 2 else pgdir
    pud = shifts[2] if levels > 3 else pgdir
    tables = [Level("pgd", pgdir, pgds, order)]
    if levels > 3:
        tables.append(Level("pud", pud, per_page))
    if levels > 2:
        tables.append(Level("pmd", pmd, per_page))
    tables.append(Level("pte", shift, per_page))
    geometry = Geometry(
        bits=64,
        levels=levels,
        page_shift=shift,
        pmd_shift=pmd,
        pud_shift=pud,
        pgdir_shift=pgdir,
        ptrs_per_pgd=pgds,
        ptrs_per_pud=per_page if levels > 3 else 1,
        ptrs_per_pmd=per_page if levels > 2 else 1,
        ptrs_per_pte=per_page,
        pte_size=8,
        pgd_order=order,
        reach_bits=pgdir + pgds.bit_length() - 1,
        cache_min=1 if levels == 2 else 2,
    )
    return geometry, tuple(tables)


def _format_r4k(choice: Choice, software: SoftwareBits) -> EntryFormat:
    """Return the one-word format (``enum pgtable_bits``, the r4k branch)."""
    order = ["present"]
    if not choice.rixi:
        order.append("no-read")
    order += ["write", "accessed", "modified"]
    if choice.huge:
        order.append("huge")
    if software.protnone:
        order.append("protnone")
    if software.special and not (choice.bits == 32 and choice.rixi):
        order.append("special")
    if choice.rixi:
        order += ["no-exec", "no-read"]
    order += ["global", "valid", "dirty", "cache"]
    bit = {name: 1 << position for position, name in enumerate(order)}
    cache_shift = len(order) - 1
    pfn_shift = choice.page_shift - 12 + cache_shift + 3
    width = 32 if choice.bits == 32 else 64
    return EntryFormat(
        size=width // 8,
        present=bit["present"],
        write=bit["write"],
        accessed=bit["accessed"],
        modified=bit["modified"],
        valid=bit["valid"],
        hw_dirty=bit["dirty"],
        cache=CACHE_ATTRIBUTE << cache_shift,
        pfn=(PfnField(0, width - pfn_shift, pfn_shift),),
        named=tuple((n, bit[n]) for n in order if n != "cache"),
    )


def _format_p64(_choice: Choice, _software: SoftwareBits) -> EntryFormat:
    """Return the 36-bit two-word format: hardware bits in both words, the PFN in the high one."""
    names = ["global", "valid", "dirty"]
    both = {name: 1 << n | 1 << (n + 32) for n, name in enumerate(names)}
    software = ["present", "no-read", "write", "accessed", "modified", "special"]
    bit = {name: 1 << (6 + n) for n, name in enumerate(software)} | both
    return EntryFormat(
        size=8,
        present=bit["present"],
        write=bit["write"],
        accessed=bit["accessed"],
        modified=bit["modified"],
        valid=bit["valid"],
        hw_dirty=bit["dirty"],
        cache=CACHE_ATTRIBUTE << 3 | CACHE_ATTRIBUTE << 35,
        pfn=(PfnField(0, 26, 38),),
        named=tuple((n, bit[n]) for n in [*software, *names]),
    )


def _format_xpa(choice: Choice, _software: SoftwareBits) -> EntryFormat:
    """Return the XPA format: hardware bits and low PFN bits in the high word.

    The low word holds the software bits from bit 24 up and ``pfn >> 24`` below them
    (``pfn_pte()`` of ``asm/pgtable-32.h``), so pages above 4 KB leave a gap of PFN bits that
    have no place.
    """
    shift = choice.page_shift - 12 + 8
    hardware = ["no-exec", "no-read", "global", "valid", "dirty"]
    software = ["present", "write", "accessed", "modified"]
    bit = {name: 1 << (32 + n) for n, name in enumerate(hardware)}
    bit |= {name: 1 << (24 + n) for n, name in enumerate(software)}
    return EntryFormat(
        size=8,
        present=bit["present"],
        write=bit["write"],
        accessed=bit["accessed"],
        modified=bit["modified"],
        valid=bit["valid"],
        hw_dirty=bit["dirty"],
        cache=CACHE_ATTRIBUTE << 37,
        pfn=(PfnField(0, 32 - shift, 32 + shift), PfnField(24, 8, 0)),
        named=tuple((n, bit[n]) for n in [*software, *hardware]),
    )


def _phys_bits(choice: Choice) -> int:
    """Return the physical address width that the headers claim, in bits.

    ``MAX_POSSIBLE_PHYSMEM_BITS`` of ``asm/pgtable-32.h``; ``MAX_PHYSMEM_BITS`` of
    ``asm/sparsemem.h`` for 64-bit.
    """
    return 48 if choice.bits == 64 else {"": 32, "p64": 36, "xpa": 40}[choice.phys]


def kconfig(choice: Choice) -> dict[str, str]:
    """Return the Kconfig symbols that the headers and ``mmu.c`` look at, as ``y`` or a number."""
    on = [f"{choice.bits}BIT", f"PAGE_SIZE_{choice.page_kb}KB", "MMU", "KVM", "KVM_MIPS_VZ"]
    on += ["KVM_GENERIC_MMU_NOTIFIER", "MMU_NOTIFIER"]
    if choice.bits == 64:
        core = "CPU_CAVIUM_OCTEON" if choice.octeon else "CPU_MIPS64_R6"
        on += [core, "CPU_MIPS64", "PHYS_ADDR_T_64BIT"]
    elif choice.huge:
        on += ["CPU_MIPS64_R6", "CPU_MIPS64"]
    else:
        on += ["CPU_MIPS32_R5", "CPU_MIPS32"]
    if choice.phys:
        on += ["PHYS_ADDR_T_64BIT", "HIGHMEM"]
    if choice.phys == "xpa":
        on.append("XPA")
    if choice.huge:
        on += ["MIPS_HUGE_TLB_SUPPORT", "HUGETLB_PAGE"]
    if choice.va48:
        on.append("MIPS_VA_BITS_48")
    if choice.rixi:
        # Trees that have no CPU_HAS_RIXI ask for the release, by which it is selected now.
        on += ["CPU_HAS_RIXI", "CPU_MIPSR2"]
    if not (choice.bits == 32 and choice.rixi):
        on.append("ARCH_HAS_PTE_SPECIAL")
    symbols = dict.fromkeys(on, "y")
    symbols["PGTABLE_LEVELS"] = str(_pgtable_levels(choice))
    symbols["PAGE_SHIFT"] = str(choice.page_shift)
    return symbols


def choice_of(layout: Layout) -> Choice:
    """Return the Kconfig choices that a layout stands for."""
    return next(choice for choice in all_choices() if choice.name == layout.name)


def choices(layout: Layout) -> tuple[str, ...]:
    """Return in words what Kconfig chooses beyond width and page size."""
    symbols, found = layout.kconfig, []
    if "MIPS_VA_BITS_48" in symbols:
        found.append("48 bits of virtual address (MIPS_VA_BITS_48)")
    if "XPA" in symbols:
        found.append("extended physical addresses (XPA)")
    elif layout.bits == 32 and "PHYS_ADDR_T_64BIT" in symbols:
        found.append("36-bit physical addresses (PHYS_ADDR_T_64BIT)")
    if "MIPS_HUGE_TLB_SUPPORT" in symbols:
        found.append("room for huge pages in an entry (MIPS_HUGE_TLB_SUPPORT)")
    return tuple(found)


def entry_format(choice: Choice, software: SoftwareBits) -> EntryFormat:
    """Return the format of a leaf entry in a tree that has these software bits."""
    formats = {"": _format_r4k, "p64": _format_p64, "xpa": _format_xpa}
    return formats[choice.phys](choice, software)


def with_bits(layout: Layout, software: SoftwareBits) -> Layout:
    """Return the layout of the same name in a tree that has these software bits."""
    return replace(layout, entry=entry_format(choice_of(layout), software))


def layout_of(choice: Choice) -> Layout:
    """Compute the layout of one choice from the header formulas of the newest trees."""
    geometry, tables = _geometry_32(choice) if choice.bits == 32 else _geometry_64(choice)
    why = refusal(choice)
    return Layout(
        port=PORT,
        name=choice.name,
        geometry=geometry,
        tables=tables,
        entry=entry_format(choice, SoftwareBits()),
        phys_bits=_phys_bits(choice),
        permitted=not why,
        refusal=why,
        kconfig=kconfig(choice),
    )


@cache
def layouts() -> tuple[Layout, ...]:
    """Return all 40 layouts, 32-bit first, by page size."""
    return tuple(layout_of(choice) for choice in all_choices())
