# SPDX-License-Identifier: GPL-2.0-only
"""Memory as the kernel's C sees it: pages of the table, and structures of KVM."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from impl.multilevel.interface import Slot
from proofs import terms
from proofs.c import types
from proofs.c.syntax import Unit
from proofs.c.types import INT, CType
from proofs.c.values import Address, Block, Callee, Int, Ptr, Value, int_of, truth_int
from proofs.heap import FREE, PAGE_BITS, SLOT_BITS, empty_marker
from proofs.kvm.runtime import CRuntime
from proofs.kvm.scalars import cut, joined, plain, replaced, shaped, signed, whole_numbers
from proofs.lifting import Name, as_bits, as_plain, lifted
from proofs.paths import Unsupported
from proofs.terms import Term, Truth, less, negate, same

KVM_MEM_LOG_DIRTY_PAGES = 1
"""The flag of a memory slot (include/uapi/linux/kvm.h)."""


NO_MEMBERS: Mapping[str, Member] = {}


class Memory:
    """The memory of one path, and what is noted beside it while primitives act on it.

    ``functions`` are the members of structures, by path, that are pointers to functions,
    ``members`` what others hold; the root of the table is at the path ``root``.
    """

    def __init__(
        self,
        rt: CRuntime,
        unit: Unit,
        functions: Set[str],
        members: Mapping[str, Member] = NO_MEMBERS,
        root: str = "",
    ) -> None:
        self.members = {**_MEMBERS, **members, root: _root}
        self.root = root
        self.rt = rt
        self.unit = unit
        self.functions = functions
        self.layout = rt.layout
        self.entry = rt.shape.entry
        self.leaf = rt.shape.levels - 1
        self.word = types.Integer(unit.pointer, signed=False)
        self.structures: dict[str, Structure] = {}
        self.operands: dict[str, Value] = {}
        self.gfp: list[tuple[Term, int]] = []
        self.compound_root: bool | None = None
        self.srcu: list[Term] = []

    # Values

    def number(self, value: int, size: int | None = None, signed: bool = False) -> Int:
        """Return a constant of ``size`` bytes, of a register's by default."""
        return int_of(value, types.Integer(size or self.word.size, signed))

    def pointer(self, block: Block, unit: int, to: CType | None = None) -> Ptr:
        """Return a pointer to the beginning of a block whose elements have ``unit`` bytes."""
        zero = terms.number(0, self.word.width)
        return Ptr(block, zero, unit, 0, to or types.Void())

    def page_pointer(self, page: TablePage, to: CType | None = None) -> Ptr:
        """Return a pointer to the first slot of a page."""
        leaf = page.level == self.leaf
        return self.pointer(page, self.entry.fmt.size if leaf else self.word.size, to)

    def address(self, page: TablePage) -> Address:
        """Return the address of a page."""
        return Address(self.page_pointer(page), self.word)

    def page_stored(self, value: Value) -> tuple[Term, TablePage | None]:
        """Return the page that a directory's slot gets. Demands that it is the address of one."""
        if isinstance(value, Address):
            value = value.pointer
        zero = isinstance(value, Int) and value.term.op == "number" and value.term.data == 0
        if zero or (isinstance(value, Ptr) and value.block is None):
            return terms.number(0, PAGE_BITS), None
        if not isinstance(value, Ptr) or not isinstance(value.block, TablePage):
            self.rt.demand("init", "a slot gets the address of a table", False, fatal=True)
            raise Unsupported("a slot of a directory gets what is no address of a table")
        start = terms.both(same(value.index, 0), value.offset == 0)
        self.rt.demand("memory", "a slot links the beginning of a table", start, fatal=True)
        return value.block.name, value.block

    def looks_at_entries(self) -> None:
        """Refuse to look at an entry where any format stands for the layout's own."""
        if not self.entry.canonical:
            raise FormatMatters("an entry is looked at")

    def known_bits(self, raw: Term) -> Term:
        """Return an entry without the bits that none in the table has; demands that it has none."""
        used = terms.number(self.entry.used, raw.width)
        kept = terms.bit_and(raw, used)
        self.rt.demand("entry", "no entry has a bit that has another meaning", same(raw, kept))
        return kept

    def entry_stored(self, raw: Term) -> None:
        """Demand that the page which was looked up is still the frame's when it is installed."""
        around = self.rt.around
        if around.page is not None:
            self.rt.demand(
                "invalidation", "the page was not invalidated since", negate(around.stale)
            )

    def marker(self, level: int) -> TablePage:
        """Return the kernel's shared empty table of ``level``."""
        name = terms.number(empty_marker(level - 1), PAGE_BITS)
        return TablePage(self, name, level)

    # Structures

    def structure(self, name: str) -> Structure:
        """Return a structure of KVM by the name of its type."""
        if name not in self.structures:
            kind = self.unit.types.parse(f"struct {name}")
            if not isinstance(kind, types.Record):
                raise Unsupported(f"struct {name} is no structure")
            self.structures[name] = Structure(self, name, kind)
        return self.structures[name]

    def slots(self, base: Int, pages: Int) -> tuple[Ptr, Ptr]:
        """Return a memory slot before and after dirty logging was switched on for it."""
        kind = self.structure("kvm_memory_slot").kind
        flags = types.Integer(4, signed=False)
        found = []
        for name, logging in (("old slot", 0), ("new slot", KVM_MEM_LOG_DIRTY_PAGES)):
            self.structures[name] = Structure(self, name, kind)
            self.operands |= {
                f"{name}.base_gfn": base,
                f"{name}.npages": pages,
                f"{name}.flags": int_of(logging, flags),
            }
            found.append(self.structures[name].pointer())
        return found[0], found[1]

    def read(self, path: str, kind: CType) -> Value:
        """Return a member of a structure."""
        if path in self.operands:
            return self.operands[path]
        if path in self.functions:
            return Callee(path)
        if path.startswith("kvm_vcpu.stat."):
            return self.any_number(path, kind)
        getter = self.members.get(path)
        if getter is None:
            raise Unsupported(f"nothing is known of {path}")
        return getter(self, kind)

    def any_number(self, path: str, kind: CType) -> Int:
        """Return any number, the value of a member of which nothing is known."""
        if not isinstance(kind, types.Integer):
            raise Unsupported(f"{path} is no number")
        return Int(self.rt.path.fresh(path, kind.width), kind)

    def write(self, path: str, value: Value) -> None:
        """Change a member of a structure."""
        if path.startswith("kvm_vcpu.stat."):
            return  # a statistic, which nothing is decided by
        if path == self.root and isinstance(value, Ptr) and value.block is None:
            # Only who has freed the root may forget it.
            gone = same(self.rt.heap.kind(self.rt.heap.root), FREE)
            self.rt.demand("invariant", "the root is not forgotten while it is there", gone)
            self.operands[path] = value
            return
        raise Unsupported(f"{path} is changed")


class FormatMatters(Unsupported):
    """An entry is looked at in a proof that holds for any format."""


class TablePage:
    """A page of the table, or one taken for it; ``level`` is None until it is linked.

    ``pages`` is how many pages the block has, where it was taken here.
    """

    def __init__(self, memory: Memory, name: Term, level: int | None, pages: int = 1) -> None:
        self.memory = memory
        self.name = name
        self.level = level
        self.pages = pages

    @property
    def alignment(self) -> int:
        """Pages are aligned to their size."""
        return 1 << self.memory.layout.page_shift

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
        memory, level = self.memory, self.level
        if level is None:
            raise Unsupported("a new page is read before it is linked")
        if level == memory.leaf:
            return self._load_entry(at, kind)
        slot, offset = self._slot(at, memory.word.size)
        if offset or kind.size != memory.word.size:
            raise Unsupported("a slot of a directory is read in parts")
        child = memory.rt.load(level, Name(self.name), signed(slot))
        page = TablePage(memory, as_bits(child, self.name.width), level + 1)
        return shaped(memory.address(page), kind)

    def _load_entry(self, at: Ptr, kind: CType) -> Value:
        memory = self.memory
        memory.looks_at_entries()
        size = memory.entry.fmt.size
        slot, offset = self._slot(at, size)
        whole_numbers(kind, offset, memory.word.size)
        where = Slot(as_plain(Name(self.name)), as_plain(signed(slot)))
        raw = memory.rt.pte_load(where)
        bits = memory.known_bits(as_bits(raw, memory.entry.raw_bits))
        return cut(terms.extract(bits, 8 * size - 1, 0), offset, kind)

    def store(self, at: Ptr, kind: CType, value: Value) -> None:
        """Change a slot."""
        if self.level is None:
            self._store_new(at, kind, value)
        elif self.level == self.memory.leaf:
            self._store_entry(at, kind, value)
        else:
            self._store_link(self.level, at, kind, value)

    def _store_link(self, level: int, at: Ptr, kind: CType, value: Value) -> None:
        memory = self.memory
        slot, offset = self._slot(at, memory.word.size)
        if offset or kind.size != memory.word.size:
            raise Unsupported("a slot of a directory is written in parts")
        name, child = memory.page_stored(plain(value))
        memory.rt.store(level, Name(self.name), signed(slot), Name(name))
        if child is not None and child.level is None:
            child.level = level + 1

    def _store_entry(self, at: Ptr, kind: CType, value: Value) -> None:
        memory = self.memory
        memory.looks_at_entries()
        size = memory.entry.fmt.size
        slot, offset = self._slot(at, size)
        whole_numbers(kind, offset, memory.word.size)
        where = Slot(as_plain(Name(self.name)), as_plain(signed(slot)))
        new = joined(value, kind)
        if new.width != 8 * size:
            raw = as_bits(memory.rt.pte_load(where), memory.entry.raw_bits)
            new = replaced(terms.extract(raw, 8 * size - 1, 0), new, offset)
        memory.entry_stored(new)
        memory.rt.pte_store(where, Name(terms.bits(new, memory.entry.raw_bits)))

    def _store_new(self, at: Ptr, kind: CType, value: Value) -> None:
        """Write to a page that was taken and is not linked yet."""
        memory = self.memory
        stored = plain(value)
        is_link = isinstance(stored, Address | Ptr)
        size = memory.word.size if is_link else memory.entry.fmt.size
        slot, offset = self._slot(at, size)
        if offset or kind.size != size:
            raise Unsupported("an entry of a new page is written in parts")
        count = (self.pages << memory.layout.page_shift) // size
        inside = less(slot, count)
        memory.rt.demand("memory", "what is initialised is within the page", inside, fatal=True)
        name, number = self.name, terms.extract(slot, SLOT_BITS - 1, 0)
        if is_link:
            memory.rt.poke_link(name, number, memory.page_stored(stored)[0])
        else:
            memory.looks_at_entries()
            whole_numbers(kind, offset, memory.word.size)
            raw = terms.bits(joined(value, kind), memory.entry.raw_bits)
            memory.rt.poke_entry(name, number, raw)


class Structure:
    """A structure of KVM of which the memory knows some members."""

    alignment = 1

    def __init__(self, memory: Memory, name: str, kind: types.Record) -> None:
        self.memory = memory
        self.name = name
        self.kind = kind

    def pointer(self) -> Ptr:
        """Return a pointer to the structure."""
        zero = terms.number(0, self.memory.word.width)
        return Ptr(self, zero, self.kind.size, 0, self.kind)

    def member(self, at: Ptr, kind: CType | None = None) -> str:
        """Return the path of the member that a pointer is to, such as ``arch.pgd``."""
        if at.index.op != "number" or at.index.data:
            raise Unsupported(f"memory beside {self.name}")
        names, _, _ = _member(self.kind, at.offset, kind or at.to)
        return ".".join([self.name, *names])

    def load(self, at: Ptr, kind: CType) -> Value:
        """Return a member's value."""
        return self.memory.read(self._whole(at, kind), kind)

    def store(self, at: Ptr, kind: CType, value: Value) -> None:
        """Change a member."""
        self.memory.write(self._whole(at, kind), value)

    def _whole(self, at: Ptr, kind: CType) -> str:
        """Return the path of a member that is accessed; in parts, or with others, none is."""
        path = self.member(at, kind)
        _, inside, found = _member(self.kind, at.offset, kind)
        if inside or found.size != kind.size:
            raise Unsupported(f"{path} is accessed in parts, or with another")
        return path

    def is_null(self) -> Truth:
        """There is such a structure."""
        return False

    def is_same(self, other: Block) -> Truth:
        """Structures are different objects."""
        return self is other


def _member(record: types.Record, offset: int, kind: CType) -> tuple[list[str], int, CType]:
    """Return the names down to the member that has a byte, the byte within it, and its type."""
    for field in record.fields:
        if field.offset <= offset < field.offset + max(1, field.type.size):
            inner = field.type
            if isinstance(inner, types.Record) and inner != kind and inner.fields:
                names, inside, found = _member(inner, offset - field.offset, kind)
                return [field.name, *names], inside, found
            return [field.name], offset - field.offset, inner
    raise Unsupported(f"a member of {record.name} at byte {offset}")


def _root(memory: Memory, kind: CType) -> Value:
    page = TablePage(memory, memory.rt.heap.root, 0)
    to = kind.to if isinstance(kind, types.Pointer) else types.Void()
    return memory.page_pointer(page, to)


def _kvm(memory: Memory, kind: CType) -> Value:
    return memory.structure("kvm").pointer()


def _held(memory: Memory, kind: CType) -> Value:
    around = memory.rt.around
    return memory.number(int(around.locked or around.private), 4, signed=True)


def _sequence(memory: Memory, kind: CType) -> Value:
    seq = memory.rt.mmu_invalidate_seq()
    return Int(terms.bits(lifted(seq).sized(32), memory.word.width), memory.word)


def _in_progress(memory: Memory, kind: CType) -> Value:
    rt = memory.rt
    if not rt.around.locked:
        rt.mmu_invalidate_seq()
    return truth_int(rt.around.under_way, types.Integer(memory.word.size, signed=True))


def cached(memory: Memory, kind: CType) -> Value:
    """Return how many pages the memory cache holds."""
    return Int(terms.bits(memory.rt.heap.depth, 32), INT)


Member = Callable[[Memory, CType], Value]
"""What a member of a structure holds."""
_MEMBERS: dict[str, Member] = {
    "kvm.mmu_lock.held": _held,
    "kvm.mmu_invalidate_seq": _sequence,
    "kvm.mmu_invalidate_in_progress": _in_progress,
    "kvm_vcpu.kvm": _kvm,
}
