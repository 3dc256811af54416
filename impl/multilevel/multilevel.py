# SPDX-License-Identifier: GPL-2.0-only
"""The multi-level table behind the interface of all implementations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from impl.interface import Capabilities, Outcome, Run
from impl.multilevel import table
from impl.multilevel.quirks import with_quirks
from impl.multilevel.runtime import ConcreteRuntime, Stopped
from impl.quirk import Quirk
from model.layout import Layout
from model.operations import ENOMEM, Kind, Op

# A handler takes the runtime of its own table; mypy is told so where the table is known.
Handler = Callable[[Any, ModuleType, Op], int]


class Operations(NamedTuple):
    """How each operation is carried out, and for which the caller holds ``mmu_lock``."""

    handlers: Mapping[Kind, Handler]
    caller_locks: frozenset[Kind]


class MultiLevel:
    """The repaired multi-level table, with the kernel's quirks if asked for.

    ``algorithm`` is a module with the functions of ``impl.multilevel.table``. Raw entries may
    have bits above 64, see ``model.entry.EntryFormat.encode``.
    """

    name = "multilevel"

    def __init__(
        self,
        layout: Layout,
        quirks: frozenset[Quirk] = frozenset(),
        algorithm: ModuleType = table,
    ) -> None:
        self.layout = layout
        self.quirks = quirks
        self.algorithm = with_quirks(algorithm, quirks, layout)
        self.capabilities = Capabilities(frozenset(_HANDLERS))
        self.operations = Operations(_HANDLERS, _CALLER_LOCKS)

    def runtime(self) -> ConcreteRuntime:
        """Return what carries out one sequence."""
        return ConcreteRuntime(self.layout, self.quirks, self.algorithm)

    def run(self, ops: Sequence[Op]) -> Run:
        """Carry out ``ops``: the first is CREATE, DESTROY may only be the last."""
        check(ops)
        rt = self.runtime()
        outcomes: list[Outcome] = []
        for position, op in enumerate(ops):
            result = carry_out(rt, op, self.operations)
            outcomes.append(outcome(rt, result or 0))
            if result is None:
                return Run(outcomes, position)
            if op.kind is Kind.CREATE and result != 0:
                break
        return Run(outcomes)


def check(ops: Sequence[Op]) -> None:
    """Raise ValueError unless ``ops`` begin with their only CREATE and DESTROY is last at most."""
    kinds = [op.kind for op in ops]
    if Kind.CREATE in kinds[1:] or kinds[:1] not in ([], [Kind.CREATE]):
        raise ValueError("a sequence begins with its only 'create'")
    if Kind.DESTROY in kinds[:-1]:
        raise ValueError("'destroy' may only be the last operation")


def carry_out(rt: ConcreteRuntime, op: Op, operations: Operations) -> int | None:
    """Return the result of ``op``, None where a fatal event ended it."""
    private = op.kind in (Kind.CREATE, Kind.DESTROY)
    rt.begin(op, private)
    try:
        if op.kind in operations.caller_locks:
            rt.spin_lock()
        result = operations.handlers[op.kind](rt, rt.algorithm, op)
        if op.kind in operations.caller_locks:
            rt.spin_unlock()
        rt.end()
        if op.kind is Kind.DESTROY:
            rt.close()
    except Stopped:
        return None
    except Exception as failure:  # whatever a changed algorithm does is an event
        try:
            rt.report("kernel-bug", "exception", f"{type(failure).__name__}: {failure}")
        except Stopped:
            return None
    return int(result)


def outcome(rt: ConcreteRuntime, result: int) -> Outcome:
    """Return what the operation that was just carried out left behind."""
    memory = rt.memory
    return Outcome(
        result,
        rt.changes.collect(),
        tuple(rt.environment.dirty),
        memory.tables,
        memory.taken,
        memory.freed,
        memory.taken - memory.freed,
        tuple(rt.events),
    )


def _create(rt: ConcreteRuntime, do: ModuleType, op: Op) -> int:
    rt.changes.root = do.kvm_pgd_alloc(rt)
    return 0 if rt.changes.root else -ENOMEM


def _lookup(rt: ConcreteRuntime, do: ModuleType, op: Op) -> int:
    ptep = do.kvm_mips_pte_for_gpa(rt, False, op.first)
    raw = 0 if ptep is None else rt.pte_load(ptep)
    return raw if rt.pte_present(raw) else 0


def _log_dirty_masked(rt: ConcreteRuntime, do: ModuleType, op: Op) -> int:
    do.kvm_arch_mmu_enable_log_dirty_pt_masked(rt, op.first, op.last, op.mask)
    return 0


def _flush_all(rt: ConcreteRuntime, do: ModuleType, op: Op) -> int:
    do.kvm_arch_flush_shadow_all(rt)
    return 0


def _destroy(rt: ConcreteRuntime, do: ModuleType, op: Op) -> int:
    do.kvm_mmu_free_memory_caches(rt)
    do.kvm_mips_free_gpa_pt(rt)
    return 0


def _ranged(function: str) -> Handler:
    """Return a handler that passes both operands on and returns the truth of the answer."""

    def handler(rt: ConcreteRuntime, do: ModuleType, op: Op) -> int:
        return int(bool(getattr(do, function)(rt, op.first, op.last)))

    return handler


def _fault(function: str) -> Handler:
    def handler(rt: ConcreteRuntime, do: ModuleType, op: Op) -> int:
        result: int = getattr(do, function)(rt, op.first, op.write)
        return result

    return handler


_HANDLERS: dict[Kind, Handler] = {
    Kind.CREATE: _create,
    Kind.FAULT: _fault("kvm_mips_map_page"),
    Kind.FAULT_FAST: _fault("_kvm_mips_map_page_fast"),
    Kind.LOOKUP: _lookup,
    Kind.FLUSH: _ranged("kvm_mips_flush_gpa_pt"),
    Kind.MKCLEAN: _ranged("kvm_mips_mkclean_gpa_pt"),
    Kind.MKOLD: _ranged("kvm_mips_mkold_gpa_pt"),
    Kind.LOG_DIRTY_MASKED: _log_dirty_masked,
    Kind.UNMAP: _ranged("kvm_unmap_gfn_range"),
    Kind.AGE: _ranged("kvm_age_gfn"),
    Kind.TEST_AGE: _ranged("kvm_test_age_gfn"),
    Kind.FLUSH_SLOT: _ranged("kvm_arch_flush_shadow_memslot"),
    Kind.FLUSH_ALL: _flush_all,
    Kind.COMMIT_REGION: _ranged("kvm_arch_commit_memory_region"),
    Kind.DESTROY: _destroy,
}

_CALLER_LOCKS = frozenset(
    {
        Kind.LOOKUP,
        Kind.FLUSH,
        Kind.MKCLEAN,
        Kind.MKOLD,
        Kind.LOG_DIRTY_MASKED,
        Kind.UNMAP,
        Kind.AGE,
        Kind.TEST_AGE,
    }
)
"""Operations whose function is called with ``mmu_lock`` held."""
