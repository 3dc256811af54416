# SPDX-License-Identifier: GPL-2.0-only
"""Lemmas on the walk: index arithmetic and lookup."""

from __future__ import annotations

from proofs import contracts, terms
from proofs.contracts import covered
from proofs.heap import (
    PAGE_BITS,
)
from proofs.lemmas.base import Setting, unchanged
from proofs.lifting import Number, as_bits, lifted, truth_of, unsigned
from proofs.terms import agree, both, implies, negate, same

# Index arithmetic


def index(at: Setting) -> None:
    """``pgd_index``, ``pud_index``, ``pmd_index``, ``pte_index`` of an address."""
    shape, layout = at.rt.shape, at.layout
    slot_index = at.program.bind({})["slot_index"]
    one, two = at.address("gpa"), at.address("other")
    frames = [shape.frame_of(as_bits(address, shape.address_bits)) for address in (one, two)]
    numbers = [
        [slot_index(address, level.span, level.entries) for level in layout.tables]
        for address in (one, two)
    ]
    at.path.check("before")
    for depth, found in enumerate(numbers[0]):
        chosen = terms.bits(shape.slot(depth, frames[0]), 16)
        at.prove(
            "exact", "an address selects the slots of its frame", same(as_bits(found, 16), chosen)
        )
    alike = both(*[truth_of(a == b) for a, b in zip(*numbers, strict=True)])
    pages = [truth_of(a // layout.leaf.span < layout.frames) for a in (one, two)]
    equal = truth_of(one // layout.leaf.span == two // layout.leaf.span)
    at.prove(
        "exact",
        "within reach equal slots mean one frame",
        implies(both(*pages), agree(alike, equal)),
    )
    modulo = truth_of(
        one // layout.leaf.span % layout.frames == two // layout.leaf.span % layout.frames
    )
    at.prove(
        "reach",
        "any two addresses share slots just if their frames agree modulo the reach",
        agree(alike, modulo),
    )
    slots = [at.path.fresh("slot", (level.entries - 1).bit_length()) for level in layout.tables]
    made: Number = 0
    for slot, level in zip(slots, layout.tables, strict=True):
        made = made + unsigned(slot) * level.span
    at.prove(
        "exact",
        "the address of any slots fits a word",
        truth_of(lifted(made) <= layout.address_mask),
    )
    onto = [
        truth_of(slot_index(made, level.span, level.entries) == unsigned(slot))
        for slot, level in zip(slots, layout.tables, strict=True)
    ]
    at.prove("exact", "every choice of slots has an address", both(*onto))


def lookup(at: Setting) -> None:
    """The walk to an entry, without allocation."""
    rt, shape = at.rt, at.rt.shape
    rt.around.locked = True
    address = at.word("gpa")
    frame, before = at.frame(address), at.heap
    within = at.reached(address)
    at.path.check("before")
    held = rt.held()
    found = at.run("lookup", False, address)
    unchanged(at, held)
    at.prove("exact", "a lookup changes nothing", rt.heap is before)
    leaf = shape.levels - 1
    if found is None:
        missing = negate(covered(before, leaf, frame))
        at.prove("exact", "NULL means that no table is there", implies(within, missing))
        return
    at.prove("reach", "beyond the reach the answer is NULL", within)
    table = same(as_bits(found.table, PAGE_BITS), contracts.table_of(before, leaf, frame))
    slot = same(as_bits(found.number, 16), terms.bits(shape.slot(leaf, frame), 16))
    right = both(covered(before, leaf, frame), table, slot)
    at.prove("exact", "the answer is the slot of the frame's entry", implies(within, right))
