# SPDX-License-Identifier: GPL-2.0-only
"""Which C functions the contracts belong to: by name and signature, the tables' by their callers.

One table for each form of the interface. A function that is absent or has another shape is not
bound, and nothing is proved of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from impl.multilevel.interface import RangeOp
from model.layout import Layout
from proofs.c.syntax import FunctionNode, Unit
from proofs.paths import Unsupported

WORD = "unsigned long"
_REGION = "const struct kvm_userspace_memory_region *"
_SLOT = "const struct kvm_memory_slot *"
SIGNATURES: dict[str, tuple[tuple[str, ...], ...]] = {
    "kvm_pgd_alloc": ((),),
    "pmd_init": (("void *",), (WORD, WORD)),
    "pud_init": (("void *",), (WORD, WORD)),
    "kvm_mips_pte_for_gpa": (("struct kvm *", "struct kvm_mmu_memory_cache *", WORD),),
    "kvm_mips_flush_gpa_pt": (("struct kvm *", "gfn_t", "gfn_t"),),
    "kvm_mips_mkclean_gpa_pt": (("struct kvm *", "gfn_t", "gfn_t"),),
    "kvm_mips_mkold_gpa_pt": (("struct kvm *", "gfn_t", "gfn_t"),),
    "kvm_arch_mmu_enable_log_dirty_pt_masked": (
        ("struct kvm *", "struct kvm_memory_slot *", "gfn_t", WORD),
    ),
    "kvm_unmap_gfn_range": (
        ("struct kvm *", "struct kvm_gfn_range *"),
        ("struct kvm *", WORD, WORD),
        ("struct kvm *", WORD, WORD, "unsigned int"),
        ("struct kvm *", WORD, WORD, "bool"),
    ),
    "kvm_age_gfn": (("struct kvm *", "struct kvm_gfn_range *"), ("struct kvm *", WORD, WORD)),
    "kvm_test_age_gfn": (("struct kvm *", "struct kvm_gfn_range *"), ("struct kvm *", WORD)),
    "_kvm_mips_map_page_fast": (("struct kvm_vcpu *", WORD, "bool", "pte_t *", "pte_t *"),),
    "kvm_mips_map_page": (("struct kvm_vcpu *", WORD, "bool", "pte_t *", "pte_t *"),),
    "kvm_mmu_topup_memory_cache": (
        ("struct kvm_mmu_memory_cache *", "int"),
        ("struct kvm_mmu_memory_cache *", "int", "int"),
    ),
    "kvm_mmu_free_memory_caches": (("struct kvm_vcpu *",),),
    "kvm_arch_flush_shadow_all": (("struct kvm *",),),
    "kvm_arch_flush_shadow_memslot": (("struct kvm *", "struct kvm_memory_slot *"),),
    "kvm_arch_commit_memory_region": (
        (
            "struct kvm *",
            "struct kvm_memory_slot *",
            "const struct kvm_memory_slot *",
            "enum kvm_mr_change",
        ),
        ("struct kvm *", _REGION, "struct kvm_memory_slot *", _SLOT, "enum kvm_mr_change"),
        ("struct kvm *", _REGION, _SLOT, _SLOT, "enum kvm_mr_change"),
    ),
    "kvm_mips_free_gpa_pt": (("struct kvm *",),),
}
"""The parameters of each function, in every form that is known."""

CHAINS: tuple[tuple[RangeOp | None, str], ...] = (
    (None, "kvm_mips_flush_gpa_pt"),
    (RangeOp.MKCLEAN, "kvm_mips_mkclean_gpa_pt"),
    (RangeOp.MKOLD, "kvm_mips_mkold_gpa_pt"),
)
"""The functions through which those of single tables are called, root first."""


@dataclass(frozen=True)
class TableFunction:
    """A function of one table: its C name, its operation (None: the flush), its level's name."""

    name: str
    op: RangeOp | None
    table: str

    @property
    def title(self) -> str:
        """The kernel's name for it, whatever the tree calls it."""
        what = "flush_gpa" if self.op is None else self.op.value
        return f"kvm_mips_{what}_{self.table}"


@dataclass
class Bound:
    """What was found: C names by ours, the functions of tables, and what is not bound and why."""

    names: dict[str, str] = field(default_factory=dict)
    tables: list[TableFunction] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    def actual(self, name: str) -> str:
        """Return the C name of a function by our name. Raises Unsupported where it is not bound."""
        if name not in self.names:
            raise Unsupported(self.missing.get(name, f"not bound: {name}"))
        return self.names[name]

    def table(self, op: RangeOp | None, table: str) -> str | None:
        """Return the C name of the function of a table, None where there is none."""
        for function in self.tables:
            if function.op is op and function.table == table:
                return function.name
        return None


def parameters(function: FunctionNode) -> tuple[str, ...]:
    """Return the types of a function's parameters."""
    return tuple(parameter.type for parameter in function.parameters)


def bind(unit: Unit, layout: Layout, renamed: Mapping[str, str]) -> Bound:
    """Tie our names to functions of a unit; ``renamed`` are those that the tree calls otherwise."""
    bound = Bound()
    for name, forms in SIGNATURES.items():
        if name in ("pmd_init", "pud_init") and not _has_table(layout, name):
            continue
        actual = renamed.get(name, name)
        function = unit.functions.get(actual)
        if function is None or function.body is None:
            bound.missing[name] = f"not bound: there is no {name}"
        elif parameters(function) not in forms:
            told = ", ".join(parameters(function))
            bound.missing[name] = f"not bound: {actual} takes ({told})"
        else:
            bound.names[name] = actual
    for op, entry in CHAINS:
        _chain(unit, layout, bound, op, bound.names.get(entry, ""))
    return bound


def _has_table(layout: Layout, init: str) -> bool:
    return any(f"{level.name}_init" == init for level in layout.tables[1:])


def _chain(unit: Unit, layout: Layout, bound: Bound, op: RangeOp | None, entry: str) -> None:
    """Follow the calls from an entry point down, one function for each table of the layout."""
    above = entry
    for level in layout.tables:
        found = next(_called(unit, above, level.name), None) if above else None
        if found is None:
            what = "flush" if op is None else op.value
            bound.missing[f"kvm_mips_{what}_{level.name}"] = (
                f"not bound: {above or 'nothing'} calls no function of a {level.name}"
            )
            return
        bound.tables.append(TableFunction(found, op, level.name))
        above = found


def _called(unit: Unit, above: str, table: str) -> Iterator[str]:
    """Yield the functions of one table of a level that are called, directly or not."""
    seen = {above}
    pending = [above]
    wanted = (f"{table}_t *", WORD, WORD)
    while pending:
        function = unit.functions.get(pending.pop(0))
        for name in sorted(function.names) if function else ():
            callee = unit.functions.get(name)
            if name in seen or callee is None or callee.body is None:
                continue
            seen.add(name)
            if parameters(callee) == wanted:
                yield name
            pending.append(name)
