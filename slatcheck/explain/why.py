# SPDX-License-Identifier: GPL-2.0-only
"""What is special about the place at which a promise broke, worked out from the run itself."""

from __future__ import annotations

from impl.snapshot import SlotState, Snapshot
from model.layout import Layout
from model.operations import HALF_OPEN, SLOT, Answer, Kind, Op
from model.ranges import coalesce
from slatcheck.display.address import stands_for
from slatcheck.explain.operated import addresses, covers, ranges
from slatcheck.search.differential import Symptom


def why(layout: Layout, op: Op, symptom: Symptom, snapshot: Snapshot | None) -> str:
    """Return a sentence on how the operands and the entries that are wrong hang together.

    '' where nothing is seen: it never guesses at a cause in the code.
    """
    frames = [gfn for gfn, _ in symptom.expected]
    for look in (_astray, _between_bits, _at_the_end, _to_the_top, _does_not_fit):
        said = look(layout, op, symptom, frames)
        if said:
            return said
    return _slots(layout, snapshot)


def _named(frames: list[int]) -> str:
    runs = coalesce(frames)
    first, last = runs[0]
    text = f"frame {first:#x}" if first == last else f"frames {first:#x}..{last:#x}"
    return text if len(runs) == 1 else f"{text} and others"


def _astray(layout: Layout, op: Op, symptom: Symptom, frames: list[int]) -> str:
    if symptom.rule != "aliasing":
        return ""
    for name, address in addresses(layout, op):
        lands = stands_for(layout, address)
        if lands != address:
            text = (
                f"The {name}, GPA {address:#x}, lies beyond the reach of "
                f"{layout.geometry.reach_bits} bits; the bits that the tables look at are those "
                f"of GPA {lands:#x}"
            )
            return (
                f"{text}, and {_named(frames)} is not what it should be." if frames else text + "."
            )
    return ""


def _between_bits(layout: Layout, op: Op, symptom: Symptom, frames: list[int]) -> str:
    if op.kind is not Kind.LOG_DIRTY_MASKED or not frames:
        return ""
    spans = ranges(layout, op)
    low, high = spans[0][0], spans[-1][1]
    if all(low < gfn < high and not covers(spans, gfn) for gfn in frames):
        return (
            f"The mask has holes: {_named(frames)} lies between its lowest bit (frame {low:#x}) "
            f"and its highest (frame {high:#x}), where it has no bit."
        )
    return ""


def _end(op: Op) -> int | None:
    """Return the first frame after a half-open range or a slot, None for other operations."""
    if op.kind in HALF_OPEN:
        return op.last
    return op.first + op.last if op.kind in SLOT else None


def _at_the_end(layout: Layout, op: Op, symptom: Symptom, frames: list[int]) -> str:
    end = _end(op)
    if frames != [end]:
        return ""
    return (
        f"Frame {end:#x} is the end of the range, which does not belong to it: "
        "it was treated as the last frame of the range."
    )


def _to_the_top(layout: Layout, op: Op, symptom: Symptom, frames: list[int]) -> str:
    if _end(op) != layout.frames or not frames:
        return ""
    return (
        f"The range ends at the top of the reach, so its end is frame {layout.frames:#x}, the "
        f"first that no table covers; {_named(frames)} of it is not what it should be."
    )


def _does_not_fit(layout: Layout, op: Op, symptom: Symptom, frames: list[int]) -> str:
    page = op.kind is Kind.FAULT and op.answer is Answer.PAGE
    if not page or layout.entry.holds(op.pfn):
        return ""
    lost = op.pfn & ~layout.entry.pfn_mask
    return f"The entry has no place for the bits {lost:#x} of PFN {op.pfn:#x}."


def _slots(layout: Layout, snapshot: Snapshot | None) -> str:
    """Say which slots of a directory hold what they must not."""
    for table in snapshot.tables if snapshot is not None else ():
        for link in table.links:
            if link.slot is not SlotState.TABLE:
                name = layout.tables[table.level].name.upper()
                slots = f"each of the slots {link.first:#x}..{link.last:#x}"
                if link.first == link.last:
                    slots = f"slot {link.first:#x}"
                return f"In the {name} at {table.address:#x}, {slots} {link.slot.value}."
    return ""
