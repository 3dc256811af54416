# SPDX-License-Identifier: GPL-2.0-only
"""How reports put things into words: counts, sizes, layouts, operations, tables of text."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from model.layout import Layout
from model.operations import (
    ADDRESSED,
    BYTES,
    HALF_OPEN,
    INCLUSIVE,
    SLOT,
    Answer,
    Kind,
    Op,
    frame_range,
    from_json,
)
from model.ports import layout as layout_called
from model.ports import layouts as all_layouts

WIDTH = 100
"""The columns that lines of text have at most."""
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")


def clean(text: str) -> str:
    """Return ``text`` in one line, without characters that a terminal would act on."""
    text = " ".join(text.split())
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def count(number: int, what: str, plural: str = "") -> str:
    """Return ``1 page``, ``4,096 pages``."""
    return f"{number:,} {what if number == 1 else plural or what + 's'}"


def size(number: int) -> str:
    """Return a number of bytes, exactly, in the largest unit that divides it: ``128 KiB``."""
    unit = 0
    while number and number % 1024 == 0 and unit < len(_UNITS) - 1:
        number //= 1024
        unit += 1
    return f"{number:,} {_UNITS[unit]}"


def columns(rows: Sequence[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """Return ``rows`` as lines with aligned columns; those numbered ``right`` end flush."""
    flush = set(right)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if n in flush else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def wrapped(lead: str, text: str) -> list[str]:
    """Return ``text`` clean, in lines of at most WIDTH that are indented to the end of ``lead``."""
    return textwrap.wrap(
        clean(text),
        WIDTH,
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [lead.rstrip()]


def item(text: str) -> list[str]:
    """Return ``text`` as one of a list."""
    return wrapped("  - ", text)


def find_layout(name: str) -> Layout | None:
    """Return the layout called ``name``, None where the model has none."""
    try:
        return layout_called(name)
    except KeyError:
        return None


def layout_names(names: Sequence[str], among: Sequence[str]) -> str:
    """Return a compact form of ``names``, a part of ``among`` (all names of the document).

    ``all 23 layouts``, or families of names with their tails in braces.
    """
    found = set(names)
    if len(among) > 1 and found >= set(among):
        return "both layouts" if len(among) == 2 else f"all {len(among)} layouts"
    parts = []
    order = {layout.name: number for number, layout in enumerate(all_layouts())}
    for family, group in groupby(
        sorted(found, key=lambda name: (order.get(name, len(order)), name)),
        key=lambda name: name.partition("-")[0],
    ):
        members = list(group)
        whole = [name for name in among if name.startswith(f"{family}-")]
        if len(whole) > 1 and set(members) >= set(whole):
            parts.append(f"all {family} layouts ({len(whole)})")
        elif len(members) == 1:
            parts.append(members[0])
        else:
            tails = ",".join(name.partition("-")[2] for name in members)
            parts.append(f"{family}-{{{tails}}}")
    return ", ".join(parts)


def spared_names(names: Sequence[str], among: Sequence[str]) -> str:
    """Return ``layout_names``, or ``all but ..`` where that is shorter, with how many they are."""
    told, rest = layout_names(names, among), sorted(set(among) - set(names))
    if not rest or len(among) < 2 or (told.startswith("all ") and "," not in told):
        return told
    spared = "all but " + re.sub(r"\ball (?=\w+ layouts)", "the ", layout_names(rest, among))
    many = f" ({len(set(names))} of {len(among)})"
    if set(names) <= set(among) and len(spared) < len(told):
        return spared + many
    return told + many if len(names) > 1 else told


# Operations

_ANSWERS = {
    Answer.NO_SLOT: "no slot",
    Answer.READ_ONLY: "the slot is read-only",
    Answer.ERROR: "an error",
}


def _extent(op: Op, shift: int) -> str:
    found = frame_range(op, shift)
    if found is None:
        return " — empty"
    first, last = found
    pages = last - first + 1
    return f" — {count(pages, 'page')}, {size(pages << shift)} at GPA {first << shift:#x}"


def _addressed(op: Op, shift: int) -> str:
    text = f"{op.kind.name.lower()} GPA {op.first:#x} (frame {op.first >> shift:#x})"
    if op.kind in (Kind.MAP, Kind.SPLIT):
        return text + _leaf(op, shift)
    if op.kind is not Kind.LOOKUP:
        text += ", write" if op.write else ", read"
    if op.kind is not Kind.FAULT:
        return text
    if op.answer is Answer.PAGE:
        text += f", answered with pfn {op.pfn:#x}, {'writable' if op.writable else 'read-only'}"
    else:
        text += f", answered with {_ANSWERS[op.answer]}"
    if op.order:
        text += f", the host has a page of {size(1 << op.order + shift)} there"
    if op.skew:
        text += f", out of step by {count(op.skew, 'page')}"
    if op.retries:
        text += f", invalidated {count(op.retries, 'time')} meanwhile"
    return text


def _leaf(op: Op, shift: int) -> str:
    """Say which leaf is put in, or how small the one there is to become."""
    text = f", a leaf of {size(1 << op.order + shift)}"
    if op.kind is Kind.MAP:
        text += f" for pfn {op.pfn:#x}, {'writable' if op.writable else 'read-only'}"
    return text


def _device(op: Op, shift: int) -> str:
    """Say which bytes are a device, or where none is any more."""
    text = f"{op.kind.name.lower()} {size(op.last)} at GPA {op.first:#x}"
    if op.kind is Kind.IOREMAP:
        text += f" for pfn {op.pfn:#x}, {'writable' if op.writable else 'read-only'}"
    return text


def _slot(op: Op, shift: int) -> str:
    pages = f"{op.last:#x} pages" if op.last != 1 else "1 page"
    text = f"{op.kind.name.lower()} slot at frame {op.first:#x} of {pages}{_extent(op, shift)}"
    if op.kind is not Kind.PREPARE_REGION:
        return text
    memory = f"a device from pfn {op.pfn:#x} on" if op.write else "memory"
    return f"{text}, {memory}, {'writable' if op.writable else 'read-only'} in user space"


def _borders(op: Op) -> str:
    borders = [f"{border:#x}" for border in dict.fromkeys((op.first, op.last)) if border]
    return "create" + (f", memslots end at frame {' and '.join(borders)}" if borders else "")


def operation(op: Op, shift: int) -> str:
    """Return one operation in words, on a layout with pages of 2**``shift`` bytes.

    Inclusive ranges are written ``first..last``, half-open ones ``[start, end)``.
    """
    name = op.kind.name.lower()
    if op.kind in ADDRESSED:
        text = _addressed(op, shift)
    elif op.kind in INCLUSIVE:
        text = f"{name} {op.first:#x}..{op.last:#x}{_extent(op, shift)}"
    elif op.kind in HALF_OPEN:
        text = f"{name} [{op.first:#x}, {op.last:#x}){_extent(op, shift)}"
    elif op.kind in SLOT:
        text = _slot(op, shift)
    elif op.kind in BYTES:
        text = _device(op, shift)
    elif op.kind is Kind.CREATE:
        text = _borders(op)
    elif op.kind is Kind.LOG_DIRTY_MASKED:
        text = _masked(op, shift)
    else:
        text = name
    return text + (f", allocation {op.oom} fails" if op.oom else "")


def _masked(op: Op, shift: int) -> str:
    base = op.first + op.last
    text = f"log_dirty_masked mask {op.mask:#x} from frame {op.first:#x} + {op.last:#x}"
    pages = op.mask.bit_count()
    low = (op.mask & -op.mask).bit_length() - 1 if op.mask else 0
    where = f" at GPA {(base + low) << shift:#x}" if op.mask else ""
    return f"{text} — {count(pages, 'page')}{where}"


def written_operation(data: Mapping[str, Any], layout: Layout | None) -> str:
    """Return an operation of a trace in words, as it stands where it cannot be understood."""
    try:
        op = from_json(data)
    except (ValueError, TypeError):
        op = None
    if op is None or layout is None:
        return clean(json.dumps(data))
    return operation(op, layout.page_shift)
