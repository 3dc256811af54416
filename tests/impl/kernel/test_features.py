# SPDX-License-Identifier: GPL-2.0-only
"""What sets trees apart: each row of the table is sound, and knows a tree by what it contains."""

from __future__ import annotations

import re
from dataclasses import fields
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from impl.kernel.errors import UnsupportedError
from impl.kernel.features import Feature, defines
from impl.kernel.generic import HOST, beyond
from impl.kernel.layouts import layout_in
from impl.kernel.ports import features, open_tree
from impl.kernel.ports.mips.features import ARCH, BITS, FEATURES, TABLES
from impl.kernel.ports.mips.files import FILES, MIPS, MMU, SOURCES
from impl.kernel.tree import Tree
from model.ports import layout, layouts
from model.ports.mips.layouts import SoftwareBits
from slatcheck.document.result import Verdict
from slatcheck.judge.judging import Request, check
from slatcheck.search.unit import Unit, search
from tests.kernels.copies import edit, share

LAYOUTS = [one for one in layouts() if one.port == FILES.port]
EVERY = pytest.mark.parametrize("row", FEATURES, ids=lambda row: row.name)

#: Of each row: text of its file in a tree that has it, and in one that has not.
KNOWN = {
    "hva notifiers": ("int kvm_unmap_hva_range(struct kvm *kvm", "bool kvm_unmap_gfn_range("),
    "hva notifier of three arguments": (
        "int kvm_unmap_hva_range(struct kvm *kvm, unsigned long start,\n\tunsigned long end)",
        "int kvm_unmap_hva_range(struct kvm *kvm, unsigned long start, unsigned long end, bool b)",
    ),
    "hva notifier with flags": (
        "int kvm_unmap_hva_range(struct kvm *kvm, unsigned long a, unsigned long b,\n\tbool c)",
        "int kvm_unmap_hva_range(struct kvm *kvm, unsigned long start, unsigned long end)",
    ),
    "callbacks that flush": ("void (*flush_shadow_all)(struct kvm *kvm);", "flush_shadow_all();"),
    "mmu_notifier_seq": ("unsigned long mmu_notifier_seq;", "unsigned long mmu_invalidate_seq;"),
    "commit with the user's region": (
        "void kvm_arch_commit_memory_region(struct kvm *kvm,\n"
        "\tconst struct kvm_userspace_memory_region *mem)",
        "kvm_arch_commit_memory_region(struct kvm *kvm); kvm_userspace_memory_region",
    ),
    "commit of slots alone": (
        "kvm_arch_commit_memory_region(struct kvm *kvm,\n\tstruct kvm_memory_slot *old)",
        "kvm_arch_commit_memory_region(struct kvm *kvm, struct kvm_userspace_memory_region *m)",
    ),
    "PGD_ORDER": ("# define PGD_ORDER\t0", "#define PGD_TABLE_ORDER 0\nPGD_ORDER"),
    "kvm_faultin_pfn": ("pfn = kvm_faultin_pfn(vcpu, gfn", "pfn = __kvm_faultin_pfn(slot"),
    "gfn_to_pfn_prot": ("pfn = gfn_to_pfn_prot(kvm, gfn", "pfn = gfn_to_pfn(kvm, gfn"),
    "page cache of mmu.c": (
        "static int mmu_topup_memory_cache(struct kvm_mmu_memory_cache *cache,",
        "err = kvm_mmu_topup_memory_cache(struct kvm_mmu_memory_cache *",
    ),
    "generic page cache": (
        "int kvm_mmu_topup_memory_cache(struct kvm_mmu_memory_cache *mc",
        "int mmu_topup_memory_cache(struct kvm_mmu_memory_cache *mc",
    ),
    "trap and emulate": ("kvm_trap_emul_gva_fault(vcpu", "kvm_mips_handle_vz_root_tlb_fault("),
    "huge entries in a PMD": ("if (pmd_huge(*pmd))", "pmd_huge_flush(pmd)"),
    "faults by read and execute inhibit": (
        "if ((exccode != EXCCODE_TLBRI) && (exccode != EXCCODE_TLBXI)) {",
        "if (exccode != EXCCODE_TLBL) {",
    ),
    "Loongson-3 alone": ("++vcpu->stat.lsvz_hc_missvalid;", "++vcpu->stat.exits;"),
    "no special bit": ("_PAGE_HUGE_SHIFT,", "_PAGE_SPECIAL_SHIFT,"),
    "PROT_NONE bit": ("\t_PAGE_PROTNONE_SHIFT,", "#define _PAGE_PROTNONE 0"),
    "huge pages on 64-bit kernels only": (
        "#if defined(CONFIG_64BIT) && defined(CONFIG_MIPS_HUGE_TLB_SUPPORT)",
        "#if defined(CONFIG_MIPS_HUGE_TLB_SUPPORT)",
    ),
    "page-table constructors that can mark kernel tables": (
        "if (ptdesc_test_kernel(pt))",
        "ptdesc_set_kernel(pt);",
    ),
}


# --- the table -------------------------------------------------------------------------------


def test_names_are_unique_and_every_row_is_tried_below() -> None:
    assert [row.name for row in FEATURES] == list(KNOWN)


@EVERY
def test_a_row_gives_its_reasons(row: Feature) -> None:
    for told in (row.name, row.since, row.shim, row.known):
        assert told == told.strip() != ""
    assert re.fullmatch(r"(until|since) \d+\.\d+|\d+\.\d+ to \d+\.\d+|vendor trees", row.since)


@EVERY
def test_a_row_looks_at_a_file_whose_content_decides_the_verdict(row: Feature) -> None:
    assert row.file in SOURCES
    re.compile(row.pattern)
    re.compile(row.beyond)


@EVERY
def test_a_row_speaks_of_what_there_is(row: Feature) -> None:
    names = [one.name for one in LAYOUTS]
    for pattern in row.layouts:
        assert any(fnmatchcase(name, pattern) for name in names), pattern
    assert {name for name, _ in row.software} <= {one.name for one in fields(SoftwareBits)}
    for name, _ in row.defines:
        assert re.fullmatch(r"\w+(\([\w, ]+\))?", name)


def fake(folder: Path, file: str, text: str) -> Tree:
    """Return a tree of one file."""
    (folder / file).parent.mkdir(parents=True)
    (folder / file).write_text(text)
    return Tree(folder, "6.12.0", FILES)


@EVERY
@pytest.mark.parametrize("has", [True, False], ids=["has it", "has it not"])
def test_a_tree_is_known_by_what_it_contains(row: Feature, has: bool, tmp_path: Path) -> None:
    text = KNOWN[row.name][0 if has else 1]
    assert (row in features(fake(tmp_path, row.file, text))) == has


def test_a_tree_without_the_files_has_only_what_is_known_by_its_absence(tmp_path: Path) -> None:
    assert [row.name for row in features(Tree(tmp_path, "6.12.0", FILES))] == ["no special bit"]


def test_real_trees_have_this_and_no_more(kernel_tree: Path) -> None:
    found = features(open_tree(kernel_tree))
    assert [row.name for row in found] == [
        "commit of slots alone", "gfn_to_pfn_prot", "generic page cache",
    ]  # fmt: skip
    assert defines(found) == {
        "SLAT_COMMIT(kvm, old, new, change)": "kvm_arch_commit_memory_region(kvm, old, new, change)"
    }
    for one in LAYOUTS:
        assert layout_in(open_tree(kernel_tree), one) == one


def test_files_are_named_as_the_tree_names_them(kernel_tree: Path) -> None:
    for name in (HOST, ARCH, TABLES, BITS, MMU, MIPS):
        assert (kernel_tree / name).is_file()


# --- layouts that a tree has not -------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "text", "gone"),
    [
        (MMU, "++vcpu->stat.lsvz_misses; _PAGE_SPECIAL_SHIFT", r"mips32-.*|mips64-(4|8|32)k.*"),
        (BITS, KNOWN["huge pages on 64-bit kernels only"][0], r"mips32-.*-huge"),
    ],
    ids=["Loongson-3 alone", "huge pages on 64-bit kernels only"],
)
def test_layouts_that_a_tree_has_not(file: str, text: str, gone: str, tmp_path: Path) -> None:
    tree = fake(tmp_path, file, text)
    for one in LAYOUTS:
        if re.fullmatch(gone, one.name):
            with pytest.raises(UnsupportedError, match=f"no {one.name}: this tree is for "):
                layout_in(tree, one)
        else:
            assert layout_in(tree, one).name == one.name


# --- bits that not every tree has ------------------------------------------------------------

SPECIAL = "#if defined(CONFIG_ARCH_HAS_PTE_SPECIAL)\n\t_PAGE_SPECIAL_SHIFT,\n#endif\n"
DEFINED = "#define _PAGE_PRESENT\t\t(1 << _PAGE_PRESENT_SHIFT)\n"


def with_bit(tree: Path, folder: Path, name: str) -> Path:
    """Return a copy of a tree whose entries have one more bit below the special one."""

    def change(text: str) -> str:
        assert text.count(SPECIAL) == 4
        at = text.rindex(SPECIAL)
        text = f"{text[:at]}\t{name}_SHIFT,\n{text[at:]}"
        assert text.count(DEFINED) == 1
        return text.replace(DEFINED, f"{DEFINED}#define {name}\t\t(1 << {name}_SHIFT)\n")

    share(tree, folder)
    edit(folder, BITS, change)
    return folder


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("mips64-4k", []), ("mips32-4k", ["wrong-entry/kvm_mips_map_page/pfn-does-not-fit"])],
    ids=["room for all bits", "no room for the last of the PFN"],
)
def test_a_bit_that_is_known_is_in_the_format(
    name: str, wrong: list[str], kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    tree = with_bit(kernel_trees["6.12"], tmp_path / "linux", "_PAGE_PROTNONE")
    here, usual = layout_in(open_tree(tree), layout(name)), layout(name)
    assert here.geometry == usual.geometry
    bits = dict(here.entry.named)
    assert bits.keys() - dict(usual.entry.named).keys() == {"protnone"}
    assert bits["valid"] == dict(usual.entry.named)["valid"] << 1
    report = search(Unit(name, True, tree, None, (), 0, 800))
    assert report.failure is None
    marks = sorted(report.campaign.hits)
    assert "unlocked-access/kvm_arch_flush_shadow_all/mmu_lock" in marks, "it was searched"
    assert [one for one in marks if one.startswith(("geometry/", "wrong-entry/"))] == wrong


def test_a_bit_that_is_not_known_is_a_finding(
    kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    tree = with_bit(kernel_trees["6.12"], tmp_path / "linux", "_PAGE_VENDOR")
    report = search(Unit("mips64-4k", True, tree, None, (), 0, 200))
    (mark,) = [mark for mark in report.campaign.hits if mark.startswith("geometry/")]
    assert "a young entry is" in report.campaign.hits[mark].symptom.said


# --- what vendors add ------------------------------------------------------------------------

HUGE = """
static inline int pmd_huge(pmd_t pmd)
{
\treturn pmd_val(pmd) & 1;
}

int kvm_mips_set_pmd_huge(struct kvm_vcpu *vcpu, pmd_t *pmd, unsigned long addr)
{
\treturn pmd_huge(*pmd) ? addr != 0 : 0;
}
"""


def test_what_only_huge_pages_reach_is_unsupported_by_name(
    kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    share(kernel_trees["6.12"], tmp_path / "linux")
    edit(tmp_path / "linux", MMU, lambda text: text + HUGE)
    one = (layout("mips32-4k"),)
    orders = {"mips32-4k": ("big",)}
    document = check(
        Request(one, tmp_path / "linux", max_ops=400, jobs=1, byte_orders=orders), lambda _: None
    )
    (left,) = [one for one in document.checks if one.verdict is Verdict.UNSUPPORTED]
    assert (left.function, left.layout) == ("kvm_mips_set_pmd_huge", "mips32-4k")
    assert left.reason.startswith("huge entries in a PMD: the model has none; a host that has base")
    assert document.kernel is not None
    assert "huge entries in a PMD" in document.kernel["features"]
    assert not [one for one in document.findings if one.entry == "kvm_mips_set_pmd_huge"]


def test_what_only_some_faults_reach_is_unsupported_by_name() -> None:
    row = next(row for row in FEATURES if row.name == "faults by read and execute inhibit")
    found = beyond([row], ["kvm_mips_map_page", "kvm_mips_walk_pgd"])
    assert list(found) == ["kvm_mips_map_page(TLBRI)", "kvm_mips_map_page(TLBXI)"]
    assert all("a vCPU that faults for another cause" in reason for reason in found.values())
