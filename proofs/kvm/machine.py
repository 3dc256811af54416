# SPDX-License-Identifier: GPL-2.0-only
"""What surrounds the kernel's C in a proof: structures, globals, contracts and primitives."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from proofs import terms
from proofs.c import types
from proofs.c.interpreter import Interpreter, Loop, Signal
from proofs.c.syntax import Unit
from proofs.c.types import CType
from proofs.c.values import Address, Block, Callee, Int, Ptr, Value, int_of, truth_int
from proofs.heap import FREE, PAGE_BITS, empty_marker
from proofs.kvm.memory import PageMap, Structure, TablePage
from proofs.kvm.primitives import PRIMITIVES
from proofs.kvm.runtime import CRuntime
from proofs.paths import Unsupported
from proofs.terms import Term, Truth, negate, same

KVM_MEM_LOG_DIRTY_PAGES = 1
"""The flag of a memory slot (include/uapi/linux/kvm.h)."""
Rule = Callable[["KvmMachine", Interpreter, Loop], Signal | None]
"""Carries out a loop whose end is not known."""
Contract = Callable[["KvmMachine", Interpreter, list[Value]], Value]
"""Stands for a function of the program in its callers."""


class KvmMachine:
    """The machine of one path; ``contracts`` stand for functions of the program, by C name."""

    def __init__(
        self,
        rt: CRuntime,
        unit: Unit,
        contracts: Mapping[str, Contract],
        rule: Rule | None = None,
        symbolic: frozenset[tuple[str, ...]] | None = None,
    ) -> None:
        self.rt = rt
        self.unit = unit
        self.layout = rt.layout
        self.entry = rt.shape.entry
        self.contracts = contracts
        self.rule = rule
        self.symbolic = symbolic
        self.leaf = rt.shape.levels - 1
        self.word = types.Integer(unit.pointer, False)
        self.structures: dict[str, Structure] = {}
        self.gfp: list[tuple[Term, int]] = []
        self.compound_root: bool | None = None
        self.srcu: list[Term] = []
        self._globals: dict[str, Ptr] = {}
        self.operands: dict[str, Value] = {}

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
            raise Opaque("an entry is looked at")

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

    # The interpreter's questions

    def takes(self, run: Interpreter, name: str, args: list[Value]) -> bool:
        """Return whether a contract or a primitive stands for a function."""
        return name in self.contracts or name in PRIMITIVES

    def call(self, run: Interpreter, name: str, args: list[Value]) -> Value:
        """Carry out a contract or a primitive."""
        if name in self.contracts:
            return self.contracts[name](self, run, args)
        found = PRIMITIVES.get(name)
        if found is None:
            raise Unsupported(f"nothing is known of {name}()")
        return found.act(self, run, args)

    def variable(self, run: Interpreter, name: str, kind: CType) -> Ptr:
        """Return where a global variable is."""
        if name not in self._globals:
            self._globals[name] = self._variable(name, kind)
        return self._globals[name]

    def _variable(self, name: str, kind: CType) -> Ptr:
        for level, table in enumerate(self.layout.tables):
            if level and name == f"invalid_{table.name}_table":
                return self.page_pointer(self.marker(level), kind)
        if name == "mem_map":
            zero = terms.number(0, self.word.width)
            none = Ptr(None, zero, 1, 0, types.Void())
            size = kind.of.size if isinstance(kind, types.Array) else 1
            return self.pointer(PageMap(none), size, kind)
        if name == "_page_cachable_default":
            return self.pointer(Constant(self._cachable()), self.word.size, kind)
        if name == "kvm_mips_callbacks":
            where = self.structure("kvm_mips_callbacks").pointer()
            return self.pointer(Constant(where), self.word.size, kind)
        if name not in self.unit.globals:
            raise Unsupported(f"nothing is known of the variable {name}")
        raise Unsupported(f"the global variable {name}")

    def _cachable(self) -> Int:
        """Return the attribute, as it stands in the lowest bits of the cache field."""
        cache = self.entry.fmt.cache
        bits = self.word.width
        return self.number(cache >> bits if cache >> bits else cache)

    def loop(self, run: Interpreter, loop: Loop) -> Callable[[], Signal | None] | None:
        """Return the rule of a loop, None where its turns are to be executed."""
        rule = self.rule
        if rule is None:
            return None
        endless = loop.label != ""
        if self.symbolic is not None and loop.key not in self.symbolic and not endless:
            return None
        return lambda: rule(self, run, loop)

    def endless(self, run: Interpreter, loop: Loop) -> None:
        """Refuse a loop whose end is not known."""
        raise Endless(loop.key)

    def demand(self, statement: str, goal: Truth) -> None:
        """Demand that an operation is defined."""
        self.rt.demand("memory", statement, goal, fatal=True)

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
        flags = types.Integer(4, False)
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
        if path in PRIMITIVES:
            return Callee(path)
        if path.startswith("kvm_vcpu.stat.") or path == "kvm_vcpu.arch.host_cp0_cause":
            return self._any(path, kind)
        getter = _MEMBERS.get(path)
        if getter is None:
            raise Unsupported(f"nothing is known of {path}")
        return getter(self, kind)

    def _any(self, path: str, kind: CType) -> Int:
        if not isinstance(kind, types.Integer):
            raise Unsupported(f"{path} is no number")
        return Int(self.rt.path.fresh(path, kind.width), kind)

    def write(self, path: str, value: Value) -> None:
        """Change a member of a structure."""
        if path.startswith("kvm_vcpu.stat."):
            return  # a statistic, which nothing is decided by
        if path == "kvm.arch.gpa_mm.pgd" and isinstance(value, Ptr) and value.block is None:
            # Only who has freed the root may forget it.
            gone = same(self.rt.heap.kind(self.rt.heap.root), FREE)
            self.rt.demand("invariant", "the root is not forgotten while it is there", gone)
            self.operands[path] = value
            return
        raise Unsupported(f"{path} is changed")


class Opaque(Unsupported):
    """An entry is looked at in a proof that holds for any format."""


class Endless(Unsupported):
    """A loop whose end is not known; ``key`` says which."""

    def __init__(self, key: tuple[str, ...]) -> None:
        super().__init__(f"a loop of {key[-2]} of which no end is known")
        self.key = key


class Constant:
    """A global variable that nobody changes."""

    alignment = 1

    def __init__(self, value: Value) -> None:
        self.value = value

    def load(self, at: Ptr, kind: CType) -> Value:
        """Return its value."""
        return self.value

    def store(self, at: Ptr, kind: CType, value: Value) -> None:
        """Refuse to change it."""
        raise Unsupported("a constant is changed")

    def is_null(self) -> Truth:
        """It has an address."""
        return False

    def is_same(self, other: Block) -> Truth:
        """Variables are different objects."""
        return self is other


def _root(machine: KvmMachine, kind: CType) -> Value:
    page = TablePage(machine, machine.rt.heap.root, 0)
    to = kind.to if isinstance(kind, types.Pointer) else types.Void()
    return machine.page_pointer(page, to)


def _kvm(machine: KvmMachine, kind: CType) -> Value:
    return machine.structure("kvm").pointer()


def _held(machine: KvmMachine, kind: CType) -> Value:
    around = machine.rt.around
    return machine.number(int(around.locked or machine.rt.private), 4, signed=True)


def _sequence(machine: KvmMachine, kind: CType) -> Value:
    seq = machine.rt.mmu_invalidate_seq()
    return Int(terms.bits(terms.bits(seq.term, 32), machine.word.width), machine.word)


def _in_progress(machine: KvmMachine, kind: CType) -> Value:
    rt = machine.rt
    if not rt.around.locked:
        rt.mmu_invalidate_seq()
    return truth_int(rt.around.under_way, types.Integer(machine.word.size, True))


def _cached(machine: KvmMachine, kind: CType) -> Value:
    return Int(terms.bits(machine.rt.heap.depth, 32), types.Integer(4, True))


_MEMBERS: dict[str, Callable[[KvmMachine, CType], Value]] = {
    "kvm.arch.gpa_mm.pgd": _root,
    "kvm.mmu_lock.held": _held,
    "kvm.mmu_invalidate_seq": _sequence,
    "kvm.mmu_invalidate_in_progress": _in_progress,
    "kvm_vcpu.kvm": _kvm,
    "kvm_vcpu.arch.mmu_page_cache.nobjs": _cached,
}
