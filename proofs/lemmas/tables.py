# SPDX-License-Identifier: GPL-2.0-only
"""Lemmas on the functions of one table, and the contracts that stand for them."""

from __future__ import annotations

from impl.multilevel.interface import RangeOp
from proofs import contracts, terms
from proofs.contracts import Call
from proofs.heap import (
    PAGE_BITS,
)
from proofs.lemmas.base import Script, Setting, range_spec, unchanged
from proofs.lifting import Flag, Handle, Name, Number, lift_truth, truth_of
from proofs.program import Function
from proofs.runtime.pages import as_frame
from proofs.specs import (
    Flush,
    Specification,
    contract_rule,
    prove_effect,
)
from proofs.symbolic import SymbolicRuntime
from proofs.terms import Term

FLUSH_LEVEL, RANGE_LEVEL = "flush_level", "range_level"
"""The roles of what is called for one table of any level."""

# Functions of one table


def _table_call(at: Setting, level: int) -> tuple[Term, Number, Number, Call]:
    path, rt = at.path, at.rt
    at.level = level
    start, end = at.word("start"), at.word("end")
    table = at.heap.root if level == 0 else path.fresh("table", PAGE_BITS)
    path.point("page", table)
    call = rt.call(level, Name(table), start, end)
    path.assume(*[fact for _, fact in contracts.requires(at.heap, call)])
    if level:
        path.point("frame", as_frame(at.heap, level, table))
    path.show("table", table)
    if level:
        path.show("region", terms.bits(call.region, 64))
    rt.around.locked = True
    return table, start, end, call


def of_table(level: int, op: RangeOp | None) -> Script:
    """A function that works on one table of ``level``; the level below is its contract.

    It is called by the role of the one that tells the leaf from directories, as the contract stands
    for that.
    """

    def script(at: Setting) -> None:
        table, start, end, call = _table_call(at, level)
        before, held = at.heap, at.rt.held()
        at.path.check("before")
        args = (level, Name(table), start, end)
        function = FLUSH_LEVEL if op is None else RANGE_LEVEL
        result = at.run(function, *(args if op is None else (op, *args)), **level_contracts(at))
        unchanged(at, held)
        prove_effect(at.path, _spec(at, op), before, at.rt.state, call, truth_of(result), None)

    return script


def _spec(at: Setting, op: RangeOp | None) -> Specification:
    return Flush(at.layout.levels - 1) if op is None else range_spec(op, at.uniform, at.entry)


def level_contracts(at: Setting) -> dict[str, Function]:
    """Return what stands for the functions of one table in their callers."""

    def flush(rt: SymbolicRuntime, level: int, table: Handle, start: Number, end: Number) -> Flag:
        call = rt.call(level, table, start, end)
        at.path.point("page", call.table)  # type: ignore[arg-type]
        _may_call(at, level)
        spec = _spec(at, None)
        return lift_truth(contract_rule(at.path, spec, rt.state, call))

    def change(
        rt: SymbolicRuntime, op: RangeOp, level: int, table: Handle, start: Number, end: Number
    ) -> Flag:
        call = rt.call(level, table, start, end)
        at.path.point("page", call.table)  # type: ignore[arg-type]
        _may_call(at, level)
        return lift_truth(contract_rule(at.path, _spec(at, op), rt.state, call))

    return {FLUSH_LEVEL: flush, RANGE_LEVEL: change}


def _may_call(at: Setting, level: int) -> None:
    """Demand what every call of a function of one table needs; the induction goes down."""
    at.prove("memory", "the recursion goes down a level", level > at.level)
    held = at.rt.around.locked or at.rt.around.private
    at.prove("lock", "a table is accessed with mmu_lock held", held)
