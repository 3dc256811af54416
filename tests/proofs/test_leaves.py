# SPDX-License-Identifier: GPL-2.0-only
"""The theorems of tables with leaves of several sizes hold, and fall with what is planted."""

from __future__ import annotations

import inspect

import pytest

from impl.gstage import QUIRKS, table
from impl.quirk import Quirk
from model.layout import Layout
from model.ports import layout
from proofs.desk import Options
from proofs.engine import HOLDS, REFUTED, Proof
from proofs.ports import table_of
from proofs.runner import ProofTask, carry_out

NARROW, WIDE = layout("riscv32-sv32x4"), layout("riscv64-sv39x4")
DEEP, DEEPEST = layout("riscv64-sv48x4"), layout("riscv64-sv57x4")
FAST = (
    "slot_index", "mmu_alloc_pgd", "gstage_get_leaf", "gstage_clear_table@1",
    "gstage_split_huge@1", "gstage_map_page@1", "kvm_unmap_gfn_range", "kvm_age_gfn",
    "kvm_arch_commit_memory_region", "mmu_free_pgd",
)  # fmt: skip


FAST_WHERE_DEEP = (
    "gstage_get_leaf", "gstage_clear_table@3", "gstage_clear_table@2", "gstage_split_huge@1",
    "kvm_arch_commit_memory_region", "mmu_free_pgd",
)  # fmt: skip


def proved(where: str, only: tuple[str, ...], source: str = "", quirk: str = "") -> list[Proof]:
    quirks = (quirk,) if quirk else ()
    return carry_out(ProofTask("table", where, quirks, source, only), Options())


@pytest.mark.parametrize("lemma", FAST)
def test_a_lemma_holds(lemma: str) -> None:
    (proof,) = proved(NARROW.name, (lemma,))
    assert {one.name: one.verdict for one in proof.clauses.values()} == dict.fromkeys(
        table_of(NARROW).clauses[lemma.partition("@")[0]], HOLDS
    )


def failing(proofs: list[Proof]) -> dict[str, str]:
    return {
        f"{proof.name}/{clause.name}": clause.verdict
        for proof in proofs
        for clause in proof.clauses.values()
        if clause.verdict != HOLDS
    }


@pytest.mark.parametrize(
    ("deep", "lemma"),
    [(DEEP, lemma) for lemma in FAST_WHERE_DEEP]
    + [(DEEPEST, lemma) for lemma in ("gstage_get_leaf", "gstage_clear_table@4", "mmu_free_pgd")],
    ids=lambda shown: shown if isinstance(shown, str) else shown.name,
)
def test_a_lemma_holds_where_tables_are_deep(deep: Layout, lemma: str) -> None:
    (proof,) = proved(deep.name, (lemma,))
    assert proof.verdict == HOLDS
    assert failing([proof]) == {}


@pytest.mark.thorough
@pytest.mark.parametrize("deep", [DEEP, DEEPEST], ids=lambda deep: deep.name)
def test_the_whole_table_holds_where_it_is_deep(deep: Layout) -> None:
    proofs = proved(deep.name, ())
    assert [proof.name for proof in proofs] == [one.name for one in table_of(deep).lemmas(deep)]
    assert failing(proofs) == {}


PLANTED = [
    ("gstage_get_leaf", "exact", "addr, here.span, here.entries)", "addr, here.span, 1024)"),
    ("gstage_wp_range", "flush", "(LeafOp.CLEAR, LeafOp.WP)", "(LeafOp.CLEAR,)"),
    ("gstage_wp_range", "exact", "walk.next = base + size if", "walk.next = addr + size if"),
    ("gstage_split_huge@1", "exact", "rt.pte_pfn(huge) + index * pages", "rt.pte_pfn(huge)"),
    ("gstage_map_page@1", "result", "if found.leaf and found.level < level:", "if False:"),
    ("gstage_map_page@0", "invariant", "    gstage_make_way(rt, addr, level, ptep)\n", ""),
    ("gstage_map_page@1", "flush", "    gstage_tlb_flush(rt, level, addr)\n    return 0",
     "    return 0"),
    ("gstage_clear_table@1", "exact", "last = here.entries - 1", "last = here.entries - 2"),
    ("gstage_clear_table@0", "leak", "rt.layout.tables[level + 1].order)", "1)"),
    ("mmu_free_pgd", "leak", "    gstage_clear_root(rt)\n", ""),
    ("mmu_free_pgd", "leak", "rt.free_pages(pgd, rt.layout.root.order)", "rt.free_pages(pgd, 0)"),
    ("mapping_level", "exact", "if slot.logs:", "if False:"),
    ("mapping_level", "exact", "if gfn % pages != pfn % pages:", "if False:"),
    ("mapping_level", "exact", "return slot.base <= begin and", "return"),
    ("map_locked", "memory", "return pfn // pages * pages", "return pfn"),
    ("map_locked", "dirty", "    if writable:\n", "    if write:\n"),
    ("kvm_unmap_gfn_range", "memory", "inside = gfn if gfn < rt.layout.frames else "
     "rt.layout.frames", "inside = gfn"),
]  # fmt: skip


@pytest.mark.parametrize(("lemma", "clause", "text", "other"), PLANTED)
def test_what_is_planted_is_refuted(lemma: str, clause: str, text: str, other: str) -> None:
    source = inspect.getsource(table)
    assert text in source
    (proof,) = proved(NARROW.name, (lemma,), source.replace(text, other))
    assert proof.clauses[clause].verdict == REFUTED


OF_MORE_LEVELS = [
    ("gstage_split_huge@1", "exact", "index * pages", "index"),
    ("gstage_split_huge@1", "init", "rt.pte_pfn(huge) + index * pages", "index"),
    ("gstage_clear_table@0", "invariant", "gstage_clear_table(rt, level + 1, table, addr)", "True"),
]


@pytest.mark.parametrize(("lemma", "clause", "text", "other"), OF_MORE_LEVELS)
def test_what_shows_with_three_levels(lemma: str, clause: str, text: str, other: str) -> None:
    source = inspect.getsource(table)
    assert text in source
    (proof,) = proved(WIDE.name, (lemma,), source.replace(text, other))
    assert proof.clauses[clause].verdict == REFUTED


LEMMA_OF = {
    "wp-skips-parts": "gstage_wp_range",
    "steps-over-leaves": "gstage_wp_range",
    "age-first-leaf": "kvm_age_gfn",
    "leaf-over-table": "gstage_map_page@0",
    "no-split": "gstage_map_page@1",
    "tables-kept": "mmu_free_pgd",
    "region-truncated": "kvm_arch_commit_memory_region",
}


@pytest.mark.parametrize("one", [q for q in QUIRKS if q.name in LEMMA_OF], ids=lambda q: q.name)
def test_a_quirk_refutes_a_theorem(one: Quirk) -> None:
    lemma = LEMMA_OF[one.name]
    (proof,) = proved(NARROW.name, (lemma,), quirk=one.name)
    assert one.name in proof.consulted
    function = lemma.partition("@")[0]
    refuted = {clause.name for clause in proof.clauses.values() if clause.verdict == REFUTED}
    assert refuted, function
