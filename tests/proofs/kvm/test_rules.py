# SPDX-License-Identifier: GPL-2.0-only
"""The rules of loops and the machine are sound: code that does wrong is never proved right."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from impl.kernel.ports.mips.files import MMU
from proofs.engine import HOLDS, OPEN, REFUTED, UNSUPPORTED, ClauseResult
from proofs.kernel_runner import LemmaStore, Proved, Session
from tests.kernels.copies import share
from tests.proofs.c.edits import (
    DROP,
    FLUSH,
    FREE_PTE,
    MAP,
    MASKED,
    NARROW,
    OLD,
    PGD,
    PMD,
    POPULATE,
    PTE,
    SKIP,
    WALK,
    WIDE,
    Edit,
    before,
    edited,
)
from tests.proofs.kvm.test_repaired import changed, session


@dataclass(frozen=True)
class Case:
    """Edits of Linux 6.12, the function whose proof is looked at, and what becomes of a clause.

    ``clause`` '' stands for every one of them. ``said`` begins the reason, where it matters; the
    place in the file comes before it.
    """

    name: str
    title: str
    edits: tuple[Edit, ...]
    clause: str
    verdict: str
    said: str = ""
    layout: str = NARROW

    def __str__(self) -> str:
        return self.name


def edits(where: str, *words: tuple[str, str]) -> tuple[Edit, ...]:
    """Return edits within one function: (old, new) one after the other."""
    return tuple(Edit(new, where, old, new) for old, new in words)


def helper(function: str, text: str) -> tuple[Edit, ...]:
    """Return the edit that puts some text before a function."""
    return (before(text, function, text),)


def spoil(value: str) -> str:
    """Return a helper that changes a flag of its caller."""
    return f"static void kvm_mips_spoil(bool *flag)\n{{\n\t*flag = {value};\n}}"


PLACE = r"(arch/mips/\S+?\.c:\d+, \w+\(\): |kvm_mips_deep\(\): )?"
LOST = "annotation mismatch"
ANOTHER = "safe_to_remove = false;"
LINK = f"clear_page(new_pte);\n\t\t{POPULATE}"
DEEP = "static int kvm_mips_deep(int n)\n{\n\treturn n > 0 ? kvm_mips_deep(n - 1) : n;\n}"
AGED = "return kvm_mips_mkold_pgd("
PRESENT = "pte_present(pte[i])"
YOUNG = "kvm_test_age_gfn"
PARTS = "a number in an entry is accessed in parts"

CASES: tuple[Case, ...] = (
    # Variables that a loop changes in a way that its text does not show at once.
    Case("the end through a pointer taken in the loop", PTE, edits(
        PTE, ("int i;", "int i, *at;"), (SKIP, f"{SKIP}at = &i_max;\n\t\t*at -= 1;\n\t\t"),
    ), "exact", REFUTED),
    Case("the end through a pointer taken before", PTE, edits(
        PTE, ("int i;", "int i, *at = &i_max;"), (SKIP, f"{SKIP}*at -= 1;\n\t\t"),
    ), "exact", REFUTED),
    Case("the answer through a helper", PTE, (
        *helper(PTE, spoil("true")),
        *edits(PTE, (DROP, f"{DROP}\n\t\tkvm_mips_spoil(&safe_to_remove);")),
    ), "result", REFUTED),
    Case("the answer of a directory through a helper", PGD, (
        *helper(PGD, spoil("true")), *edits(PGD, (ANOTHER, "kvm_mips_spoil(&safe_to_remove);")),
    ), "result", REFUTED),
    Case("the answer set again", PTE, edits(
        PTE, (DROP, f"{DROP}\n\t\tsafe_to_remove = true;"),
    ), "result", REFUTED),
    Case("a count that decides", PTE, edits(
        PTE, ("int i;", "int i, gone = 0;"),
        (DROP, f"if (gone < 3)\n\t\t\t{DROP}\n\t\tgone++;"),
    ), "exact", REFUTED),
    # Slots.
    Case("two slots a turn, one of them handled", PTE, edits(
        PTE, ("++i", "i += 2"),
    ), "", OPEN, LOST),
    Case("two slots a turn, both handled", PTE, edits(
        PTE, ("++i", "i += 2"), (SKIP, ""), (DROP, f"{DROP}\n\t\tset_pte(pte + i + 1, __pte(0));"),
    ), "", OPEN, LOST),
    Case("a slot that is skipped", PTE, edits(
        PTE, (SKIP, f"if (i == 5)\n\t\t\tcontinue;\n\t\t{SKIP}"),
    ), "exact", REFUTED),
    Case("a slot that is skipped wherever the range begins", PTE, edits(
        PTE, (SKIP, f"if (i == i_min + 1)\n\t\t\tcontinue;\n\t\t{SKIP}"),
    ), "exact", REFUTED),
    Case("the next slot is looked at", PTE, edits(
        PTE, ("pte_present(pte[i])", "pte_present(pte[i + 1])"),
    ), "memory", REFUTED, "'an access is within the table'"),
    Case("a second loop", PTE, edits(
        PTE, ("return safe_to_remove",
              "for (i = 0; i <= i_max; ++i)\n\t\tset_pte(pte + i, __pte(0));\n"
              "\treturn safe_to_remove"),
    ), "", OPEN, LOST),
    Case("a loop within", PTE, edits(
        PTE, ("int i;", "int i, j;"),
        (DROP, f"{DROP}\n\t\tfor (j = 0; j < i; j++)\n\t\t\tset_pte(pte + j, __pte(0));"),
    ), "", OPEN, LOST),
    # What is outside the subset of C, or not known.
    Case("a static local", PTE, edits(
        PTE, ("int i;", "static int calls;\n\tint i;"), (DROP, f"{DROP}\n\t\tcalls++;"),
    ), "", UNSUPPORTED, "the static variable"),
    Case("a call through a pointer", PTE, edits(
        PTE, ("int i;", "void (*drop)(pte_t *, pte_t) = start_gpa ? set_pte : NULL;\n\tint i;"),
        (DROP, "drop(pte + i, __pte(0));"),
    ), "", UNSUPPORTED, "a call through a pointer"),
    Case("assembly", PTE, edits(
        PTE, (DROP, f'{DROP}\n\t\tasm volatile("" : : : "memory");'),
    ), "", UNSUPPORTED, "'GCCAsmStmt' is no C"),
    Case("a global that is written", PTE, (
        *helper(PTE, "static int kvm_mips_calls;"),
        *edits(PTE, (DROP, f"{DROP}\n\t\tkvm_mips_calls++;")),
    ), "", UNSUPPORTED, "the global variable"),
    Case("a global that is read", PTE, (
        *helper(PTE, "static bool kvm_mips_off;"),
        *edits(PTE, ("pte_present(pte[i])", "pte_present(pte[i]) || kvm_mips_off")),
    ), "", UNSUPPORTED, "the global variable"),
    Case("a function that calls itself, of a table", PTE, edits(
        PTE, (DROP, f"{DROP}\n\t\tif (i < i_max)\n\t\t\t"
              "return kvm_mips_flush_gpa_pte(pte, start_gpa + PAGE_SIZE, end_gpa);"),
    ), "memory", REFUTED, "'the recursion goes down a level'"),
    Case("a function that calls itself, of numbers", PTE, (
        *helper(PTE, DEEP), *edits(PTE, (DROP, f"{DROP}\n\t\tkvm_mips_deep(i);")),
    ), "", UNSUPPORTED, "kvm_mips_deep is called too deep"),
    # Bytes of a number: which they are depends on the byte order.
    Case("the first half of an entry is read", PTE, edits(
        PTE, (PRESENT, "(*(unsigned int *)(pte + i) & _PAGE_PRESENT)"),
    ), "", UNSUPPORTED, PARTS, WIDE),
    Case("the second half of an entry is read", PTE, edits(
        PTE, (PRESENT, "(((unsigned int *)(pte + i))[1] & _PAGE_PRESENT)"),
    ), "", UNSUPPORTED, PARTS, WIDE),
    Case("half of an entry is written", PTE, edits(
        PTE, (DROP, "*(unsigned int *)(pte + i) = 0;"),
    ), "", UNSUPPORTED, PARTS, WIDE),
    Case("both words of an entry are read as one number", PTE, edits(
        PTE, (PRESENT, "(*(unsigned long long *)(pte + i) & _PAGE_PRESENT)"),
    ), "", UNSUPPORTED, PARTS, "mips32-16k-xpa"),
    # Tables that are gone, or not there yet.
    Case("a table written after it was freed", PGD, edits(
        PMD, (FREE_PTE, f"{FREE_PTE}\n\t\t\tset_pte(pte, __pte(0));"),
    ), "memory", REFUTED, "'an access is to a live table"),
    Case("a table written without a look at what is present", PTE, edits(
        PTE, (PRESENT, "1"),
    ), "memory", REFUTED, "'an access is to a live table of level 1 (the shared"),
    Case("a table read after it was freed", PGD, edits(
        PMD, (FREE_PTE, f"{FREE_PTE}\n\t\t\tif (pte_present(*pte))\n\t\t\t\t{ANOTHER}"),
    ), "memory", REFUTED, "'an access is to a live table"),
    Case("a table taken from a slot that was emptied", PGD, edits(
        PMD, (FREE_PTE, "pte_free_kernel(NULL, pte_offset_kernel(pmd + i, 0));"),
    ), "memory", REFUTED, "'a page freed is taken and not linked'"),
    Case("a table linked before it is empty", MAP, edits(
        WALK, (LINK, f"{POPULATE}\n\t\tclear_page(new_pte);"),
    ), "init", REFUTED, "'a table is empty when it is linked'"),
)  # fmt: skip

#: A pointer that is kept from turn to turn; the table that it points into may be gone by then.
STALE = Case("a store through a stale pointer", PMD, edits(
    PMD, ("pte_t *pte;", "pte_t *pte, *last = NULL;"),
    ("if (kvm_mips_flush_gpa_pte(",
     "if (last)\n\t\t\tset_pte(last, __pte(0));\n\t\tlast = pte;\n"
     "\t\tif (kvm_mips_flush_gpa_pte("),
), "", UNSUPPORTED, "", WIDE)  # fmt: skip

#: Members of a structure that are read in parts, or with what follows; its promises fail already.
HALVES = tuple(
    Case(name, YOUNG, edits(YOUNG, ("range->start", new)), "", UNSUPPORTED)
    for name, new in (
        ("the first half of a member", "*(unsigned int *)&range->start"),
        ("the second half of a member", "((unsigned int *)&range->start)[1]"),
        ("a byte of a member", "*((unsigned char *)&range->start + 1)"),
    )
)

#: What is broken only for what comes after.
FORGOTTEN = Case("the root forgotten", OLD, edits(
    OLD, (AGED, "int ret = kvm_mips_mkold_pgd("),
    ("end_gfn << PAGE_SHIFT);",
     "end_gfn << PAGE_SHIFT);\n\tkvm->arch.gpa_mm.pgd = NULL;\n\treturn ret;"),
), "", "")  # fmt: skip


@dataclass
class Bench:
    """Linux 6.12, and a copy in which one edit after the other is made."""

    tree: Path
    copy: Path

    def session(self, edits: tuple[Edit, ...], layout: str = NARROW) -> Session:
        """Return the proofs of the tree with edits; nothing is kept of them."""
        with changed(self.copy, self.tree, edits) as where:
            return session(where, layout, LemmaStore(None))

    def clauses(self, case: Case) -> dict[str, ClauseResult]:
        """Return what becomes of the promises of the case's function."""
        (one,) = self.session(case.edits, case.layout).run([case.title]).proved
        return one.proof.clauses


@pytest.fixture(scope="session")
def bench(kernel_trees: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Give what the edits are tried on."""
    folder = tmp_path_factory.mktemp("rules") / "linux"
    share(kernel_trees["6.12"], folder)
    return Bench(kernel_trees["6.12"], folder)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_wrong_or_not_understood_does_not_hold(bench: Bench, case: Case) -> None:
    clauses = bench.clauses(case)
    assert clauses
    for name in [case.clause] if case.clause else clauses:
        clause = clauses[name]
        assert clause.verdict == case.verdict, f"{name}: {clause.verdict}, {clause.reason}"
        assert re.match(PLACE + re.escape(case.said), clause.reason), clause.reason


@pytest.mark.parametrize("title", sorted({case.title for case in CASES}))
def test_without_the_edits_all_of_it_holds(bench: Bench, title: str) -> None:
    clauses = bench.clauses(Case("", title, (), "", HOLDS))
    assert {one.verdict for one in clauses.values()} == {HOLDS}


@pytest.mark.slow
def test_a_store_through_a_stale_pointer_does_not_hold(bench: Bench) -> None:
    verdicts = {one.verdict for one in bench.clauses(STALE).values()}
    assert HOLDS not in verdicts


@pytest.mark.parametrize("case", HALVES, ids=str)
def test_a_part_of_a_member_is_not_taken_for_the_member(bench: Bench, case: Case) -> None:
    clauses = bench.clauses(case).values()
    assert {one.verdict for one in clauses} == {UNSUPPORTED}
    for clause in clauses:
        assert "kvm_gfn_range.start is accessed in parts" in clause.reason


def test_the_root_is_still_there_at_the_end(bench: Bench) -> None:
    held = {name for name, one in bench.clauses(FORGOTTEN).items() if one.verdict == HOLDS}
    assert not {"memory", "invariant"} <= held


def one_of(found: Session, title: str) -> Proved:
    """Return what is proved of one function."""
    (one,) = found.run([title]).proved
    return one


def test_a_function_of_another_name_is_found_through_its_callers(bench: Bench) -> None:
    other = "kvm_mips_drop_leaf"
    renamed = (Edit("", MMU, PTE, other), Edit("", PMD, PTE, other))
    found = bench.session(renamed)
    assert found.bound.missing == {}
    assert other in [one.name for one in found.bound.tables]
    one = one_of(found, PTE)
    assert other in one.entered
    assert {clause.verdict for clause in one.proof.clauses.values()} == {HOLDS}


def test_a_function_of_another_signature_is_not_bound(bench: Bench) -> None:
    found = bench.session((
        Edit("", PTE, "unsigned long start_gpa,", "unsigned long start_gpa, int more,"),
        Edit("", PMD, "(pte, start_gpa, end)", "(pte, start_gpa, 0, end)"),
    ))  # fmt: skip
    assert list(found.bound.missing) == ["kvm_mips_flush_gpa_pte"]
    assert found.bound.missing["kvm_mips_flush_gpa_pte"].startswith("not bound: ")
    proof = found.run([PTE])
    assert proof.missing == found.bound.missing
    for one in proof.proved:
        assert {clause.verdict for clause in one.proof.clauses.values()} == {UNSUPPORTED}


def test_an_entry_point_of_another_signature_is_not_bound(bench: Bench) -> None:
    found = bench.session((
        Edit("", OLD, "gfn_t start_gfn", "unsigned long start_gfn"),
    ))  # fmt: skip
    assert found.bound.missing[OLD] == (
        f"not bound: {OLD} takes (struct kvm *, unsigned long, gfn_t), "
        "not (struct kvm *, gfn_t, gfn_t)"
    )
    one = one_of(found, OLD)
    assert {clause.verdict for clause in one.proof.clauses.values()} == {UNSUPPORTED}


@pytest.mark.parametrize(
    ("body", "right"),
    [
        ("mask &= mask - 1;", True),
        ("mask &= mask - 1;\n\t\tbreak;", False),
        ("mask = 0;", False),
        ("mask &= mask - 2;", False),
    ],
)
def test_a_loop_over_bits_takes_each_bit_once(bench: Bench, body: str, right: bool) -> None:
    one_frame = "start = base_gfn + __ffs(mask);\n\t\tkvm_mips_mkclean_gpa_pt(kvm, start, start);"
    loop = f"while (mask) {{\n\t\t{one_frame}\n\t\t{body}\n\t}}"
    change = edits(MASKED, ("kvm_mips_mkclean_gpa_pt(kvm, start, end);", loop))
    clause = one_of(bench.session(change), MASKED).proof.clauses["exact"]
    assert (clause.verdict == HOLDS) is right, clause.reason


def test_the_names_of_cases_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    assert FLUSH not in {case.title for case in CASES}, "its promises fail in the tree as it is"


def test_what_is_not_understood_is_told_with_its_place(
    kernel_trees: Mapping[str, Path], tmp_path: Path
) -> None:
    barrier = f'{DROP}\n\t\tasm volatile("" : : : "memory");'
    note = before("note", PTE, "static int kvm_mips_calls;")
    tree = edited(kernel_trees["6.12"], (note, *edits(PTE, (DROP, barrier))), tmp_path / "tree")
    (one,) = session(tree, NARROW, LemmaStore(None)).run([PTE]).proved
    lines = (tree / MMU).read_text().splitlines()
    (place,) = [number for number, line in enumerate(lines, 1) if "asm volatile" in line]
    wanted = f"{MMU}:{place}, {PTE}(): 'GCCAsmStmt'"
    assert one.proof.clauses["exact"].reason.startswith(wanted)
