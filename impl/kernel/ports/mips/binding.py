# SPDX-License-Identifier: GPL-2.0-only
"""Which function of a tree carries out which operation: by name and, failing that, by shape."""

from __future__ import annotations

from functools import lru_cache

from impl.kernel import generic
from impl.kernel.binding import Binding, check_whole
from impl.kernel.errors import UnsupportedError
from impl.kernel.features import defines as feature_defines
from impl.kernel.features import features
from impl.kernel.ports.mips.features import FEATURES
from impl.kernel.ports.mips.files import MIPS, MMU
from impl.kernel.slices import Definition, cut, functions
from impl.kernel.tree import Tree
from model.operations import Kind
from model.ports.mips.functions import FUNCTIONS

STATIC_ENTRIES = {
    "kvm_mips_pte_for_gpa": "SLAT_PTE_FOR_GPA",
    "kvm_mips_map_page": "SLAT_MAP_PAGE",
    "_kvm_mips_map_page_fast": "SLAT_MAP_PAGE_FAST",
    "kvm_mips_mkold_gpa_pt": "SLAT_MKOLD",
}
"""Entry points of mmu.c that are static: a rename must not lose them, so shape is a fallback."""

SHAPES = {
    "kvm_mips_pte_for_gpa": "pte_t*(structkvm*,structkvm_mmu_memory_cache*,unsignedlong)",
    "kvm_mips_map_page": "int(structkvm_vcpu*,unsignedlong,bool,pte_t*,pte_t*)",
    "_kvm_mips_map_page_fast": "int(structkvm_vcpu*,unsignedlong,bool,pte_t*,pte_t*)",
    "kvm_mips_mkold_gpa_pt": "int(structkvm*,gfn_t,gfn_t)",
}

MIPS_SLICE = (
    "kvm_mips_free_gpa_pt",
    "kvm_arch_flush_shadow_all",
    "kvm_arch_flush_shadow_memslot",
    "kvm_arch_commit_memory_region",
)
MM_SLICE = (
    "pagetable_alloc_noprof",
    "pagetable_alloc",
    "__pagetable_free",
    "pagetable_free_kernel",
    "pagetable_free",
    "__pagetable_ctor",
    "pagetable_dtor",
    "pagetable_dtor_free",
    "pagetable_pte_ctor",
    "pagetable_pte_dtor",
    "pagetable_pmd_ctor",
    "pagetable_pmd_dtor",
    "pagetable_pud_ctor",
    "pagetable_pud_dtor",
    "pagetable_p4d_ctor",
    "pagetable_pgd_ctor",
    "pgtable_page_ctor",
    "pgtable_page_dtor",
    "pgtable_pte_page_ctor",
    "pgtable_pte_page_dtor",
    "pgtable_pmd_page_ctor",
    "pgtable_pmd_page_dtor",
)


def _static_entry(name: str, available: dict[str, Definition], taken: set[str]) -> str | None:
    """Return the tree's name of a static entry point: the same, or the one of its shape left."""
    if name in available:
        return name
    others = set(STATIC_ENTRIES) | set(FUNCTIONS.values()) | taken
    fitting = [
        definition.name
        for definition in available.values()
        if definition.static and definition.shape == SHAPES[name] and definition.name not in others
    ]
    if len(fitting) == 2 and name.startswith(("_kvm_mips_map", "kvm_mips_map")):
        first, second = (available[fit] for fit in fitting)
        slow = first if second.name in first.calls else second
        fast = second if slow is first else first
        return (fast if name.startswith("_") else slow).name
    return fitting[0] if len(fitting) == 1 else None


def _renamed(source: bytes, name: str, available: dict[str, Definition]) -> str:
    """Return the name of the function that destroys the table, renamed or not."""
    if name in available:
        return name
    for definition in available.values():
        if definition.static and {"kvm_mips_flush_gpa_pt", "pgd_free"} <= definition.calls:
            return definition.name
    raise UnsupportedError(f"not bound: {MIPS} defines no function {name}")


def bind(tree: Tree) -> Binding:
    """Tie ``tree`` to the runner.

    Raises TreeError where a file is cut off, UnsupportedError where it lacks a function.
    """
    return _bound(tree, tree.digest())


@lru_cache(maxsize=4)
def _bound(tree: Tree, digest: str) -> Binding:
    """Tie a tree to the runner; all layouts of one process share the work."""
    mmu = functions(check_whole(tree, MMU))
    mips_source = check_whole(tree, MIPS)
    mips = functions(mips_source)
    defines: dict[str, str] = {}
    entries: dict[str, str] = {}
    missing: dict[Kind, str] = {}
    for name, macro in STATIC_ENTRIES.items():
        actual = _static_entry(name, mmu, set(entries.values()))
        if actual is None:
            kind = next(k for k, function in FUNCTIONS.items() if function == name)
            missing[kind] = f"not bound: {MMU} has no {name} and nothing of its shape"
        else:
            defines[macro] = entries[name] = actual
    if not mmu or "SLAT_PTE_FOR_GPA" not in defines or "SLAT_MAP_PAGE" not in defines:
        raise UnsupportedError(f"not bound: {MMU} defines neither the walk nor the fault path")
    destroy = _renamed(mips_source, "kvm_mips_free_gpa_pt", mips)
    defines["SLAT_FREE_GPA_PT"] = entries["kvm_mips_free_gpa_pt"] = destroy
    names = (destroy, *MIPS_SLICE[1:])
    slices = {
        "mips_slice.h": cut(mips_source, MIPS, names, required=True),
        **generic.slices(tree, ("hva_to_gfn_memslot",)),
        "mm_slice.h": _mm_slice(tree),
    }
    defines |= _table_init(tree)
    present = features(tree, FEATURES)
    defines |= feature_defines(present)
    entries |= {ours: theirs for row in present for ours, theirs in row.renames}
    places = generic.places(FUNCTIONS.values(), entries, {MMU: mmu, MIPS: mips})
    return Binding(defines, slices, entries, missing, places, generic.beyond(present, mmu))


def _mm_slice(tree: Tree) -> str:
    """Return the page-table descriptors' functions; allocation profiling is a macro over them."""
    text = cut(tree.read("include/linux/mm.h"), "include/linux/mm.h", MM_SLICE, False)
    if "pagetable_alloc_noprof(" in text:
        text = "#define pagetable_alloc(...) pagetable_alloc_noprof(__VA_ARGS__)\n" + text
    return text


def _table_init(tree: Tree) -> dict[str, str]:
    """Return macros that call pmd_init() and pud_init() in the form that the tree has (6.2)."""
    available = functions(tree.read("arch/mips/mm/pgtable-64.c"))
    out = {}
    for name in ("pmd_init", "pud_init"):
        definition = available.get(name)
        two = definition is not None and "," in definition.shape
        call = "((unsigned long)(table), (unsigned long)(empty))" if two else "(table)"
        out[f"SLAT_{name.upper()}(table, empty)"] = name + call
    return out
