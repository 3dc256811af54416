# SPDX-License-Identifier: GPL-2.0-only
"""The C functions of KVM for MIPS that lemmas are about: names, signatures, chains of calls."""

from __future__ import annotations

from impl.multilevel.interface import RangeOp
from proofs.kvm.binding import WORD, Names

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

INITS = {"pmd": "pmd_init", "pud": "pud_init"}
"""The functions that make a new table empty, by the name of its level."""


def title(op: RangeOp | None, table: str) -> str:
    """Return the kernel's name for the function of one table."""
    what = "flush_gpa" if op is None else op.value
    return f"kvm_mips_{what}_{table}"


NAMES = Names(SIGNATURES, CHAINS, INITS, title)
