# SPDX-License-Identifier: GPL-2.0-only
"""A kernel tree's C as a program for the lemmas: what all ports share of calling its functions."""

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
from proofs.c.values import Int, Ptr, Value, is_true, truth_int
from proofs.heap import PAGE_BITS, SLOT_BITS, fresh_heap, shape_of
from proofs.kvm.binding import Bound
from proofs.kvm.machine import Contract, Endless, KvmMachine, Rule, Services
from proofs.kvm.memory import TablePage
from proofs.kvm.primitives import GFP_COMP
from proofs.kvm.rules import Subject, attempts_rule, table_rule
from proofs.kvm.runtime import CRuntime
from proofs.kvm.stand_ins import any_answer, counted, initialised, stand_ins
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
    """The C of one tree in one layout; a port's program says which functions there are.

    ``services`` are the port's own primitives and global variables.
    """

    name = "kernel"
    loops: Mapping[str, RangeOp | None] = {}
    services = Services()
    root = ""
    """Our name of the function that allocates the root."""

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
        made |= self.stand_ins(contracts)
        functions: dict[str, Function] = {
            "flush_level": partial(self._table, None),
            "range_level": lambda rt, op, *args, **kw: self._table(op, rt, *args, **kw),
            "cache_minimum": lambda rt, **_: self.layout.cache_needed,
            **self.functions(),
        }
        return {name: partial(function, contracts=made) for name, function in functions.items()}

    def functions(self) -> dict[str, Function]:
        """Return the port's functions by their roles; each also takes ``contracts``."""
        raise NotImplementedError

    def stand_ins(self, contracts: Callables) -> dict[str, Contract]:
        """Return what stands for the port's own C functions, by C name.

        Those that make a new table empty are among them; what a port adds goes beside these.
        """
        made: dict[str, Contract] = {}
        for table, name in self.bound.inits.items():
            if name in self.bound.names:
                contract = partial(initialised, self._levels[table])
                made[self.bound.names[name]] = counted(name, contract, self._use)
        return made

    def _use(self, title: str) -> None:
        self.used.add(title)

    def _machine(
        self, rt: CRuntime, contracts: Mapping[str, Contract], rule: Rule | None = None
    ) -> KvmMachine:
        return KvmMachine(rt, self.unit, contracts, self.services, rule)

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

    # Life of the table

    def _created(self, rt: CRuntime, contracts: Mapping[str, Contract]) -> Handle:
        if not self.root:
            raise LookupError(f"{type(self).__name__}.root does not say what allocates the root")
        machine = self._machine(rt, contracts)
        found = self._run(machine, self.root, [])
        for _, gfp in machine.gfp:
            alike = bool(gfp & GFP_COMP) == bool(self.compound_root())
            rt.demand("memory", "every root is taken in the same way", alike)
        if not isinstance(found, Ptr):
            raise Unsupported(f"{self.root} returns no pointer")
        if found.block is None:
            return 0
        if not isinstance(found.block, TablePage):
            raise Unsupported(f"{self.root} returns no page")
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
                self._run(machine, self.root, [])
            finally:
                flags.update(bool(gfp & GFP_COMP) for _, gfp in machine.gfp)

        explore(program)
        return flags.pop() if len(flags) == 1 else None

    def _table_init(
        self, rt: CRuntime, level: int, table: Handle, contracts: Mapping[str, Contract]
    ) -> None:
        """Run what makes a new table of a level empty.

        It takes the table, or its address and that of the empty table which its slots name.
        """
        name = self.bound.inits[self.layout.tables[level].name]
        machine = self._machine(rt, contracts)
        page = TablePage(machine, as_bits(table, PAGE_BITS), None)
        function = self.unit.functions[self.bound.actual(name)]
        if len(function.parameters) == 1:
            args: list[Value] = [machine.page_pointer(page)]
        else:
            args = [machine.address(page), machine.address(machine.marker(level + 1))]
        self._run(machine, name, args)

    # The walk, and entry points that most ports have

    def _null(self) -> Ptr:
        return Ptr(None, terms.number(0, self.word.width), 1, 0, types.Void())

    def _walk(self, name: str, *between: Value) -> Function:
        """Return a walk to an entry: it takes struct kvm, what is ``between``, the address."""

        def run(
            rt: CRuntime, allocate: bool, address: Number, contracts: Mapping[str, Contract]
        ) -> Slot | None:
            machine = self._machine(rt, contracts)
            args = [machine.structure("kvm").pointer(), *between, self._word(address)]
            return self._entry_found(machine, self._run(machine, name, args))

        return run

    def _fault(self, name: str, of: str, *more: Value) -> Function:
        """Return a fault: it takes a structure ``of`` KVM, the address, whether it writes, more.

        It may try again and again, but nothing is carried from one attempt to the next.
        """

        def run(
            rt: CRuntime, address: Number, write: Flag, contracts: Mapping[str, Contract]
        ) -> Number:
            machine = self._machine(rt, contracts, attempts_rule)
            args: list[Value] = [machine.structure(of).pointer(), self._word(address)]
            return self._number(self._run(machine, name, [*args, self._flag(write), *more]))

        return run

    def _entry_found(self, machine: KvmMachine, found: Value) -> Slot | None:
        """Return the entry that a walk found, None where it found no table."""
        rt = machine.rt
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

    def _inclusive(self, name: str) -> Function:
        def run(
            rt: CRuntime, first: Number, last: Number, contracts: Mapping[str, Contract]
        ) -> Flag:
            machine = self._machine(rt, contracts)
            kvm = machine.structure("kvm").pointer()
            value = self._run(machine, name, [kvm, self._long(first), self._long(last)])
            return lift_truth(is_true(value))

        return run

    def _of_kvm(self, name: str) -> Callable[..., None]:
        def run(rt: CRuntime, contracts: Mapping[str, Contract]) -> None:
            machine = self._machine(rt, contracts)
            machine.compound_root = self.compound_root()
            self._run(machine, name, [machine.structure("kvm").pointer()])

        return run
