# SPDX-License-Identifier: GPL-2.0-only
"""Memory as the kernel's C sees it: pages of the table, structures, page descriptors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from impl.multilevel.interface import Slot
from proofs import terms
from proofs.c import types
from proofs.c.types import CType
from proofs.c.values import Address, Aggregate, Block, Int, Missing, Opaque, Ptr, Value
from proofs.heap import SLOT_BITS
from proofs.lifting import Name, as_bits, exact
from proofs.paths import Unsupported
from proofs.terms import Term, Truth, both, less, same

if TYPE_CHECKING:
    from proofs.kvm.machine import KvmMachine


def signed(term: Term) -> Any:
    """Return a number of a register's width as the exact signed integer."""
    half = 1 << (term.width - 1)
    return exact(term, -half, half - 1)


class TablePage:
    """A page of the table, or one taken for it; ``level`` is None until it is linked.

    ``pages`` is how many pages the block has, where it was taken here.
    """

    def __init__(self, machine: KvmMachine, name: Term, level: int | None, pages: int = 1) -> None:
        self.machine = machine
        self.name = name
        self.level = level
        self.pages = pages

    @property
    def alignment(self) -> int:
        """Pages are aligned to their size."""
        return 1 << self.machine.layout.page_shift

    def is_null(self) -> Truth:
        """Return whether it is the page that is none."""
        return same(self.name, 0)

    def is_same(self, other: Block) -> Truth:
        """Return whether both are one page."""
        if self is other:
            return True
        return same(self.name, other.name) if isinstance(other, TablePage) else False

    def _slot(self, at: Ptr, size: int) -> tuple[Term, int]:
        """Return the element and the offset (bytes) in it; elements have ``size`` bytes."""
        if at.unit == size:
            return at.index, at.offset
        if at.index.op == "number":
            total = at.index.data * at.unit + at.offset
            return terms.number(total // size, at.index.width), total % size
        if at.unit % size == 0:
            step = terms.number(at.offset // size, at.index.width)
            index = terms.add(terms.multiply(at.index, at.unit // size), step)
            return index, at.offset % size
        raise Unsupported("an entry of a table is accessed in parts")

    def load(self, at: Ptr, kind: CType) -> Value:
        """Return what a slot holds."""
        machine, level = self.machine, self.level
        if level is None:
            raise Unsupported("a new page is read before it is linked")
        if level == machine.leaf:
            return self._load_entry(at, kind)
        slot, offset = self._slot(at, machine.word.size)
        if offset or kind.size != machine.word.size:
            raise Unsupported("a slot of a directory is read in parts")
        child = machine.rt.load(level, Name(self.name), signed(slot))
        page = TablePage(machine, as_bits(child, self.name.width), level + 1)
        return shaped(machine.address(page), kind)

    def _load_entry(self, at: Ptr, kind: CType) -> Value:
        machine = self.machine
        machine.looks_at_entries()
        size = machine.entry.fmt.size
        slot, offset = self._slot(at, size)
        whole_numbers(kind, offset, machine.word.size)
        raw = machine.rt.pte_load(Slot(Name(self.name), signed(slot)))  # type: ignore[arg-type]
        bits = machine.known_bits(as_bits(raw, machine.entry.raw_bits))
        return cut(terms.extract(bits, 8 * size - 1, 0), offset, kind)

    def store(self, at: Ptr, kind: CType, value: Value) -> None:
        """Change a slot."""
        if self.level is None:
            self._store_new(at, kind, value)
        elif self.level == self.machine.leaf:
            self._store_entry(at, kind, value)
        else:
            self._store_link(self.level, at, kind, value)

    def _store_link(self, level: int, at: Ptr, kind: CType, value: Value) -> None:
        machine = self.machine
        slot, offset = self._slot(at, machine.word.size)
        if offset or kind.size != machine.word.size:
            raise Unsupported("a slot of a directory is written in parts")
        name, child = machine.page_stored(plain(value))
        machine.rt.store(level, Name(self.name), signed(slot), Name(name))
        if child is not None and child.level is None:
            child.level = level + 1

    def _store_entry(self, at: Ptr, kind: CType, value: Value) -> None:
        machine = self.machine
        machine.looks_at_entries()
        size = machine.entry.fmt.size
        slot, offset = self._slot(at, size)
        whole_numbers(kind, offset, machine.word.size)
        where = Slot(Name(self.name), signed(slot))  # type: ignore[arg-type]
        new = joined(value, kind)
        if new.width != 8 * size:
            raw = as_bits(machine.rt.pte_load(where), machine.entry.raw_bits)
            new = replaced(terms.extract(raw, 8 * size - 1, 0), new, offset)
        machine.entry_stored(new)
        machine.rt.pte_store(where, Name(terms.bits(new, machine.entry.raw_bits)))

    def _store_new(self, at: Ptr, kind: CType, value: Value) -> None:
        """Write to a page that was taken and is not linked yet."""
        machine = self.machine
        stored = plain(value)
        is_link = isinstance(stored, Address | Ptr)
        size = machine.word.size if is_link else machine.entry.fmt.size
        slot, offset = self._slot(at, size)
        if offset or kind.size != size:
            raise Unsupported("an entry of a new page is written in parts")
        count = (self.pages << machine.layout.page_shift) // size
        inside = less(slot, count)
        machine.rt.demand("memory", "what is initialised is within the page", inside, fatal=True)
        name, number = self.name, terms.extract(slot, SLOT_BITS - 1, 0)
        if is_link:
            machine.rt.poke_link(name, number, machine.page_stored(stored)[0])
        else:
            machine.looks_at_entries()
            whole_numbers(kind, offset, machine.word.size)
            raw = terms.bits(joined(value, kind), machine.entry.raw_bits)
            machine.rt.poke_entry(name, number, raw)


def plain(value: Value) -> Value:
    """Return a scalar out of the records of one member that wrap it."""
    while isinstance(value, Aggregate) and list(value.leaves) == [0]:
        value = value.leaves[0]
    return value


def shaped(value: Value, kind: CType) -> Value:
    """Return a scalar as a type of its size: a record of one member, a pointer, a number."""
    if isinstance(kind, types.Record | types.Array):
        return Aggregate(kind, {0: value})
    if isinstance(kind, types.Pointer) and isinstance(value, Address):
        return value.pointer.cast(kind.to)
    return value


def scalars(kind: CType, offset: int = 0) -> list[tuple[int, types.Integer]]:
    """Return the numbers of a type: where each is (bytes) and its type."""
    match kind:
        case types.Integer():
            return [(offset, kind)]
        case types.Record() if not kind.union:
            return [one for part in kind.fields for one in scalars(part.type, offset + part.offset)]
    raise Unsupported("an entry is of another type than numbers")


def whole_numbers(kind: CType, offset: int, size: int) -> None:
    """Refuse access to an entry but by whole numbers of ``size`` bytes, of which it consists.

    What a part of a number holds, or two numbers read as one, depends on the byte order, which
    proofs know nothing of.
    """
    for where, scalar in scalars(kind):
        if scalar.size != size or (offset + where) % size:
            raise Unsupported("a number in an entry is accessed in parts, or with another")


def cut(bits: Term, offset: int, kind: CType) -> Value:
    """Return the part of an entry that a type sees from byte ``offset`` on."""
    leaves: dict[int, Value] = {}
    for where, scalar in scalars(kind):
        low = 8 * (offset + where)
        if low + 8 * scalar.size > bits.width:
            raise Unsupported("an entry is read beyond its end")
        leaves[where] = Int(terms.extract(bits, low + 8 * scalar.size - 1, low), scalar)
    return leaves[0] if isinstance(kind, types.Integer) else Aggregate(kind, leaves)


def joined(value: Value, kind: CType) -> Term:
    """Return the bits of a number, or of a record of numbers."""
    leaves = value.leaves if isinstance(value, Aggregate) else {0: value}
    found: Term | None = None
    for where, scalar in scalars(kind):
        leaf = leaves.get(where)
        if isinstance(leaf, Missing) or leaf is None:
            raise Unsupported("an entry is written with a value that was not given")
        if not isinstance(leaf, Int) or leaf.term.width != 8 * scalar.size:
            raise Unsupported("an entry is written with what is no number")
        found = leaf.term if found is None else terms.concat(leaf.term, found)
    if found is None:
        raise Unsupported("an entry without members")
    return found


def replaced(bits: Term, part: Term, offset: int) -> Term:
    """Return ``bits`` with ``part`` from byte ``offset`` on."""
    low, high = 8 * offset, 8 * offset + part.width
    found = part
    if low:
        found = terms.concat(found, terms.extract(bits, low - 1, 0))
    if high < bits.width:
        found = terms.concat(terms.extract(bits, bits.width - 1, high), found)
    return found


class Structure:
    """A structure of KVM of which the machine knows some members."""

    alignment = 1

    def __init__(self, machine: KvmMachine, name: str, kind: types.Record) -> None:
        self.machine = machine
        self.name = name
        self.kind = kind

    def pointer(self) -> Ptr:
        """Return a pointer to the structure."""
        zero = terms.number(0, self.machine.word.width)
        return Ptr(self, zero, self.kind.size, 0, self.kind)

    def member(self, at: Ptr, kind: CType | None = None) -> str:
        """Return the path of the member that a pointer is to, such as ``arch.gpa_mm.pgd``."""
        if at.index.op != "number" or at.index.data:
            raise Unsupported(f"memory beside {self.name}")
        return ".".join([self.name, *_path(self.kind, at.offset, kind or at.to)])

    def load(self, at: Ptr, kind: CType) -> Value:
        """Return a member's value."""
        return self.machine.read(self._whole(at, kind), kind)

    def store(self, at: Ptr, kind: CType, value: Value) -> None:
        """Change a member."""
        self.machine.write(self._whole(at, kind), value)

    def _whole(self, at: Ptr, kind: CType) -> str:
        """Return the path of a member that is accessed; in parts, or with others, none is."""
        path = self.member(at, kind)
        if not _is_whole(self.kind, at.offset, kind):
            raise Unsupported(f"{path} is accessed in parts, or with another")
        return path

    def is_null(self) -> Truth:
        """There is such a structure."""
        return False

    def is_same(self, other: Block) -> Truth:
        """Structures are different objects."""
        return self is other


def _path(record: types.Record, offset: int, kind: CType) -> list[str]:
    for one in record.fields:
        if one.offset <= offset < one.offset + max(1, one.type.size):
            inner = one.type
            if isinstance(inner, types.Record) and inner != kind and inner.fields:
                return [one.name, *_path(inner, offset - one.offset, kind)]
            return [one.name]
    raise Unsupported(f"a member of {record.name} at byte {offset}")


def _is_whole(record: types.Record, offset: int, kind: CType) -> bool:
    """Return whether a member begins at ``offset`` and is as large as the type."""
    for one in record.fields:
        inside, inner = offset - one.offset, one.type
        if inside == 0 and inner.size == kind.size:
            return True
        if 0 <= inside < inner.size and isinstance(inner, types.Record):
            return _is_whole(inner, inside, kind)
    return False


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


class PhysicalAddress(Opaque):
    """The physical address of a page, or with ``frame`` the number of the page."""

    def __init__(self, machine: KvmMachine, pointer: Ptr, frame: bool = False) -> None:
        self.machine = machine
        self.pointer = pointer
        self.frame = frame

    def binary(self, op: str, other: Value, reverse: bool) -> Value | None:
        """Return the page number, or the descriptor that an array of them has for it."""
        shift = self.machine.layout.page_shift
        if op == "cast":
            return self
        if op == ">>" and not self.frame and not reverse and _is(other, shift):
            return PhysicalAddress(self.machine, self.pointer, frame=True)
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


def descriptor_pointer(value: Value, machine: KvmMachine) -> Ptr:
    """Return the page that a pointer to a descriptor stands for, as a pointer to its beginning.

    Demands that the address which was turned into the descriptor lies in the block's first page.
    """
    if not isinstance(value, Ptr) or not isinstance(value.block, Descriptor):
        raise Unsupported("a page descriptor was expected")
    at = value.block.pointer
    start = both(same(value.index, 0), value.offset == 0)
    inside = terms.add(terms.multiply(at.index, at.unit), terms.number(at.offset, at.index.width))
    first = less(inside, 1 << machine.layout.page_shift)
    machine.rt.demand("memory", "a page given back begins where it was taken", both(start, first))
    return at
