# SPDX-License-Identifier: GPL-2.0-only
"""What stands for C functions in their callers: the lemmas' contracts, called as C calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from proofs import terms
from proofs.c import types
from proofs.c.run import Run
from proofs.c.types import INT
from proofs.c.values import Int, Ptr, Value, int_of, truth_int
from proofs.kvm.binding import Bound, TableFunction
from proofs.kvm.machine import Contract, KvmMachine
from proofs.kvm.memory import TablePage
from proofs.lemmas.tables import FLUSH_LEVEL, RANGE_LEVEL
from proofs.lifting import Name, Number, truth_of, unsigned
from proofs.paths import Unsupported
from proofs.program import Callables, Function
from proofs.terms import same

TABLE_FIELDS = ("ents", "ptes", "kinds", "bases", "orders", "ats")
"""What a call may change of the heap while invariants are inferred."""


def stand_ins(
    bound: Bound, levels: Mapping[str, int], given: Callables, used: Callable[[str], None]
) -> dict[str, Contract]:
    """Return what stands for C functions, by C name, made of what stands for those of the lemmas.

    ``levels`` gives the number of a level by its name. ``used`` is called with the title of each
    function that must be proved itself, when its contract is used.
    """
    made: dict[str, Contract] = {}
    for table in bound.tables:
        key = FLUSH_LEVEL if table.op is None else RANGE_LEVEL
        if key in given:
            contract = partial(_of_table, table, given[key], levels[table.table])
            made[table.name] = counted(table.title, contract, used)
    return made


def counted(title: str, contract: Contract, used: Callable[[str], None]) -> Contract:
    """Return a contract of which it is noted that it was used."""

    def counted(machine: KvmMachine, run: Run, args: list[Value]) -> Value:
        used(title)
        return contract(machine, run, args)

    return counted


def _table_arguments(
    machine: KvmMachine, level: int, args: list[Value]
) -> tuple[Name, Number, Number]:
    """Return table, start and end of a call of a function of one table."""
    pointer, start, end = args
    if not isinstance(pointer, Ptr) or not isinstance(pointer.block, TablePage):
        raise Unsupported("a function of one table is called for what is no table")
    page = pointer.block
    rt = machine.rt
    rt.demand(
        "memory", "a function is called for a table of its level", page.level == level, fatal=True
    )
    begins = terms.both(same(pointer.index, 0), pointer.offset == 0)
    rt.demand("memory", "a function is called for the beginning of a table", begins)
    return Name(page.name), unsigned(start.term), unsigned(end.term)


def _answer(machine: KvmMachine, run: Run, name: str, truth: terms.Truth) -> Int:
    """Return a truth as a function's result: any number that is not 0 where it may be one."""
    kind = run.type(run.unit.functions[name].result)
    if not isinstance(kind, types.Integer):
        raise Unsupported(f"{name} returns no number")
    if kind.boolean:
        return truth_int(truth, kind)
    number = machine.rt.path.fresh("answer", kind.width)
    machine.rt.path.assume(terms.agree(terms.negate(same(number, 0)), truth))
    return Int(number, kind)


def _of_table(
    function: TableFunction,
    contract: Function,
    level: int,
    machine: KvmMachine,
    run: Run,
    args: list[Value],
) -> Value:
    table, start, end = _table_arguments(machine, level, args)
    operands = (level, table, start, end)
    found = contract(machine.rt, *(operands if function.op is None else (function.op, *operands)))
    return _answer(machine, run, function.name, truth_of(found))


def any_answer(function: TableFunction) -> Contract:
    """Return what stands for a function of one table while invariants are inferred."""

    def contract(machine: KvmMachine, run: Run, args: list[Value]) -> Value:
        rt = machine.rt
        rt.heap = rt.heap.havoc(*TABLE_FIELDS)
        return _answer(machine, run, function.name, rt.path.fresh("any", terms.BOOL))

    return contract


def initialised(level: int, machine: KvmMachine, run: Run, args: list[Value]) -> Value:
    """What stands for a function that makes a new table of ``level`` empty."""
    pointer = args[0].pointer if not isinstance(args[0], Ptr) else args[0]
    page = pointer.block
    if not isinstance(page, TablePage):
        raise Unsupported("what is initialised is no page")
    rt = machine.rt
    begins = terms.both(same(pointer.index, 0), pointer.offset == 0)
    rt.demand("memory", "a page is initialised from its beginning", begins)
    marker = machine.marker(level + 1)
    if len(args) > 1:
        given, _ = machine.page_stored(args[1])
        rt.demand("init", "a table is made empty with its own marker", same(given, marker.name))
    last = machine.layout.tables[level].entries - 1
    rt.fill(level, Name(page.name), 0, last, Name(marker.name))
    return None


def topped_up(contract: Function, machine: KvmMachine, run: Run, args: list[Value]) -> Value:
    """What stands for the function that fills the memory cache."""
    least = args[1].term
    if least.op != "number":
        raise Unsupported("the memory cache is asked for a number of pages that is not known")
    return int_of(contract(machine.rt, least.data), INT)
