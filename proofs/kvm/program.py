# SPDX-License-Identifier: GPL-2.0-only
"""A kernel tree's C as a program for the lemmas: their calls become calls of C functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from impl.multilevel.interface import RangeOp, Slot
from model.layout import Layout
from proofs import terms
from proofs.c import types
from proofs.c.infer import Facts, Observer, facts_of, observe
from proofs.c.interpreter import Interpreter
from proofs.c.purity import Purity
from proofs.c.syntax import Unit
from proofs.c.types import BOOL, U64
from proofs.c.values import Int, Ptr, Value, int_of, is_true, truth_int
from proofs.heap import PAGE_BITS, SLOT_BITS, fresh_heap, shape_of
from proofs.kvm import user_space
from proofs.kvm.binding import WORD, Bound
from proofs.kvm.machine import Contract, Endless, KvmMachine, Rule
from proofs.kvm.memory import TablePage
from proofs.kvm.primitives import GFP_COMP
from proofs.kvm.rules import Subject, attempts_rule, bits_rule, table_rule
from proofs.kvm.runtime import CRuntime
from proofs.kvm.stand_ins import any_answer, stand_ins
from proofs.lemmas.base import range_spec
from proofs.lifting import (
    Flag,
    Handle,
    Name,
    Number,
    as_bits,
    as_plain,
    exact,
    lift_truth,
    lifted,
    truth_of,
    unsigned,
)
from proofs.paths import Path, Unsupported, current, explore
from proofs.program import Callables, Function
from proofs.raw import RawFormat, format_of
from proofs.specs import Flush, Specification
from proofs.terms import same


class CProgram:
    """The C of one tree in one layout."""

    name = "kernel"

    def __init__(self, unit: Unit, layout: Layout, bound: Bound) -> None:
        self.unit = unit
        self.layout = layout
        self.bound = bound
        self.entry = format_of(layout)
        self.shape = shape_of(layout, self.entry)
        self.purity = Purity(unit)
        self.word = types.Integer(unit.pointer, signed=False)
        self.entered: set[str] = set()
        self.used: set[str] = set()
        self._compound_entered: set[str] = set()
        self._facts: dict[tuple[str, int], dict[tuple[str, ...], Facts]] = {}
        self._compound: list[bool | None] = []
        self._levels = {level.name: number for number, level in enumerate(layout.tables)}

    def begin(self, entry: RawFormat) -> None:
        """Begin a proof with entries of a format; nothing was entered or used so far."""
        self.entered, self.used = set(), set()
        self._facts.clear()
        self.entry = entry
        self.shape = shape_of(self.layout, entry)

    # What the lemmas call

    def bind(self, contracts: Callables) -> Callables:
        """Return the functions that lemmas call; callees in ``contracts`` are not entered."""
        made = stand_ins(self.bound, self._levels, contracts, self._use)
        functions: dict[str, Function] = {
            "kvm_pgd_alloc": self._pgd_alloc,
            "table_init": self._table_init,
            "kvm_mips_pte_for_gpa": self._pte_for_gpa,
            "_kvm_mips_map_page_fast": self._fault("_kvm_mips_map_page_fast"),
            "kvm_mips_map_page": self._fault("kvm_mips_map_page"),
            "kvm_mips_flush_gpa_level": partial(self._table, None),
            "kvm_mips_range_op_level": lambda rt, op, *args, **kw: self._table(op, rt, *args, **kw),
            "kvm_mips_flush_gpa_pt": self._inclusive("kvm_mips_flush_gpa_pt"),
            "kvm_mips_mkclean_gpa_pt": self._inclusive("kvm_mips_mkclean_gpa_pt"),
            "kvm_mips_mkold_gpa_pt": self._inclusive("kvm_mips_mkold_gpa_pt"),
            "kvm_arch_mmu_enable_log_dirty_pt_masked": self._masked,
            "kvm_unmap_gfn_range": self._half_open("kvm_unmap_gfn_range"),
            "kvm_age_gfn": self._half_open("kvm_age_gfn"),
            "kvm_test_age_gfn": self._half_open("kvm_test_age_gfn"),
            "kvm_arch_flush_shadow_memslot": self._flush_slot,
            "kvm_arch_flush_shadow_all": self._of_kvm("kvm_arch_flush_shadow_all"),
            "kvm_arch_commit_memory_region": self._commit,
            "kvm_mips_free_gpa_pt": self._of_kvm("kvm_mips_free_gpa_pt"),
            "kvm_mmu_free_memory_caches": self._free_caches,
            "cache_minimum": lambda rt, **_: self.layout.cache_needed,
        }
        return {name: partial(function, contracts=made) for name, function in functions.items()}

    def _use(self, title: str) -> None:
        self.used.add(title)

    def _machine(
        self, rt: CRuntime, contracts: Mapping[str, Contract], rule: Rule | None = None
    ) -> KvmMachine:
        return KvmMachine(rt, self.unit, contracts, rule)

    def _run(self, machine: KvmMachine, name: str, args: list[Value]) -> Value:
        """Execute a bound function by our name."""
        return self._run_actual(machine, self.bound.actual(name), args)

    def _run_actual(self, machine: KvmMachine, actual: str, args: list[Value]) -> Value:
        """Execute a function by its C name."""
        run = Interpreter(self.unit, machine, self.purity)
        try:
            return run.enter(self.unit.functions[actual], args)
        finally:
            self.entered |= run.entered

    # Values

    def _word(self, value: Number) -> Int:
        """Return a lemma's number as an ``unsigned long``."""
        return Int(lifted(value).sized(self.word.width), self.word)

    def _long(self, value: Number) -> Int:
        return Int(lifted(value).sized(64), U64)

    def _flag(self, value: Flag) -> Int:
        return truth_int(truth_of(value), BOOL)

    def _number(self, value: Value) -> Number:
        """Return a C integer as a lemma's number."""
        if not isinstance(value, Int):
            raise Unsupported("a function returns what is no number")
        width = value.term.width
        half = 1 << (width - 1)
        if value.type.signed:
            return exact(value.term, -half, half - 1)
        return unsigned(value.term)

    def _page(self, machine: KvmMachine, table: Handle, level: int | None, kind: str) -> Ptr:
        page = TablePage(machine, as_bits(table, PAGE_BITS), level)
        to = self.unit.types.parse(kind)
        assert isinstance(to, types.Pointer)
        return machine.page_pointer(page, to.to)

    # Life of the table

    def _pgd_alloc(self, rt: CRuntime, contracts: Mapping[str, Contract]) -> Handle:
        machine = self._machine(rt, contracts)
        found = self._run(machine, "kvm_pgd_alloc", [])
        for _, gfp in machine.gfp:
            alike = bool(gfp & GFP_COMP) == bool(self.compound_root())
            rt.demand("memory", "every root is taken in the same way", alike)
        if not isinstance(found, Ptr):
            raise Unsupported("kvm_pgd_alloc returns no pointer")
        if found.block is None:
            return 0
        if not isinstance(found.block, TablePage):
            raise Unsupported("kvm_pgd_alloc returns no page")
        rt.demand("exact", "the root is its page's beginning", same(found.index, 0))
        return Name(found.block.name)

    def compound_root(self) -> bool | None:
        """Return whether the root is taken as a compound page; None where that is not known."""
        if not self._compound:
            before, self.entered = self.entered, set()
            self._compound.append(self._root_flags())
            self._compound_entered, self.entered = self.entered, before
        self.entered |= self._compound_entered
        return self._compound[0]

    def _root_flags(self) -> bool | None:
        flags: set[bool] = set()

        def program(path: Path) -> None:
            rt = CRuntime(path, self.layout, fresh_heap(self.shape))
            rt.around.private = True
            machine = self._machine(rt, {})
            try:
                self._run(machine, "kvm_pgd_alloc", [])
            finally:
                flags.update(bool(gfp & GFP_COMP) for _, gfp in machine.gfp)

        explore(program)
        return flags.pop() if len(flags) == 1 else None

    def _table_init(
        self, rt: CRuntime, level: int, table: Handle, contracts: Mapping[str, Contract]
    ) -> None:
        name = f"{self.layout.tables[level].name}_init"
        machine = self._machine(rt, contracts)
        page = TablePage(machine, as_bits(table, PAGE_BITS), None)
        function = self.unit.functions[self.bound.actual(name)]
        if len(function.parameters) == 1:
            args: list[Value] = [machine.page_pointer(page)]
        else:
            args = [machine.address(page), machine.address(machine.marker(level + 1))]
        self._run(machine, name, args)

    def _free_caches(self, rt: CRuntime, contracts: Mapping[str, Contract]) -> bool:
        machine = self._machine(rt, contracts)
        vcpu = machine.structure("kvm_vcpu").pointer()
        self._run(machine, "kvm_mmu_free_memory_caches", [vcpu])
        return rt.around.caches_freed

    # The walk and faults

    def _pte_for_gpa(
        self, rt: CRuntime, allocate: bool, address: Number, contracts: Mapping[str, Contract]
    ) -> Slot | None:
        machine = self._machine(rt, contracts)
        none = Ptr(None, terms.number(0, self.word.width), 1, 0, types.Void())
        args = [machine.structure("kvm").pointer(), none, self._word(address)]
        found = self._run(machine, "kvm_mips_pte_for_gpa", args)
        if not isinstance(found, Ptr):
            raise Unsupported("the walk returns no pointer")
        if found.block is None:
            return None
        if not isinstance(found.block, TablePage):
            raise Unsupported("the walk returns no entry")
        leaf = found.block.level == machine.leaf
        rt.demand("exact", "the answer is an entry of a leaf table", leaf and found.offset == 0)
        entries = self.layout.leaf.entries
        rt.demand("exact", "the answer is within its table", terms.less(found.index, entries))
        number = unsigned(terms.extract(found.index, SLOT_BITS - 1, 0))
        return Slot(as_plain(Name(found.block.name)), as_plain(number))

    def _fault(self, name: str) -> Function:
        def run(
            rt: CRuntime, address: Number, write: Flag, contracts: Mapping[str, Contract]
        ) -> Number:
            machine = self._machine(rt, contracts, attempts_rule)
            vcpu = machine.structure("kvm_vcpu").pointer()
            none = Ptr(None, terms.number(0, self.word.width), 1, 0, types.Void())
            args = [vcpu, self._word(address), self._flag(write), none, none]
            return self._number(self._run(machine, name, args))

        return run

    # Functions of one table

    def _table(
        self,
        op: RangeOp | None,
        rt: CRuntime,
        level: int,
        table: Handle,
        start: Number,
        end: Number,
        contracts: Mapping[str, Contract],
    ) -> Flag:
        name = self.bound.table(op, self.layout.tables[level].name)
        if name is None:
            raise Unsupported(f"not bound: the function of a {self.layout.tables[level].name}")
        spec = self._spec(op, level)
        subject = Subject(rt.call(level, table, start, end), spec, rt.heap)
        facts = self._facts_of(name, level, table, start, end)
        machine = self._machine(rt, contracts, table_rule(subject, facts))
        machine.symbolic = frozenset(facts)
        return self._call_table(machine, name, level, table, start, end)

    def _call_table(
        self, machine: KvmMachine, name: str, level: int, table: Handle, start: Number, end: Number
    ) -> Flag:
        kind = self.unit.functions[name].parameters[0].type
        pointer = self._page(machine, table, level, kind)
        args = [pointer, self._word(start), self._word(end)]
        return lift_truth(is_true(self._run_actual(machine, name, args)))

    def _spec(self, op: RangeOp | None, level: int) -> Specification:
        leaf = self.layout.levels - 1
        if op is None:
            return Flush(leaf)
        return range_spec(op, level != leaf, self.entry)

    def _facts_of(
        self, name: str, level: int, table: Handle, start: Number, end: Number
    ) -> dict[tuple[str, ...], Facts]:
        """Return what is known of the loops of a function of one table; inferred once."""
        key = (name, level)
        if key not in self._facts:

            def execute(observer: Observer) -> terms.Truth:
                rt = CRuntime(current(), self.layout, fresh_heap(self.shape))
                rt.around.locked = True
                contracts = {table.name: any_answer(table) for table in self.bound.tables}
                machine = self._machine(rt, contracts, lambda _, *loop: observer.rule(*loop))
                machine.symbolic = frozenset(observer.symbolic)
                truth = self._call_table(machine, name, level, table, start, end)
                return truth_of(truth)

            seen = observe(execute, Endless)
            self._facts[key] = {where: facts_of(observed) for where, observed in seen.items()}
        return self._facts[key]

    # Entry points over ranges

    def _inclusive(self, name: str) -> Function:
        def run(
            rt: CRuntime, first: Number, last: Number, contracts: Mapping[str, Contract]
        ) -> Flag:
            machine = self._machine(rt, contracts)
            kvm = machine.structure("kvm").pointer()
            value = self._run(machine, name, [kvm, self._long(first), self._long(last)])
            return lift_truth(is_true(value))

        return run

    def _half_open(self, name: str) -> Function:
        def run(
            rt: CRuntime, first: Number, last: Number, contracts: Mapping[str, Contract]
        ) -> Flag:
            if self._by_address(name):
                return self._notified(rt, name, first, last, contracts)
            machine = self._machine(rt, contracts)
            machine.operands |= {
                "kvm_gfn_range.start": self._long(first),
                "kvm_gfn_range.end": self._long(last),
            }
            self._witness(rt, first)
            kvm = machine.structure("kvm").pointer()
            range_ = machine.structure("kvm_gfn_range").pointer()
            return lift_truth(is_true(self._run(machine, name, [kvm, range_])))

        return run

    def _by_address(self, name: str) -> bool:
        """Return whether a notifier is told addresses of user space and looks up the slots."""
        function = self.unit.functions.get(self.bound.names.get(name, ""))
        return function is not None and function.parameters[1].type == WORD

    def _notified(
        self,
        rt: CRuntime,
        name: str,
        first: Number,
        last: Number,
        contracts: Mapping[str, Contract],
    ) -> Flag:
        """Run a notifier for a range that is a slot, whose memory is anywhere in user space."""
        wanted = self.unit.functions[self.bound.actual(name)].parameters[1:]
        # One address stands for one page, and so does what is asked of it (model.contracts).
        shift, single = self.layout.page_shift, len(wanted) == 1
        bits = self.layout.bits
        slot = user_space.Slot(self._long(first), self._long(last), shift, bits, single)
        machine = self._machine(rt, contracts)
        machine.operands |= {
            "kvm.memslots.first": machine.structure("kvm_memory_slot").pointer(),
            "kvm_memory_slot.base_gfn": slot.first,
            "kvm_memory_slot.npages": user_space.pages(slot),
            "kvm_memory_slot.userspace_addr": user_space.address(slot, 0),
        }
        self._witness(rt, first)
        start, end = (user_space.address(slot, slots) for slots in (0, 1))
        kvm = machine.structure("kvm").pointer()
        args: list[Value] = [start, end][: len(wanted)]
        for extra in wanted[2:]:
            kind = self.unit.types.parse(extra.type)
            assert isinstance(kind, types.Integer)
            args.append(int_of(0, kind))
        answer = is_true(self._run(machine, name, [kvm, *args]))
        return lift_truth(terms.either(answer, rt.around.flushed))

    def _witness(self, rt: CRuntime, first: Number) -> None:
        """Let the first frame be looked at."""
        frame = terms.low_bits(lifted(first).sized(64), self.shape.frame_bits)
        rt.path.point("frame", frame)
        rt.state.witness = frame

    def _masked(
        self,
        rt: CRuntime,
        base: Number,
        offset: Number,
        mask: Number,
        contracts: Mapping[str, Contract],
    ) -> None:
        bits = rt.loops.bits
        assert bits is not None
        word = self._word(mask)
        machine = self._machine(rt, contracts, bits_rule(bits.op, bits.within, word.term))
        machine.operands["kvm_memory_slot.base_gfn"] = self._long(base)
        kvm = machine.structure("kvm").pointer()
        slot = machine.structure("kvm_memory_slot").pointer()
        args = [kvm, slot, self._long(offset), word]
        self._run(machine, "kvm_arch_mmu_enable_log_dirty_pt_masked", args)

    def _slot(self, machine: KvmMachine, base: Number, pages: Number) -> Ptr:
        machine.operands |= {
            "kvm_memory_slot.base_gfn": self._long(base),
            "kvm_memory_slot.npages": self._word(pages),
        }
        return machine.structure("kvm_memory_slot").pointer()

    def _flush_slot(
        self, rt: CRuntime, base: Number, pages: Number, contracts: Mapping[str, Contract]
    ) -> None:
        machine = self._machine(rt, contracts)
        kvm = machine.structure("kvm").pointer()
        slot = self._slot(machine, base, pages)
        self._run(machine, "kvm_arch_flush_shadow_memslot", [kvm, slot])

    def _commit(
        self, rt: CRuntime, base: Number, pages: Number, contracts: Mapping[str, Contract]
    ) -> None:
        """The one case in which it acts: dirty logging is switched on."""
        machine = self._machine(rt, contracts)
        kvm = machine.structure("kvm").pointer()
        old, new = machine.slots(self._long(base), self._word(pages))
        change = int_of(
            self.unit.enumerators.get("KVM_MR_FLAGS_ONLY", 3), types.Integer(4, signed=False)
        )
        args: list[Value] = [kvm, old, new, change]
        name = "kvm_arch_commit_memory_region"
        if len(self.unit.functions[self.bound.actual(name)].parameters) > len(args):
            # The user's region: only messages look at it.
            args.insert(1, Ptr(None, terms.number(0, self.word.width), 1, 0, types.Void()))
        self._run(machine, name, args)

    def _of_kvm(self, name: str) -> Callable[..., None]:
        def run(rt: CRuntime, contracts: Mapping[str, Contract]) -> None:
            machine = self._machine(rt, contracts)
            machine.compound_root = self.compound_root()
            self._run(machine, name, [machine.structure("kvm").pointer()])

        return run
