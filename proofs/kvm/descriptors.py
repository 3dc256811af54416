# SPDX-License-Identifier: GPL-2.0-only
"""Descriptors of pages (``struct page``) and physical addresses, as far as C computes with them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from proofs import terms
from proofs.c.types import CType
from proofs.c.values import Block, Int, OpaqueNumber, Ptr, Value
from proofs.kvm.memory import Memory
from proofs.paths import Unsupported
from proofs.terms import Term, Truth, both, less, same


@dataclass(frozen=True)
class Descriptor:
    """The ``struct page`` of a page."""

    pointer: Ptr
    alignment: int = 1

    def load(self, at: Ptr, kind: CType) -> Value:
        """Return a member."""
        raise Unsupported("a member of a page descriptor is read")

    def store(self, at: Ptr, kind: CType, value: Value) -> None:
        """Change a member."""
        raise Unsupported("a member of a page descriptor is written")

    def is_null(self) -> Truth:
        """Every page has a descriptor."""
        return False

    def is_same(self, other: Block) -> Truth:
        """Return whether both describe one page."""
        if not isinstance(other, Descriptor):
            return False
        one, two = self.pointer.block, other.pointer.block
        return one is not None and two is not None and one.is_same(two)


class PhysicalAddress(OpaqueNumber):
    """The physical address of a page, or with ``frame`` the number of the page."""

    def __init__(self, memory: Memory, pointer: Ptr, frame: bool = False) -> None:
        self.memory = memory
        self.pointer = pointer
        self.frame = frame

    def binary(self, op: str, other: Value, reverse: bool) -> Value | None:
        """Return the page number, or the descriptor that an array of them has for it."""
        shift = self.memory.layout.page_shift
        if op == "cast":
            return self
        if op == ">>" and not self.frame and not reverse and _is(other, shift):
            return PhysicalAddress(self.memory, self.pointer, frame=True)
        if op in ("+", "-") and self.frame and _is(other, 0):
            return self
        if op == "+" and self.frame and isinstance(other, Ptr):
            block = other.block
            if isinstance(block, PageMap):
                return replace(other, block=Descriptor(self.pointer))
        return None


def _is(value: Value, number: int) -> bool:
    return isinstance(value, Int) and value.term.op == "number" and value.term.data == number


class PageMap(Descriptor):
    """``mem_map``: the array of all descriptors."""


def descriptor_pointer(value: Value, memory: Memory) -> Ptr:
    """Return the page that a pointer to a descriptor stands for, as a pointer to its beginning.

    Demands that the address which was turned into the descriptor lies in the block's first page.
    """
    if not isinstance(value, Ptr) or not isinstance(value.block, Descriptor):
        raise Unsupported("a page descriptor was expected")
    at = value.block.pointer
    start = both(same(value.index, 0), value.offset == 0)
    inside = terms.add(terms.multiply(at.index, at.unit), terms.number(at.offset, at.index.width))
    first = less(inside, 1 << memory.layout.page_shift)
    memory.rt.demand("memory", "a page given back begins where it was taken", both(start, first))
    return at


class HostPage:
    """The ``struct page`` of a page of the host, which KVM hands out and takes back."""

    alignment = 1

    def __init__(self, pfn: Term) -> None:
        self.pfn = pfn

    def load(self, at: Ptr, kind: CType) -> Value:
        """Refuse to look into it."""
        raise Unsupported("a member of a page of the host is read")

    def store(self, at: Ptr, kind: CType, value: Value) -> None:
        """Refuse to change it."""
        raise Unsupported("a member of a page of the host is written")

    def is_null(self) -> Truth:
        """There is such a page."""
        return False

    def is_same(self, other: Block) -> Truth:
        """Return whether both stand for one reference."""
        return self is other
