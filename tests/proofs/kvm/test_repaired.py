# SPDX-License-Identifier: GPL-2.0-only
"""Real trees in the proof: repaired all promises hold, otherwise only the known ones fail."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from impl.kernel.ports import bind, open_tree
from impl.kernel.toolchain import find
from model.ports import layout as layout_named
from proofs.desk import Options
from proofs.engine import HOLDS, REFUTED
from proofs.kernel_runner import LayoutProof, LemmaStore, Proved, Session, read_unit
from proofs.ports.mips.c_lemmas import lemmas
from support import cache as keeping
from tests.proofs.c.edits import REPAIRS, Edit, apply, edited

Clauses = set[tuple[str, str]]
PAGES = Path(__file__).resolve().parents[3] / "docs/findings"

# --- what the tests of this folder share -----------------------------------------------------


def shared_store() -> LemmaStore:
    """Return the proofs that all tests share, also those that run in other processes."""
    return LemmaStore(keeping.folder())


def session(
    tree: Path, layout: str, store: LemmaStore | None = None, options: Options | None = None
) -> Session:
    """Return the proofs of one layout of a tree, as they can be carried out."""
    opened = open_tree(tree)
    binding = bind(opened)
    shape = layout_named(layout)
    unit, _ = read_unit(opened, binding, shape, find())
    store = shared_store() if store is None else store
    return Session(unit, shape, binding.entries, options or Options(), store)


def titles(of: Session) -> list[str]:
    """Return the functions of which something is to be proved."""
    return [task.title for task in lemmas(of.layout, of.bound)]


def failing(proof: LayoutProof) -> Clauses:
    """Return the promises that do not hold; each must be refuted, not left open."""
    found = set()
    for one in proof.proved:
        for clause in one.proof.clauses.values():
            if clause.verdict != HOLDS:
                assert clause.verdict == REFUTED, f"{one.title}/{clause.name}: {clause.reason}"
                found.add((one.title, clause.name))
    return found


def promised(of: Session, only: Iterable[str] = ()) -> Clauses:
    """Return every promise that must be decided."""
    wanted = set(only)
    return {
        (task.title, clause)
        for task in lemmas(of.layout, of.bound)
        for clause in task.clauses
        if not wanted or task.title in wanted
    }


def told(proof: LayoutProof) -> Clauses:
    """Return the promises that have a verdict."""
    return {(one.title, name) for one in proof.proved for name in one.proof.clauses}


@contextmanager
def changed(copy: Path, tree: Path, edits: Iterable[Edit]) -> Iterator[Path]:
    """Make edits of a tree in a copy of it, which is as it was again afterwards."""
    files: dict[str, str] = {}
    for edit in edits:
        text = files.get(edit.file) or (tree / edit.file).read_text(encoding="utf-8")
        files[edit.file] = apply(text, edit)
    for name, text in files.items():
        (copy / name).unlink()
        (copy / name).write_text(text, encoding="utf-8")
    try:
        yield copy
    finally:
        for name in files:
            (copy / name).unlink()
            shutil.copyfile(tree / name, copy / name)


# --- the repaired tree -----------------------------------------------------------------------

FOUR_QUICK = (
    "kvm_pgd_alloc", "pud_init", "pmd_init", "kvm_mmu_free_memory_caches", "kvm_mips_pte_for_gpa",
    "kvm_mips_flush_gpa_pud", "kvm_mips_flush_gpa_pgd", "kvm_mips_flush_gpa_pt",
    "kvm_mips_free_gpa_pt", "kvm_test_age_gfn", "kvm_arch_flush_shadow_all",
)  # fmt: skip
"""What is particular to four levels."""


@pytest.fixture(scope="session")
def repaired(kernel_trees: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give Linux 6.12 with all that is broken repaired."""
    return edited(kernel_trees["6.12"], REPAIRS, tmp_path_factory.mktemp("repaired") / "linux")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layout", "only"),
    [
        ("mips32-4k", ()),
        ("mips64-4k", ()),
        ("mips64-4k-va48", FOUR_QUICK),
        pytest.param("mips64-4k-va48", (), marks=pytest.mark.thorough),
    ],
)
def test_the_repaired_tree_is_proved(repaired: Path, layout: str, only: tuple[str, ...]) -> None:
    of = session(repaired, layout)
    proof = of.run(only)
    assert proof.missing == {}
    assert failing(proof) == set()
    assert [one.title for one in proof.proved] == [
        title for title in titles(of) if not only or title in only
    ]
    assert told(proof) == promised(of, only)


@pytest.mark.parametrize("layout", ["mips32-4k", "mips64-4k", "mips64-4k-va48"])
def test_every_function_is_bound(kernel_trees: Mapping[str, Path], layout: str) -> None:
    for tree in kernel_trees.values():
        of = session(tree, layout)
        assert of.bound.missing == {}
        assert len(set(titles(of))) == len(titles(of))


# --- trees as they are -----------------------------------------------------------------------


def known(page: str, *promises: str) -> dict[tuple[str, str], str]:
    """Return promises, 'function/clause', with the page of docs/findings that tells of them."""
    found = {}
    for one in promises:
        name, _, clause = one.partition("/")
        found[name, clause] = page
    return found


RANGES = (
    "kvm_mips_flush_gpa_pt", "kvm_mips_mkclean_gpa_pt", "kvm_mips_mkold_gpa_pt",
    "kvm_arch_mmu_enable_log_dirty_pt_masked", "kvm_unmap_gfn_range", "kvm_age_gfn",
    "kvm_test_age_gfn", "kvm_arch_flush_shadow_memslot", "kvm_arch_commit_memory_region",
)  # fmt: skip

#: Broken in both versions, for 32-bit and 64-bit kernels.
EVERYWHERE = {
    # A guest frame beyond the reach stands for another one within it: the address is cut (32-bit),
    # or its index is (64-bit).
    **known("addresses-beyond-the-reach", *(f"{name}/reach" for name in RANGES)),
    # The exclusive end of a notifier's range is taken for its last page: one page too many, or
    # nothing at all where the range ends at the top.
    **known(
        "notifier-end-taken-as-inclusive",
        "kvm_unmap_gfn_range/exact", "kvm_age_gfn/exact", "kvm_age_gfn/result",
    ),
    # Pages between the bits of the mask are made clean too.
    **known("dirty-mask-hull", "kvm_arch_mmu_enable_log_dirty_pt_masked/exact"),
    # The release notifier flushes everything and takes no lock.
    **known("flush-all-without-lock", "kvm_arch_flush_shadow_all/lock"),
}  # fmt: skip

#: What 64-bit kernels of three levels add to it.
THREE_LEVELS = {
    # A word of a 64-bit kernel holds addresses beyond the reach, so that walk and fault meet them.
    **known(
        "addresses-beyond-the-reach",
        "kvm_mips_pte_for_gpa/reach", "_kvm_mips_map_page_fast/reach", "kvm_mips_map_page/reach",
    ),
    # pmd_free() counts down what nobody counted up. The PUD is folded: its loop is the root's.
    **known("pmd-destructor-without-constructor", "kvm_mips_flush_gpa_pgd/accounting"),
}  # fmt: skip

#: 6.12 gives back the first page of a root of two.
HALF_LEAKED = known("root-block-half-leaked", "kvm_mips_free_gpa_pt/leak")

EXPECTED: dict[tuple[str, str], dict[tuple[str, str], str]] = {
    ("6.1", "mips32-4k"): EVERYWHERE,
    ("6.12", "mips32-4k"): EVERYWHERE,
    ("6.1", "mips64-4k"): {**EVERYWHERE, **THREE_LEVELS},
    ("6.12", "mips64-4k"): {**EVERYWHERE, **THREE_LEVELS, **HALF_LEAKED},
}

#: Where the promises that fail differ, between versions or from two levels, and what is cheap.
DIFFERENT = (
    "kvm_pgd_alloc", "kvm_mips_pte_for_gpa", "kvm_mips_flush_gpa_pgd", "kvm_mips_flush_gpa_pt",
    "kvm_unmap_gfn_range", "kvm_age_gfn", "kvm_test_age_gfn", "kvm_arch_flush_shadow_all",
    "kvm_mips_free_gpa_pt",
)  # fmt: skip


def test_what_is_expected_is_a_known_finding() -> None:
    for promises in EXPECTED.values():
        for page in promises.values():
            assert (PAGES / f"{page}.md").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "layout", "only"),
    [
        ("6.12", "mips32-4k", ()),
        ("6.12", "mips64-4k", ()),
        ("6.1", "mips32-4k", ()),
        ("6.1", "mips64-4k", DIFFERENT),
        pytest.param("6.1", "mips64-4k", (), marks=pytest.mark.thorough),
    ],
)
def test_a_tree_breaks_what_is_known_and_nothing_else(
    kernel_trees: Mapping[str, Path], version: str, layout: str, only: tuple[str, ...]
) -> None:
    of = session(kernel_trees[version], layout)
    proof = of.run(only)
    assert proof.missing == {}
    wanted = {
        (title, clause) for title, clause in EXPECTED[version, layout] if not only or title in only
    }
    assert failing(proof) == wanted


@cache
def first_refuted(tree: Path, layout: str) -> tuple[Proved, str]:
    """Return the first promise that is refuted, in the order of the lemmas."""
    of = session(tree, layout)
    for title in titles(of):
        (one,) = of.run([title]).proved
        for clause in one.proof.clauses.values():
            if clause.verdict == REFUTED:
                return one, clause.name
    raise AssertionError("nothing is refuted")


@pytest.mark.parametrize(
    ("layout", "function", "clause", "page"),
    [
        # An entry is made young only where other bits, those of its frame number, say so.
        ("mips32-16k-xpa", "_kvm_mips_map_page_fast", "exact", "xpa-young-looks-at-pfn-bits"),
        # Eight words are written at a time into a root of four.
        ("mips32-64k", "kvm_pgd_alloc", "memory", "root-of-four-entries-overrun"),
        # The root is filled with the marker of another level.
        ("mips64-4k-va48", "kvm_pgd_alloc", "init", "four-level-root-never-usable"),
    ],
)
def test_the_first_promise_refuted_is_that_of_the_finding(
    kernel_trees: Mapping[str, Path], layout: str, function: str, clause: str, page: str
) -> None:
    one, refuted = first_refuted(kernel_trees["6.12"], layout)
    assert (one.title, refuted) == (function, clause)
    assert f"`{layout}`" in (PAGES / f"{page}.md").read_text(encoding="utf-8")


def test_the_slow_path_of_xpa_loses_bits_of_a_frame_number(
    kernel_trees: Mapping[str, Path],
) -> None:
    (one,) = session(kernel_trees["6.12"], "mips32-16k-xpa").run(["kvm_mips_map_page"]).proved
    assert one.proof.clauses["exact"].verdict == REFUTED
