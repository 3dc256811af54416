# SPDX-License-Identifier: GPL-2.0-only
"""The G-stage table behind the interface of all implementations."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from impl.gstage import table
from impl.gstage.quirks import TABLE
from impl.gstage.runtime import LeafRuntime
from impl.interface import Capabilities
from impl.multilevel.multilevel import MultiLevel, Operations
from impl.quirk import Quirk
from model.layout import Layout
from model.operations import ENOMEM, Kind, Op

Handler = Callable[[LeafRuntime, ModuleType, Op], int]


class GStage(MultiLevel):
    """The repaired table for leaves of several sizes, with the kernel's quirks if asked for.

    ``algorithm`` is a module with the functions of ``impl.gstage.table``. Changes are of leaves:
    the first frame of each, and its raw entry with the leaf's order (``model.entry.ORDER_SHIFT``).
    """

    name = "gstage"

    def __init__(
        self,
        layout: Layout,
        quirks: frozenset[Quirk] = frozenset(),
        algorithm: ModuleType = table,
    ) -> None:
        self.layout = layout
        self.quirks = quirks
        self.algorithm = TABLE.put_into(algorithm, quirks, layout)
        self.capabilities = Capabilities(frozenset(HANDLERS))
        self.operations = Operations(HANDLERS, CALLER_LOCKS)

    def runtime(self) -> LeafRuntime:
        """Return what carries out one sequence."""
        return LeafRuntime(self.layout, self.quirks, self.algorithm)


def _create(rt: LeafRuntime, do: ModuleType, op: Op) -> int:
    rt.changes.root = do.mmu_alloc_pgd(rt)
    return 0 if rt.changes.root else -ENOMEM


def _lookup(rt: LeafRuntime, do: ModuleType, op: Op) -> int:
    found = do.gstage_get_leaf(rt, op.first)
    return found.value if found.leaf else 0


def _fault(rt: LeafRuntime, do: ModuleType, op: Op) -> int:
    result: int = do.mmu_map(rt, op.first, op.write)
    return result


def _map(rt: LeafRuntime, do: ModuleType, op: Op) -> int:
    err: int = do.kvm_mmu_topup_memory_cache(rt, do.cache_minimum(rt))
    if err == 0:
        rt.spin_lock()
        level = do.gstage_order_to_level(rt, op.order)
        err = do.gstage_map_page(rt, op.first, level, op.pfn, op.writable, False)
        rt.spin_unlock()
    return err


def _split(rt: LeafRuntime, do: ModuleType, op: Op) -> int:
    err: int = do.kvm_mmu_topup_memory_cache(rt, do.cache_minimum(rt))
    if err == 0:
        rt.spin_lock()
        do.gstage_split_huge(rt, op.first, do.gstage_order_to_level(rt, op.order))
        rt.spin_unlock()
    return err


def _range(function: str) -> Handler:
    """Return a handler for what works on the addresses of the frames ``first..last``."""

    def handler(rt: LeafRuntime, do: ModuleType, op: Op) -> int:
        span = rt.layout.leaf.span
        getattr(do, function)(rt, op.first * span, (op.last + 1) * span)
        return 0

    return handler


def _ranged(function: str) -> Handler:
    """Return a handler that passes both operands on and returns the truth of the answer."""

    def handler(rt: LeafRuntime, do: ModuleType, op: Op) -> int:
        return int(bool(getattr(do, function)(rt, op.first, op.last)))

    return handler


def _log_dirty_masked(rt: LeafRuntime, do: ModuleType, op: Op) -> int:
    do.kvm_arch_mmu_enable_log_dirty_pt_masked(rt, op.first, op.last, op.mask)
    return 0


def _prepare(rt: LeafRuntime, do: ModuleType, op: Op) -> int:
    found: int = do.kvm_arch_prepare_memory_region(rt, op.first, op.last, op.writable)
    return found


def _ioremap(rt: LeafRuntime, do: ModuleType, op: Op) -> int:
    found: int = do.mmu_ioremap(rt, op.first, op.last, op.pfn, op.writable)
    return found


def _destroy(rt: LeafRuntime, do: ModuleType, op: Op) -> int:
    do.mmu_free_pgd(rt)
    do.kvm_mmu_free_memory_caches(rt)
    return 0


HANDLERS: dict[Kind, Handler] = {
    Kind.CREATE: _create,
    Kind.FAULT: _fault,
    Kind.MAP: _map,
    Kind.LOOKUP: _lookup,
    Kind.FLUSH: _range("gstage_unmap_range"),
    Kind.MKCLEAN: _range("gstage_wp_range"),
    Kind.LOG_DIRTY_MASKED: _log_dirty_masked,
    Kind.UNMAP: _ranged("kvm_unmap_gfn_range"),
    Kind.AGE: _ranged("kvm_age_gfn"),
    Kind.TEST_AGE: _ranged("kvm_test_age_gfn"),
    Kind.FLUSH_SLOT: _ranged("kvm_arch_flush_shadow_memslot"),
    Kind.COMMIT_REGION: _ranged("kvm_arch_commit_memory_region"),
    Kind.PREPARE_REGION: _prepare,
    Kind.IOREMAP: _ioremap,
    Kind.IOUNMAP: _ranged("mmu_iounmap"),
    Kind.SPLIT: _split,
    Kind.DESTROY: _destroy,
}

CALLER_LOCKS = frozenset(
    {
        Kind.LOOKUP,
        Kind.FLUSH,
        Kind.MKCLEAN,
        Kind.LOG_DIRTY_MASKED,
        Kind.UNMAP,
        Kind.AGE,
        Kind.TEST_AGE,
    }
)
"""Operations whose function is called with ``mmu_lock`` held."""
