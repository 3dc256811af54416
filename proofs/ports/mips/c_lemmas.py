# SPDX-License-Identifier: GPL-2.0-only
"""The lemmas on the C of KVM for MIPS: the scripts of ``proofs.lemmas``, function by function."""

from __future__ import annotations

from collections.abc import Callable

from impl.multilevel.interface import RangeOp
from model.layout import Layout
from model.operations import Kind
from model.ports.mips.functions import FUNCTIONS
from proofs.kvm.binding import Bound
from proofs.kvm.task import LemmaTask
from proofs.lemmas.base import Lemma, Setting, unchanged
from proofs.lemmas.faults import fault, fault_fast
from proofs.lemmas.life import create, destroy, table_init
from proofs.lemmas.ranges import RANGES, entry_point
from proofs.lemmas.tables import of_table
from proofs.lemmas.walk import lookup
from proofs.ports.mips.binding import title

_SAFE = ("memory", "invariant", "lock", "accounting")
_TABLE = ("exact", "result", "memory", "lock", "accounting")
_FAULT = ("exact", "result", "reach", "dirty", *_SAFE)
_RANGE = ("exact", "result", "reach", *_SAFE)
_ENTRY = ("exact", "reach", *_SAFE)

CLAUSES: dict[str, tuple[str, ...]] = {
    "kvm_pgd_alloc": ("init", "exact", "memory", "invariant", "accounting"),
    "table_init": ("init", "exact", "memory", "accounting"),
    "kvm_mmu_free_memory_caches": ("leak", "accounting"),
    "kvm_mips_pte_for_gpa": ("exact", "reach", "memory", "lock", "accounting"),
    "_kvm_mips_map_page_fast": _FAULT,
    "kvm_mips_map_page": (*_FAULT, "init", "invalidation"),
    "flush": (*_TABLE, "invariant"),
    "flush directory": (*_TABLE, "invariant", "init", "leak"),
    "range": (*_TABLE, "invariant"),
    "range directory": _TABLE,
    "kvm_mips_flush_gpa_pt": ("exact", "safe", "reach", *_SAFE),
    "kvm_mips_mkclean_gpa_pt": _RANGE,
    "kvm_mips_mkold_gpa_pt": _RANGE,
    "kvm_arch_mmu_enable_log_dirty_pt_masked": _ENTRY,
    "kvm_unmap_gfn_range": _RANGE,
    "kvm_age_gfn": _RANGE,
    "kvm_test_age_gfn": ("exact", "result", "reach", *_SAFE),
    "kvm_arch_flush_shadow_memslot": _ENTRY,
    "kvm_arch_flush_shadow_all": _ENTRY,
    "kvm_arch_commit_memory_region": _ENTRY,
    "kvm_mips_free_gpa_pt": ("warning", "leak", "memory", "lock", "accounting"),
}
"""The clauses that each function's lemma must decide."""


OWN_FORMAT = frozenset(
    {"_kvm_mips_map_page_fast", "kvm_mips_map_page", "kvm_test_age_gfn", "flush", "range"}
)
"""The functions that look at entries; of all others the proof holds for any format."""


def free_caches(at: Setting) -> None:
    """``kvm_mmu_free_memory_caches``: the generic function is called for the vCPU's cache."""
    held = at.rt.held()
    at.path.check("before")
    freed = at.run("free_caches")
    unchanged(at, held)
    at.prove("leak", "the memory cache is given back", freed)


def lemmas(layout: Layout, bound: Bound) -> list[LemmaTask]:
    """Return every lemma of a layout."""
    leaf = layout.levels - 1
    found: list[LemmaTask] = []

    def add(lemma: Lemma, clauses: str, name: str) -> None:
        found.append(LemmaTask(lemma, CLAUSES[clauses], name, clauses in OWN_FORMAT))

    def plain(name: str, script: Callable[[Setting], None], kind: Kind | None) -> None:
        add(Lemma(name, script, kind=kind), name, name)

    plain("kvm_pgd_alloc", create, Kind.CREATE)
    for level in range(1, leaf):
        name = f"{layout.tables[level].name}_init"
        add(Lemma("table_init", table_init(level), level, Kind.FAULT), "table_init", name)
    plain("kvm_mmu_free_memory_caches", free_caches, Kind.DESTROY)
    plain("kvm_mips_pte_for_gpa", lookup, Kind.LOOKUP)
    plain("_kvm_mips_map_page_fast", fault_fast, Kind.FAULT_FAST)
    plain("kvm_mips_map_page", fault, Kind.FAULT)
    for op in (None, RangeOp.MKCLEAN, RangeOp.MKOLD):
        for level in reversed(range(layout.levels)):
            lemma, clauses = _of_table(op, level, leaf)
            add(lemma, clauses, title(op, layout.tables[level].name))
    for kind, locks in RANGES:
        plain(FUNCTIONS[kind], entry_point(kind, locks), kind)
    plain("kvm_mips_free_gpa_pt", destroy, Kind.DESTROY)
    return found


def _of_table(op: RangeOp | None, level: int, leaf: int) -> tuple[Lemma, str]:
    if op is None:
        script = of_table(level, None)
        lemma = Lemma("kvm_mips_flush_gpa_table", script, level, Kind.FLUSH)
        return lemma, "flush" if level == leaf else "flush directory"
    kind = Kind.MKCLEAN if op is RangeOp.MKCLEAN else Kind.MKOLD
    script = of_table(level, op)
    lemma = Lemma(f"kvm_mips_{op.value}_table", script, level, kind, uniform=level != leaf)
    return lemma, "range" if level == leaf else "range directory"
