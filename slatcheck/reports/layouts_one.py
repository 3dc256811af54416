# SPDX-License-Identifier: GPL-2.0-only
"""One layout explained: its bits, its tables, its reach, its entries, and what the kernel does."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from impl.memory_cost import table_cost
from impl.ports import quirks_of, reference_of
from model.layout import Layout
from model.ports import machines, port_of
from slatcheck.display.address import split
from slatcheck.display.ruler import field_name
from slatcheck.display.words import columns, count, size

WIDTH = 100
_BEYOND = "docs/findings/addresses-beyond-the-reach.md"


@dataclass(frozen=True)
class LevelFacts:
    """One level: the bits that index it, and what its tables are."""

    name: str
    high: int
    low: int
    entries: int
    covers: int
    used: int
    block: int
    order: int
    most: int


def levels(layout: Layout) -> list[LevelFacts]:
    """Return the levels from the root; ``used`` and ``block`` are bytes of one table."""
    found = []
    most = 1
    for level in layout.tables:
        size_of = layout.entry.size if level is layout.leaf else layout.bits // 8
        found.append(
            LevelFacts(
                level.name.upper(),
                level.shift + level.entries.bit_length() - 2,
                level.shift,
                level.entries,
                level.span,
                level.entries * size_of,
                layout.table_bytes(level),
                level.order,
                most,
            )
        )
        most *= level.entries
    return found


def what(layout: Layout) -> str:
    """Return in a sentence what configuration the layout stands for."""
    parts = [f"a {layout.bits}-bit kernel with pages of {size(1 << layout.page_shift)}"]
    return ", ".join([*parts, *port_of(layout).choices(layout)])


def permission(layout: Layout) -> str:
    """Return whether Kconfig permits the layout with KVM, and by which choices or why not."""
    if not layout.permitted:
        return f"Kconfig refuses it together with KVM: {layout.refusal}."
    plain = {"MMU", "KVM", "KVM_GENERIC_MMU_NOTIFIER", "MMU_NOTIFIER", "PHYS_ADDR_T_64BIT"}
    plain |= port_of(layout).plain
    chosen = [
        name
        for name, value in layout.kconfig.items()
        if value == "y" and name not in plain and not name.startswith(("ARCH_", "CPU_HAS_"))
    ]
    return f"Kconfig permits it together with KVM: {', '.join(chosen)}."


def who(layout: Layout) -> str:
    """Return which machines run the layout, in which byte orders; '' where Kconfig refuses it."""
    told = [
        f"{machine.name} ({' and '.join(machine.orders)}-endian)" for machine in machines(layout)
    ]
    return f"Machines that run it: {'; '.join(told)}." if told else ""


def reach(layout: Layout) -> list[str]:
    """Return how far the tables reach, what lies beyond, and what is done with that."""
    bits, top = layout.geometry.reach_bits, (layout.frames << layout.page_shift) - 1
    said = [
        f"The tables reach {bits} bits far: GPA 0x0..{top:#x}, {size(top + 1)}, "
        f"{layout.frames:,} frames."
    ]
    if layout.address_bits:
        said.append(
            f"The type of a guest-physical address has {layout.address_bits} bits and an unsigned "
            f"long {layout.bits}; memslots that reach beyond the tables are refused."
        )
        return said
    if bits < layout.bits:
        said.append(
            f"An unsigned long has {layout.bits} bits, so GPA {top + 1:#x}..{layout.word_mask:#x} "
            "lies beyond, and a guest can ask for it."
        )
    else:
        said.append(
            "An unsigned long has just as many bits, so no address lies beyond; a guest frame "
            f"number is 64 bits wide, so a range can name frames from {layout.frames:#x} up."
        )
    said.append(" ".join(["The specification refuses or clips what lies beyond.", *_taken(layout)]))
    return said


def _taken(layout: Layout) -> Iterator[str]:
    """Yield what kernels do with an address beyond the reach, where a page of findings tells."""
    if not any(page == _BEYOND for _, _, page in quirks(layout)):
        return
    bits = layout.geometry.reach_bits
    over = f"bits {layout.bits - 1}..{bits}"
    unseen = over if bits < layout.bits else "the bits that an unsigned long cuts off"
    yield (
        f"Linux 6.1 and 6.12 do not look at {unseen}: such an address stands for one within the "
        f"reach ({_BEYOND})."
    )


def cost(layout: Layout) -> list[str]:
    """Return what the smallest mapping costs, and what one fault may have to take."""
    found = table_cost(layout, [(0, 0)])
    tables = ", ".join(
        f"{size(level.allocated)} for the {level.name.upper()}" for level in found.levels
    )
    have, need = layout.geometry.cache_min, layout.cache_needed
    enough = "as many as needed" if have == need else f"{need} are needed"
    enough = "more than needed" if have > need else enough
    minimum = "kept ready are" if layout.large else "KVM_MMU_CACHE_MIN_PAGES is"
    return [
        f"One mapped page of {size(1 << layout.page_shift)} costs {size(found.allocated)} of "
        f"tables: {tables}.",
        f"One fault takes up to {count(need, 'page')} for tables; {minimum} {have}, {enough}.",
    ]


def entry(layout: Layout) -> list[str]:
    """Return how an entry is laid out."""
    fmt = layout.entry
    words = "two words of 4 bytes" if fmt.size * 8 > layout.bits else f"{fmt.size} bytes"
    named = fmt.flags
    fields = "; ".join(
        f"PFN bits {f.source + f.width - 1}..{f.source} "
        f"at bits {f.target + f.width - 1}..{f.target}"
        for f in fmt.pfn
    )
    flags = ", ".join(f"{name} {_bits(mask)}" for name, mask in fmt.named)
    said = [f"An entry is {words}: {fields}.", f"Its flags, by bit: {flags}."]
    if layout.large:
        sizes = ", ".join(size(1 << layout.page_shift + order) for order in layout.leaf_orders)
        said.append(f"A leaf maps {sizes}: it may stand in a directory, and has flags there too.")
    if "XPA" in layout.kconfig:
        said.append(
            "With XPA the high word is what the hardware reads, the low one holds the software "
            "flags and the upper PFN bits."
        )
    if "no-exec" in named:
        said.append(
            "The core has read and execute inhibit (RIXI): no-read and no-exec are bits of the "
            "entry, and KVM sets neither."
        )
    said.append(
        f"Physical addresses have {layout.phys_bits} bits here, so the highest PFN is "
        f"{layout.pfn_top:#x}."
    )
    lost = layout.pfn_top & ~fmt.pfn_mask
    if lost:
        said.append(f"The PFN bits {lost:#x} have no place in the entry.")
    return said


def _bits(mask: int) -> str:
    return "+".join(str(bit) for bit in range(mask.bit_length()) if mask >> bit & 1)


def quirks(layout: Layout) -> list[tuple[str, str, str]]:
    """Return (name, statement, page of docs/findings) of what kernels are known to do here."""
    known = quirks_of(layout)
    pages = reference_of(layout).pages if known else {}
    return [
        (quirk.name, quirk.statement, f"docs/findings/{pages[quirk.name]}.md")
        for quirk in known
        if quirk.bites(layout)
    ]


def render_text(layout: Layout) -> str:
    """Return the layout explained, for a terminal."""
    opening = textwrap.wrap(f"{layout.name}: {what(layout)}", WIDTH, subsequent_indent="  ")
    lines = [*opening, *_wrapped(permission(layout)), *_wrapped(who(layout)), ""]
    lines += ["a guest-physical address, bit by bit", *_ruler(layout), ""]
    lines += [f"  {line}" for line in _table(layout)]
    for title, said in (
        ("reach", reach(layout)),
        ("cost", cost(layout)),
        ("entry", entry(layout)),
    ):
        lines += ["", title, *(line for text in said for line in _wrapped(text))]
    known = quirks(layout)
    if known:
        lines += ["", "what kernels do here that breaks a promise (each page says which versions)"]
    for name, statement, page in known:
        lines += _wrapped(f"{name}: {statement} See {page}.")
    lines += ["", f"slatcheck check --kernel PATH --layout {layout.name} judges a tree in it."]
    return "\n".join(lines) + "\n"


def _wrapped(text: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        WIDTH,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _table(layout: Layout) -> list[str]:
    rows = [["level", "bits", "entries", "a slot covers", "a table", "its block", "tables at most"]]
    for level in levels(layout):
        pages = count(1 << level.order, "page")
        rows.append(
            [
                level.name,
                f"{level.high}..{level.low}",
                f"{level.entries:,}",
                size(level.covers),
                size(level.used),
                f"{size(level.block)} (order {level.order}, {pages})",
                f"{level.most:,}" if level.most < 1 << 30 else f"2^{level.most.bit_length() - 1}",
            ]
        )
    return columns(rows, right=(2, 3, 4, 6))


def _ruler(layout: Layout) -> list[str]:
    """Return the address as a row of boxes, each as wide as its bits, where the names allow."""
    fields = split(layout, 0)
    room = WIDTH - 4 - len(fields)
    total = sum(field.bits for field in fields)
    names = [field_name(field) for field in fields]
    bits = [f"{field.high}..{field.low}" for field in fields]
    widths = [
        max(len(name) + 2, len(span) + 2, round(room * field.bits / total))
        for field, name, span in zip(fields, names, bits, strict=True)
    ]
    spare = [
        width - max(map(len, texts)) for width, *texts in zip(widths, names, bits, strict=True)
    ]
    while sum(widths) > room and max(spare) > 0:
        widest = max(range(len(widths)), key=lambda n: (spare[n] > 0, widths[n]))
        widths[widest], spare[widest] = widths[widest] - 1, spare[widest] - 1
    edges = [f"{left}{mid.join('─' * width for width in widths)}{right}" for left, mid, right in
             ("┌┬┐", "└┴┘")]  # fmt: skip
    rows = [
        "│" + "│".join(text.center(width) for text, width in zip(texts, widths, strict=True)) + "│"
        for texts in (names, bits)
    ]
    return [f"  {line}" for line in (edges[0], *rows, edges[1])]
