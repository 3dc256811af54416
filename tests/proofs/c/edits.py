# SPDX-License-Identifier: GPL-2.0-only
"""Textual edits of Linux 6.12's C: repairs of what is broken, mutants, and rewrites that keep it.

Each edit replaces a few words of one function. ``mutants.json`` beside this file says what the
differential engine makes of each mutant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from impl.kernel.ports.mips.files import MIPS, MMU
from impl.kernel.slices import functions
from tests.kernels.copies import edit as replace_file
from tests.kernels.copies import share, share_what_is_read

MACRO = "BUILD_PTE_RANGE_OP"
PGTABLE = "arch/mips/include/asm/pgtable.h"
TABLES_64 = "arch/mips/mm/pgtable-64.c"


@dataclass(frozen=True)
class Edit:
    """Some words of a function (or of the macro, or of a file) replaced; ``nth`` counts from 1."""

    name: str
    where: str
    old: str
    new: str
    nth: int = 1
    file: str = MMU

    def __str__(self) -> str:
        return self.name


def apply(text: str, edit: Edit) -> str:
    """Return the file with the edit made; fails where the words are not there."""
    start, end = 0, len(text)
    if edit.where == MACRO:
        start = text.index(f"#define {MACRO}")
        end = text.index("/**", start)
    elif edit.where != edit.file:
        body = functions(text.encode())[edit.where].text
        start = text.index(body)
        end = start + len(body)
    at = start - 1
    for _ in range(edit.nth):
        at = text.find(edit.old, at + 1, end)
        assert at >= 0, f"'{edit.old}' is not in {edit.where}"
    return text[:at] + edit.new + text[at + len(edit.old) :]


def edited(tree_root: Path, edits: Sequence[Edit], folder: Path, whole: bool = False) -> Path:
    """Build a copy of a tree in ``folder`` with the edits made one after the other.

    It has the files that are read when it is judged; with ``whole`` it has all headers.
    """
    (share if whole else share_what_is_read)(tree_root, folder)
    for one in edits:
        replace_file(folder, one.file, partial(apply, edit=one))
    return folder


def unrolled(target: str, value: str) -> str:
    """Return the eight stores of one step of the kernel's initialising loops, as they stand."""
    stores = [f"{target}[{n}] = {value};" for n in range(5)] + [f"{target} += 8;"]
    stores += [f"{target}[-{n}] = {value};" for n in (3, 2, 1)]
    return "\n\t\t".join(stores)


# --- repairs -------------------------------------------------------------------------------------

PUD_BLOCK = """
#ifndef __PAGETABLE_PUD_FOLDED
	if (p4d_none(*p4d)) {
		pud_t *new_pud;

		if (!cache)
			return NULL;
		new_pud = kvm_mmu_memory_cache_alloc(cache);
		pud_init(new_pud);
		p4d_populate(NULL, p4d, new_pud);
	}
#endif"""

PMD_MARKER = "entry = (unsigned long)invalid_pmd_table;"

#: What a table of four levels needs before it can be used at all; others behave as before.
#: A KVM built as a module would need pud_init and invalid_pud_table exported as well.
FOUR_LEVEL: tuple[Edit, ...] = (
    Edit(
        "three pages cached for four levels", MMU,
        "#else\n#define KVM_MMU_CACHE_MIN_PAGES 2",
        "#elif defined(__PAGETABLE_PUD_FOLDED)\n#define KVM_MMU_CACHE_MIN_PAGES 2\n"
        "#else\n#define KVM_MMU_CACHE_MIN_PAGES 3",
    ),
    Edit(
        "root marked empty with the PUD's marker", "kvm_pgd_init",
        f"#else\n\t{PMD_MARKER}",
        f"#elif defined(__PAGETABLE_PUD_FOLDED)\n\t{PMD_MARKER}\n"
        "#else\n\tentry = (unsigned long)invalid_pud_table;",
    ),
    Edit(
        "walk makes PUD tables", "kvm_mips_walk_pgd",
        "p4d = p4d_offset(pgd, addr);", "p4d = p4d_offset(pgd, addr);" + PUD_BLOCK,
    ),
    Edit(
        "flush skips empty slots of the root", "kvm_mips_flush_gpa_pgd",
        "p4d = p4d_offset(pgd, 0);",
        "p4d = p4d_offset(pgd, 0);\n\t\tif (!p4d_present(p4d[i]))\n\t\t\tcontinue;\n",
    ),
    Edit(
        "flush empties slots of the root", "kvm_mips_flush_gpa_pgd",
        "pgd_clear(pgd + i);", "pgd_clear(pgd + i);\n\t\t\tp4d_clear(p4d + i);",
    ),
    Edit(
        "range operations skip empty slots of the root", MACRO,
        "p4d = p4d_offset(pgd, 0);				\\\n",
        "p4d = p4d_offset(pgd, 0);				\\\n"
        "		if (!p4d_present(p4d[i]))				\\\n"
        "			continue;					\\\n",
    ),
)  # fmt: skip

BEYOND = "start_gfn >= KVM_GPA_FRAMES"
CLIP = "if (end_gfn >= KVM_GPA_FRAMES)\n\t\tend_gfn = KVM_GPA_FRAMES - 1;\n\n\t"


def _clipped(function: str, nothing: str, call: str) -> Edit:
    """Return the edit that keeps a range within the reach before the tables are walked."""
    refuse = f"if ({BEYOND})\n\t\treturn {nothing};\n\t"
    return Edit(f"{function} clips", function, f"return {call}(", f"{refuse}{CLIP}return {call}(")


#: 64-bit arithmetic throughout: on 32-bit kernels the reach is one more than a long can hold.
REACH: tuple[Edit, ...] = (
    Edit(
        "reach named", MMU,
        "\nvoid kvm_mmu_free_memory_caches(",
        "\n/* Guest frames that the GPA page table can tell apart. */\n"
        "#define KVM_GPA_FRAMES ((gfn_t)PTRS_PER_PGD << (PGDIR_SHIFT - PAGE_SHIFT))\n"
        "\nvoid kvm_mmu_free_memory_caches(",
    ),
    Edit(
        "no entry beyond the reach", "kvm_mips_pte_for_gpa",
        "return kvm_mips_walk_pgd(",
        "if ((addr >> PAGE_SHIFT) >= KVM_GPA_FRAMES)\n\t\treturn NULL;\n\n"
        "\treturn kvm_mips_walk_pgd(",
    ),
    Edit(
        "no fault beyond the reach", "kvm_mips_map_page",
        "/* Try the fast path",
        "if (gfn >= KVM_GPA_FRAMES)\n\t\treturn -EFAULT;\n\n\t/* Try the fast path",
    ),
    _clipped("kvm_mips_flush_gpa_pt", "false", "kvm_mips_flush_gpa_pgd"),
    _clipped("kvm_mips_mkclean_gpa_pt", "0", "kvm_mips_mkclean_pgd"),
    _clipped("kvm_mips_mkold_gpa_pt", "0", "kvm_mips_mkold_pgd"),
    Edit(
        "no age beyond the reach", "kvm_test_age_gfn",
        "pte_t *gpa_pte = kvm_mips_pte_for_gpa(kvm, NULL, gpa);\n",
        "pte_t *gpa_pte;\n\n\tif (range->start >= KVM_GPA_FRAMES)\n\t\treturn false;\n\n"
        "\tgpa_pte = kvm_mips_pte_for_gpa(kvm, NULL, gpa);",
    ),
)  # fmt: skip

#: The rest of what docs/findings tells, each by itself.
SINGLE: tuple[Edit, ...] = (
    Edit("unmap's end is exclusive", "kvm_unmap_gfn_range", "range->end", "range->end - 1"),
    Edit("age's end is exclusive", "kvm_age_gfn", "range->end", "range->end - 1"),
    Edit(
        "only bits that are set", "kvm_arch_mmu_enable_log_dirty_pt_masked",
        "gfn_t start = base_gfn +  __ffs(mask);\n\tgfn_t end = base_gfn + __fls(mask);\n\n"
        "\tkvm_mips_mkclean_gpa_pt(kvm, start, end);",
        "gfn_t gfn;\n\n\twhile (mask) {\n\t\tgfn = base_gfn + __ffs(mask);\n"
        "\t\tkvm_mips_mkclean_gpa_pt(kvm, gfn, gfn);\n\t\tmask &= mask - 1;\n\t}",
    ),
    Edit(
        "flush of everything locked", "kvm_arch_flush_shadow_all",
        "kvm_mips_flush_gpa_pt(kvm, 0, ~0);",
        "spin_lock(&kvm->mmu_lock);\n\tkvm_mips_flush_gpa_pt(kvm, 0, ~0);\n"
        "\tspin_unlock(&kvm->mmu_lock);",
        file=MIPS,
    ),
    Edit(
        "root of any size", "kvm_pgd_init",
        unrolled("p", "entry"), "*p++ = entry;",
    ),
    Edit(
        "root freed whole", "kvm_mips_free_gpa_pt",
        "pgd_free(NULL, kvm->arch.gpa_mm.pgd);",
        "free_pages((unsigned long)kvm->arch.gpa_mm.pgd, PGD_TABLE_ORDER);",
        file=MIPS,
    ),
    # The tables are plain pages from the cache, on which no constructor ever ran.
    Edit(
        "PMD table freed as a page", "kvm_mips_flush_gpa_pud",
        "\t\t\tpmd_free(NULL, pmd);",
        "#ifndef __PAGETABLE_PMD_FOLDED\n\t\t\tfree_page((unsigned long)pmd);\n#endif",
    ),
    Edit(
        "PUD table freed as a page", "kvm_mips_flush_gpa_pgd",
        "\t\t\tpud_free(NULL, pud);",
        "#ifndef __PAGETABLE_PUD_FOLDED\n\t\t\tfree_page((unsigned long)pud);\n#endif",
    ),
    # With XPA the bit stands in the other word; see docs/findings/xpa-young-looks-at-pfn-bits.md.
    Edit(
        "young looks at the word with the bit", "pte_mkyoung",
        "if (!(pte.pte_low & _PAGE_NO_READ)) {",
        "if (!((IS_ENABLED(CONFIG_XPA) ? pte.pte_high : pte.pte_low) & _PAGE_NO_READ)) {",
        file=PGTABLE,
    ),
)  # fmt: skip

#: All that is known to be broken in 6.12 and can be fixed by edits of KVM and of pte_mkyoung().
#:
#: Left out: PFN bits without a place. With XPA the number 24 in pfn_pte() and pte_pfn() would
#: have to grow with the page size, and with it the refill handler's notion of the entry; for huge
#: pages on 32-bit kernels there is no bit left to give.
REPAIRS: tuple[Edit, ...] = FOUR_LEVEL + REACH + SINGLE

#: A flush of a dirty page never ends, and makes no access that could be counted.
STUCK = Edit(
    "a loop without an end",
    "kvm_mips_flush_gpa_pte",
    "if (!pte_present(pte[i]))",
    'if (pte_dirty(pte[i]))\n\t\t\tfor (;;)\n\t\t\t\t__asm__ volatile("");\n'
    "\t\tif (!pte_present(pte[i]))",
)

#: What the engine still shows with all repairs, of the layouts that it was tried on. The geometry
#: is what the model says of the kernel as it is. The slots of ``mips32-64k`` are all set: the
#: engine looks at eight words at a time, where that root has four.
REMAINING: dict[str, frozenset[str]] = {
    "mips32-4k": frozenset(),
    "mips32-64k": frozenset({"uninitialised/kvm_pgd_alloc/any"}),
    "mips32-16k-xpa": frozenset({"wrong-entry/kvm_mips_map_page/pfn-does-not-fit"}),
    "mips32-4k-huge": frozenset({"wrong-entry/kvm_mips_map_page/pfn-does-not-fit"}),
    "mips64-4k": frozenset(),
    "mips64-4k-va48": frozenset({"geometry/kvm_pgd_alloc/any"}),
    "mips64-16k-va48": frozenset(),
    "mips64-64k": frozenset(),
}


# --- rewrites ------------------------------------------------------------------------------------

PTE, PMD, PUD, PGD = (f"kvm_mips_flush_gpa_{level}" for level in ("pte", "pmd", "pud", "pgd"))
FLUSH = "kvm_mips_flush_gpa_pt"
WALK = "kvm_mips_walk_pgd"
MAP = "kvm_mips_map_page"
FAST = "_kvm_mips_map_page_fast"
MASKED = "kvm_arch_mmu_enable_log_dirty_pt_masked"

LOOP = "for (i = i_min; i <= i_max; ++i) {"
STEP = "for (i = i_min; i <= i_max; ++i, start_gpa = 0) {"
SKIP = "if (!pte_present(pte[i]))\n\t\t\tcontinue;\n\n\t\t"
DROP = "set_pte(pte + i, __pte(0));"
SAFE = "safe_to_remove"
KEEP = "\t\t} else {\n\t\t\tsafe_to_remove = false;\n\t\t}"
LAST = "if (i == i_max)\n\t\t\tend = end_gpa;"

Rewrite = tuple[str, tuple[Edit, ...]]


def rewrite(name: str, where: str, *words: tuple[str, str], file: str = MMU) -> Rewrite:
    """Return a rewrite within one function: (old, new) one after the other."""
    return name, tuple(Edit(name, where, old, new, file=file) for old, new in words)


def in_macro(name: str, *words: tuple[str, str, int]) -> Rewrite:
    """Return a rewrite within the macro: (old, new, which)."""
    return name, tuple(Edit(name, MACRO, old, new, nth) for old, new, nth in words)


def before(name: str, function: str, text: str) -> Edit:
    """Return the edit that puts ``text`` in front of a static function that returns bool."""
    head = f"static bool {function}("
    return Edit(name, MMU, head, f"{text}\n\n{head}")


def with_helper(name: str, where: str, helper: str, *words: tuple[str, str]) -> Rewrite:
    """Return a rewrite that adds a helper function and then calls it."""
    edits = [Edit(name, where, old, new) for old, new in words]
    return name, (before(name, where, helper), *edits)


def all_of(old: str, new: str, count: int) -> tuple[tuple[str, str], ...]:
    """Return the words that replace each of ``count`` places; ``new`` must not hold ``old``."""
    assert old not in new
    return ((old, new),) * count


#: Each leaves the behaviour as it is, on 6.12 as it stands.
REWRITES: tuple[Rewrite, ...] = (
    rewrite("locals renamed", PMD, *all_of(SAFE, "all_gone", 3), *all_of("i_min", "from", 3)),
    rewrite(
        "while for for, flush pte", PTE,
        (LOOP, "i = i_min;\n\twhile (i <= i_max) {"),
        (SKIP, "if (pte_present(pte[i]))\n\t\t\t"),
        (DROP, f"{DROP}\n\t\ti++;"),
    ),
    rewrite(
        "while for for, flush pud", PUD,
        (STEP, "i = i_min - 1;\n\twhile (++i <= i_max) {"),
        ("kvm_mips_flush_gpa_pmd(pmd, start_gpa,",
         "kvm_mips_flush_gpa_pmd(pmd, i == i_min ? start_gpa : 0,"),
    ),
    rewrite(
        "pointer walk, flush pte", PTE,
        ("int i;", "pte_t *p, *last = pte + i_max;"),
        (LOOP, "for (p = pte + i_min; p <= last; ++p) {"),
        ("pte_present(pte[i])", "pte_present(*p)"), ("pte + i,", "p,"),
    ),
    in_macro(
        "pointer walk, range pte",
        ("int i;", "pte_t *p;", 1), (LOOP, "for (p = pte + i_min; p <= pte + i_max; ++p) {", 1),
        ("pte_present(pte[i])", "pte_present(*p)", 1), ("old = pte[i];", "old = *p;", 1),
        ("set_pte(pte + i, new)", "set_pte(p, new)", 1),
    ),
    rewrite(
        "pointer walk, flush pmd", PMD,
        ("pte_offset_kernel(pmd + i, 0)", "pte_offset_kernel(slot, 0)"),
        ("pmd_clear(pmd + i)", "pmd_clear(slot)"), ("pmd_present(pmd[i])", "pmd_present(*slot)"),
        ("++i, start_gpa = 0", "++i, ++slot, start_gpa = 0"),
        ("int i;", "pmd_t *slot = pmd + i_min;\n\tint i;"),
    ),
    with_helper(
        "helper for one entry, flush pte", PTE,
        "static void kvm_mips_drop_pte(pte_t *pte)\n{\n\tif (pte_present(*pte))\n"
        "\t\tset_pte(pte, __pte(0));\n}",
        (SKIP, ""), (DROP, "kvm_mips_drop_pte(pte + i);"),
    ),
    with_helper(
        "helper for the loop, flush pte", PTE,
        "static void kvm_mips_drop_ptes(pte_t *pte, int first, int last)\n{\n\tint i;\n\n"
        "\tfor (i = first; i <= last; i++)\n\t\tif (pte_present(pte[i]))\n"
        "\t\t\tset_pte(&pte[i], __pte(0));\n}",
        (f"int i;\n\n\t{LOOP}\n\t\t{SKIP}{DROP}\n\t}}", "kvm_mips_drop_ptes(pte, i_min, i_max);"),
    ),
    with_helper(
        "helper for the end of the body, flush pmd", PMD,
        "static void kvm_mips_drop_pte_table(pmd_t *slot, pte_t *table)\n{\n\tpmd_clear(slot);\n"
        "\tpte_free_kernel(NULL, table);\n}",
        ("pmd_clear(pmd + i);", "kvm_mips_drop_pte_table(pmd + i, pte);"),
        ("pte_free_kernel(NULL, pte);", ";"),
    ),
    with_helper(
        "helper for one slot, flush pud", PUD,
        "static bool kvm_mips_flush_pud_slot(pud_t *pud, unsigned long start,\n"
        "\t\t\t\t    unsigned long end)\n{\n\tpmd_t *pmd = pmd_offset(pud, 0);\n\n"
        "\tif (!kvm_mips_flush_gpa_pmd(pmd, start, end))\n\t\treturn false;\n"
        "\tpud_clear(pud);\n\tpmd_free(NULL, pmd);\n\treturn true;\n}",
        ("pmd_t *pmd;\n\t", ""), ("pmd = pmd_offset(pud + i, 0);\n\t\t", ""),
        ("if (kvm_mips_flush_gpa_pmd(pmd, start_gpa, end)) {",
         "if (!kvm_mips_flush_pud_slot(pud + i, start_gpa, end))"),
        ("pud_clear(pud + i);\n\t\t\tpmd_free(NULL, pmd);\n\t\t} else {\n\t\t\t", ""),
        (" = false;\n\t\t}", " = false;"),
    ),
    rewrite(
        "ternary for the end, flush pmd", PMD,
        (LAST + "\n\n\t\t", ""),
        ("if (!pmd_present", "end = i == i_max ? end_gpa : ~0ul;\n\t\tif (!pmd_present"),
    ),
    rewrite(
        "ternary for the answer, flush pgd", PGD,
        ("if (kvm_mips_flush_gpa_pud(pud, start_gpa, end)) {",
         "gone = kvm_mips_flush_gpa_pud(pud, start_gpa, end);\n"
         f"\t\t{SAFE} = gone ? {SAFE} : false;\n\t\tif (gone) {{"),
        (KEEP, "\t\t}"), ("int i;", "bool gone;\n\tint i;"),
    ),
    rewrite(
        "ternary, test age", "kvm_test_age_gfn",
        ("if (!gpa_pte)\n\t\treturn false;\n\treturn pte_young(*gpa_pte);",
         "return gpa_pte ? pte_young(*gpa_pte) : false;"),
    ),
    rewrite(
        "a count that nobody needs", PTE,
        ("int i;", "unsigned long dropped = 0;\n\tint i;"), (DROP, f"{DROP}\n\t\tdropped++;"),
    ),
    rewrite("downwards, flush pte", PTE, (LOOP, "for (i = i_max; i >= i_min; --i) {")),
    rewrite(
        "downwards, flush pmd", PMD,
        (STEP, "for (i = i_max; i >= i_min; --i) {"), ("end = ~0ul", "end"),
        (LAST, "end = i == i_max ? end_gpa : ~0ul;"),
        ("(pte, start_gpa,", "(pte, i == i_min ? start_gpa : 0,"),
    ),
    in_macro("downwards, range pte", (LOOP, "for (i = i_max; i >= i_min; --i) {", 1)),
    rewrite(
        "the answer turned round, flush pmd", PMD,
        (f"bool {SAFE} = (i_min == 0 && i_max == PTRS_PER_PMD - 1)",
         "bool keep = i_min != 0 || i_max != PTRS_PER_PMD - 1"),
        (f"{SAFE} = false", "keep = true"), (f"return {SAFE}", "return !keep"),
    ),
    rewrite(
        "nothing to do told at once, flush pte", PTE,
        ("int i;\n", "int i;\n\n\tif (i_min > i_max)\n\t\treturn false;\n"),
    ),
    rewrite(
        "unsigned indices, flush pte", PTE,
        ("int i_min", "unsigned int i_min"), ("int i_max", "unsigned int i_max"),
        ("int i;", "unsigned int i;"),
    ),
    rewrite(
        "long indices, flush pgd", PGD,
        ("int i_min", "long i_min"), ("int i_max", "long i_max"), ("int i;", "long i;"),
    ),
    in_macro(
        "long indices, range pud",
        ("int i_min", "long i_min", 3), ("int i_max", "long i_max", 3), ("int i;", "long i;", 3),
    ),
    rewrite(
        "start in a local, flush pud", PUD,
        ("(pmd, start_gpa,", "(pmd, start,"), (", start_gpa = 0", ", start = 0"),
        ("int i;", "unsigned long start = start_gpa;\n\tint i;"),
    ),
    in_macro(
        "nested if, range pte",
        ("== pte_val(old))", "!= pte_val(old)) {", 1), ("continue;", "set_pte(pte + i, new);", 2),
        ("set_pte(pte + i, new);", "ret = 1;", 2), ("ret = 1;", "}", 2),
    ),
    rewrite(
        "nested if, flush pgd", PGD,
        ("if (!pgd_present(pgd[i]))\n\t\t\tcontinue;\n", "if (pgd_present(pgd[i])) {"),
        (KEEP, f"{KEEP}\n\t\t}}"),
    ),
    rewrite(
        "do while, flush pte", PTE,
        (LOOP, f"i = i_min;\n\tif (i > i_max)\n\t\treturn {SAFE};\n\tdo {{"),
        (f"{DROP}\n\t}}", f"{DROP}\n\t}} while (++i <= i_max);"),
    ),
    rewrite(
        "counted down, flush pte", PTE,
        ("int i;", "int n = i_max - i_min + 1;"), (LOOP, "pte += i_min;\n\twhile (n-- > 0) {"),
        (SKIP, "if (pte_present(*pte))\n\t\t\t"), (DROP, "set_pte(pte, __pte(0));\n\t\tpte++;"),
    ),
    rewrite(
        "counted up, flush pud", PUD,
        ("int i;", "int i, n;"), ("for (i = i_min; i <= i_max; ++i,",
         "for (i = i_min, n = i_max - i_min + 1; n > 0; ++i, --n,"),
    ),
    rewrite(
        "strictly less, flush pmd", PMD, ("i <= i_max", "i < i_max + 1"), ("++i,", "i += 1,"),
    ),
    rewrite(
        "simple loop, pmd_init", "pmd_init",
        (unrolled("p", "pagetable"), "*p++ = pagetable;"), file=TABLES_64,
    ),
    rewrite(
        "indexed loop, kvm_pgd_init", "kvm_pgd_init",
        (unrolled("p", "entry"), "p[i] = entry;"),
        ("do {\n\t\tp[i] = entry;\n\t} while (p != end);",
         "for (i = 0; i < PTRS_PER_PGD; i++)\n\t\tp[i] = entry;"),
        ("\tend = p + PTRS_PER_PGD;\n", ""),
        ("*p, *end;", "*p;\n\tint i;"),
    ),
    rewrite(
        "early return, kvm_pgd_alloc", "kvm_pgd_alloc",
        ("if (ret)\n\t\tkvm_pgd_init(ret);\n",
         "if (!ret)\n\t\treturn NULL;\n\tkvm_pgd_init(ret);\n"),
    ),
    rewrite(
        "goto, walk", WALK,
        ("if (pmd_none(*pmd)) {", "if (!pmd_none(*pmd))\n\t\tgoto found;\n\t{"),
        ("return pte_offset_kernel(", "found:\n\treturn pte_offset_kernel("),
    ),
    rewrite(
        "refused at once, walk", WALK,
        ("pmd_t *new_pmd;\n\n\t\tif (!cache)\n\t\t\treturn NULL;\n\t\t", "pmd_t *new_pmd;\n\n\t\t"),
        ("if (pud_none(*pud)) {",
         "if (pud_none(*pud) && !cache)\n\t\treturn NULL;\n\tif (pud_none(*pud)) {"),
    ),
    rewrite(
        "ternary, map page", MAP,
        ("if (writeable) {\n\t\tprot_bits |= _PAGE_WRITE;\n\t\tif (write_fault) {",
         "prot_bits |= writeable ? _PAGE_WRITE : 0;\n\t{\n\t\tif (writeable && write_fault) {"),
    ),
    rewrite(
        "for ever, map page", MAP,
        ("retry:", "for (;;) {"), ("goto retry;\n\t}", "continue;\n\t}\n\tbreak;\n\t}"),
    ),
    rewrite(
        "do while, map page", MAP,
        ("retry:", "do {"), ("if (mmu_invalidate_retry(kvm, mmu_seq)) {",
         "again = mmu_invalidate_retry(kvm, mmu_seq);\n\tif (again) {"),
        ("goto retry;\n\t}", "}\n\t} while (again);"),
        ("bool writeable;", "bool writeable, again;"),
    ),
    rewrite(
        "comma, flush pmd", PMD,
        ("pmd_clear(pmd + i);\n\t\t\tpte_free", "pmd_clear(pmd + i),\n\t\t\tpte_free"),
    ),
    rewrite(
        "told in another order, map page", MAP,
        ("mark_page_dirty(kvm, gfn);\n", "kvm_set_pfn_dirty(pfn);\n"),
        ("kvm_set_pfn_dirty(pfn);\n\t\t\tkvm_set_pfn_dirty(pfn);",
         "kvm_set_pfn_dirty(pfn);\n\t\t\tmark_page_dirty(kvm, gfn);"),
    ),
    rewrite(
        "declared in another order, flush pgd", PGD,
        ("int i_min = pgd_index(start_gpa);\n\tint i_max = pgd_index(end_gpa);",
         "int i_max = pgd_index(end_gpa);\n\tint i_min = pgd_index(start_gpa);"),
    ),
    rewrite(
        "other order and a word more, fast path", FAST,
        ("pfn = pte_pfn(*ptep);\n\t\tpfn_valid = true;",
         "pfn_valid = true;\n\t\tpfn = pte_pfn(*ptep);"),
        ("set_pte(ptep, pte_mkyoung(*ptep));",
         "pte_t young = pte_mkyoung(*ptep);\n\n\t\tset_pte(ptep, young);"),
    ),
    rewrite(
        "locals, flush pt", FLUSH,
        ("return kvm_mips_flush_gpa_pgd(kvm->arch.gpa_mm.pgd,\n\t\t\t\t      "
         "start_gfn << PAGE_SHIFT,\n\t\t\t\t      end_gfn << PAGE_SHIFT);",
         "unsigned long first = start_gfn << PAGE_SHIFT;\n"
         "\tunsigned long last = end_gfn << PAGE_SHIFT;\n\tbool safe;\n\n"
         "\tsafe = kvm_mips_flush_gpa_pgd(kvm->arch.gpa_mm.pgd, first, last);\n\treturn safe;"),
    ),
    rewrite("address of an element, flush pte", PTE, ("pte + i,", "&pte[i],")),
    rewrite("address of an element, flush pmd", PMD, *all_of("pmd + i", "&pmd[i]", 2)),
    in_macro(
        "address of an element, range op",
        ("pte + i,", "&pte[i],", 1), ("pmd + i,", "&pmd[i],", 1), ("p4d + i,", "&p4d[i],", 1),
    ),
    rewrite(
        "switch, flush pmd", PMD,
        ("if (kvm_mips_flush_gpa_pte(pte, start_gpa, end)) {",
         "switch ((int)kvm_mips_flush_gpa_pte(pte, start_gpa, end)) {\n\t\tcase 1:"),
        ("} else {", "\tbreak;\n\t\tdefault:"),
    ),
    rewrite(
        "goto for continue, flush pud", PUD,
        ("continue;", "goto next;"), (KEEP, f"{KEEP}\nnext:\n\t\t;"),
    ),
    in_macro(
        "if for or, range ops",
        ("ret |= kvm_mips_##name##_pte(pte, start, cur_end);",
         "if (kvm_mips_##name##_pte(pte, start, cur_end)) ret = 1;", 1),
        ("ret |= kvm_mips_##name##_pud(pud, start, cur_end);",
         "ret = kvm_mips_##name##_pud(pud, start, cur_end) ? 1 : ret;", 1),
    ),
    in_macro(
        "in one expression, range pgd",
        ("p4d_t *p4d;", "", 1), ("p4d = p4d_offset(pgd, 0);", "", 1),
        ("pud_offset(p4d + i, 0)", "pud_offset(p4d_offset(pgd, 0) + i, 0)", 1),
    ),
    rewrite(
        "locals gone, masked", MASKED,
        ("(kvm, start, end)", "(kvm, base_gfn + __ffs(mask), base_gfn + __fls(mask))"),
        ("\tgfn_t start = base_gfn +  __ffs(mask);\n\tgfn_t end = base_gfn + __fls(mask);\n", ""),
    ),
    rewrite(
        "early return, commit", "kvm_arch_commit_memory_region",
        ("change == KVM_MR_FLAGS_ONLY &&\n\t    (!(old", "change != KVM_MR_FLAGS_ONLY)\n"
         "\t\treturn;\n\tif ((!(old"),
        file=MIPS,
    ),
    rewrite(
        "last frame in a local, flush slot", "kvm_arch_flush_shadow_memslot",
        ("slot->base_gfn,\n\t\t\t      slot->base_gfn + slot->npages - 1);",
         "last + 1 - slot->npages,\n\t\t\t      last);"),
        ("{\n", "{\n\tgfn_t last = slot->base_gfn + slot->npages - 1;\n\n"),
        file=MIPS,
    ),
    rewrite(
        "locals, age", "kvm_age_gfn",
        ("return kvm_mips_mkold_gpa_pt(kvm, range->start, range->end);",
         "gfn_t first = range->start, last = range->end;\n\n"
         "\tif (kvm_mips_mkold_gpa_pt(kvm, first, last))\n\t\treturn true;\n\treturn false;"),
    ),
)  # fmt: skip


# --- mutants -------------------------------------------------------------------------------------

NARROW, WIDE, FOUR = "mips32-4k", "mips64-4k", "mips64-4k-va48"
LAYOUTS = (NARROW, WIDE, FOUR)
BOTH_WIDE = (WIDE, FOUR)


@dataclass(frozen=True)
class Mutant(Edit):
    """An edit that breaks a promise, or looks as if it did.

    ``on`` are the layouts in which the changed words do something. In a four-level layout a
    mutant is made on the text with FOUR_LEVEL, where ``four`` may say other words and place.
    """

    on: tuple[str, ...] = LAYOUTS
    four: tuple[str, int] | None = None

    def for_layout(self, layout: str) -> Edit:
        """Return the edit for a layout."""
        old, nth = (layout == FOUR and self.four) or (self.old, self.nth)
        return Edit(self.name, self.where, old, self.new, nth, self.file)


def text_for(layout: str) -> tuple[Edit, ...]:
    """Return the edits on which the mutants of a layout are made."""
    return FOUR_LEVEL if layout == FOUR else ()


POPULATE = "pmd_populate_kernel(NULL, pmd, new_pte);"
INIT, ALLOC, FOR_GPA = "kvm_pgd_init", "kvm_pgd_alloc", "kvm_mips_pte_for_gpa"
CLEAN, OLD = "kvm_mips_mkclean_gpa_pt", "kvm_mips_mkold_gpa_pt"
UNMAP, AGE, TEST_AGE = "kvm_unmap_gfn_range", "kvm_age_gfn", "kvm_test_age_gfn"
DESTROY, ALL = "kvm_mips_free_gpa_pt", "kvm_arch_flush_shadow_all"
SLOT, COMMIT = "kvm_arch_flush_shadow_memslot", "kvm_arch_commit_memory_region"
LOCK, UNLOCK = "spin_lock(&kvm->mmu_lock);", "spin_unlock(&kvm->mmu_lock);"
UNTIL, SHORT = "i <= i_max", "i < i_max"
RELEASE = "kvm_release_pfn_clean(pfn);"
FREE_PTE = "pte_free_kernel(NULL, pte);"
FREE_ROOT = "pgd_free(NULL, kvm->arch.gpa_mm.pgd);"
SAFE_FALSE = f"{SAFE} = false"
START_0 = ", start_gpa = 0"
END_SET = "end = end_gpa"

MUTANTS: tuple[Mutant, ...] = (
    # The root.
    Mutant("pgd init half", INIT, "PTRS_PER_PGD", "PTRS_PER_PGD / 2"),
    Mutant("pgd init twice as long", INIT, "PTRS_PER_PGD", "PTRS_PER_PGD * 2"),
    Mutant("pgd init one step short", INIT, "PTRS_PER_PGD", "PTRS_PER_PGD - 8"),
    Mutant("pgd init one step long", INIT, "p != end", "p <= end"),
    Mutant("pgd init misses a slot", INIT, "p[3] = entry;", ""),
    Mutant("pgd init sets a slot to null", INIT, "p[-1] = entry;", "p[-1] = 0;"),
    Mutant("pgd init steps by nine", INIT, "p += 8;", "p += 9;"),
    Mutant("pgd init with null, two levels", INIT, "(unsigned long)invalid_pte_table", "0",
           on=(NARROW,)),
    Mutant("pgd init with the marker of a level below", INIT, "(unsigned long)invalid_pmd_table",
           "(unsigned long)invalid_pte_table", on=BOTH_WIDE,
           four=("(unsigned long)invalid_pud_table", 1)),
    Mutant("pgd not initialised", ALLOC, "kvm_pgd_init(ret)", ";"),
    Mutant("pgd initialised where there is none", ALLOC, "if (ret)", ""),
    Mutant("pgd one order less", ALLOC, "PGD_TABLE_ORDER", "PGD_TABLE_ORDER - 1", on=(WIDE,)),
    Mutant("pgd one order more", ALLOC, "PGD_TABLE_ORDER", "PGD_TABLE_ORDER + 1"),
    Mutant("pgd from its second slot", ALLOC, "return ret;", "return ret ? ret + 1 : ret;"),
    # The tables between.
    Mutant("pmd init half", "pmd_init", "PTRS_PER_PMD", "PTRS_PER_PMD / 2", on=BOTH_WIDE,
           file=TABLES_64),
    Mutant("pmd init one step long", "pmd_init", "PTRS_PER_PMD", "PTRS_PER_PMD + 8",
           on=BOTH_WIDE, file=TABLES_64),
    Mutant("pmd init misses a slot", "pmd_init", "p[4] = pagetable;", "", on=BOTH_WIDE,
           file=TABLES_64),
    Mutant("pmd init with null", "pmd_init", "(unsigned long)invalid_pte_table", "0",
           on=BOTH_WIDE, file=TABLES_64),
    Mutant("pmd init with its own marker", "pmd_init", "invalid_pte_table", "invalid_pmd_table",
           on=BOTH_WIDE, file=TABLES_64),
    Mutant("pud init half", "pud_init", "PTRS_PER_PUD", "PTRS_PER_PUD / 2", on=(FOUR,),
           file=TABLES_64),
    Mutant("pud init one step short", "pud_init", "PTRS_PER_PUD", "PTRS_PER_PUD - 8", on=(FOUR,),
           file=TABLES_64),
    Mutant("pud init misses a slot", "pud_init", "p[-2] = pagetable;", "", on=(FOUR,),
           file=TABLES_64),
    Mutant("pud init with the marker of the level below", "pud_init", "invalid_pmd_table",
           "invalid_pte_table", on=(FOUR,), file=TABLES_64),
    # The walk.
    Mutant("walk address narrowed", WALK, "unsigned long addr", "unsigned int addr"),
    Mutant("walk keeps the root's first slot", WALK, "pgd += pgd_index(addr);", ""),
    Mutant("walk takes the neighbour in the root", WALK, "pgd_index(addr)",
           "(pgd_index(addr) ^ 1)"),
    Mutant("walk takes the first PMD slot", WALK, "pmd_offset(pud, addr)", "pmd_offset(pud, 0)",
           on=BOTH_WIDE),
    Mutant("walk takes the first PUD slot", WALK, "pud_offset(p4d, addr)", "pud_offset(p4d, 0)",
           on=(FOUR,)),
    Mutant("walk returns the neighbour", WALK, "pte_offset_kernel(pmd, addr)",
           "pte_offset_kernel(pmd, addr ^ PAGE_SIZE)"),
    Mutant("walk shifts the address", WALK, "pte_offset_kernel(pmd, addr)",
           "pte_offset_kernel(pmd, addr >> 1)"),
    Mutant("new leaf not cleared", WALK, "clear_page(new_pte);", ""),
    Mutant("new leaf half cleared", WALK, "clear_page(new_pte);",
           "memset(new_pte, 0, PAGE_SIZE / 2);"),
    Mutant("new leaf made like a directory", WALK, "clear_page(new_pte);", "pmd_init(new_pte);",
           on=BOTH_WIDE),
    Mutant("new PMD table not initialised", WALK, "pmd_init(new_pmd);", "", on=BOTH_WIDE),
    Mutant("new PMD table only cleared", WALK, "pmd_init(new_pmd);", "clear_page(new_pmd);",
           on=BOTH_WIDE),
    Mutant("new leaf not linked", WALK, POPULATE, ""),
    Mutant("new leaf linked before it is cleared", WALK, "clear_page(new_pte);\n\t\t" + POPULATE,
           POPULATE + "\n\t\tclear_page(new_pte);"),
    Mutant("new PMD table not linked", WALK, "pud_populate(NULL, pud, new_pmd);", "",
           on=BOTH_WIDE),
    Mutant("leaf made without a cache", WALK, "if (!cache)", "if (0)", 2, four=("if (!cache)", 3)),
    Mutant("PMD table made without a cache", WALK, "if (!cache)", "if (0)", 1, on=BOTH_WIDE,
           four=("if (!cache)", 2)),
    Mutant("leaf refused where there is a cache", WALK, "if (!cache)", "if (cache)", 2,
           four=("if (!cache)", 3)),
    Mutant("leaf made anew each time", WALK, "if (pmd_none(*pmd))", "if (cache)"),
    Mutant("leaf made where there is one", WALK, "if (pmd_none(*pmd))", "if (!pmd_none(*pmd))"),
    Mutant("PMD table never made", WALK, "if (pud_none(*pud))", "if (0)", on=BOTH_WIDE),
    Mutant("root taken for none", WALK, "pgd_none(*pgd)", "!pgd_none(*pgd)"),
    Mutant("cache forgotten", FOR_GPA, "cache, addr)", "NULL, addr)"),
    Mutant("even pages only", FOR_GPA, "cache, addr)", "cache, addr & ~PAGE_SIZE)"),
    Mutant("look-up address narrowed", FOR_GPA, "unsigned long addr", "int addr"),
    # The flush of a leaf.
    Mutant("flush pte one short", PTE, UNTIL, SHORT),
    Mutant("flush pte one long", PTE, UNTIL, "i <= i_max + 1"),
    Mutant("flush pte one late", PTE, "i = i_min;", "i = i_min + 1;"),
    Mutant("flush pte from the first", PTE, "i = i_min;", "i = 0;"),
    Mutant("flush pte absent ones", PTE, "!pte_present", "pte_present"),
    Mutant("flush pte stops at a hole", PTE, "continue;", "break;"),
    Mutant("flush pte safe from anywhere", PTE, "i_min == 0 && ", ""),
    Mutant("flush pte safe by half", PTE, "&&", "||"),
    Mutant("flush pte never safe", PTE, "PTRS_PER_PTE - 1", "PTRS_PER_PTE"),
    Mutant("flush pte safe by another level", PTE, "PTRS_PER_PTE", "PTRS_PER_PMD"),
    Mutant("flush pte index narrowed", PTE, "int i_max", "signed char i_max"),
    Mutant("flush pte count narrowed", PTE, "int i;", "unsigned char i;"),
    Mutant("flush pte only ages", PTE, "__pte(0)", "pte_mkold(pte[i])"),
    Mutant("flush pte leaves a bit", PTE, "__pte(0)", "__pte(_PAGE_GLOBAL)"),
    Mutant("flush pte always the first", PTE, "pte + i,", "pte + i_min,"),
    Mutant("flush pte without a step", PTE, "++i", "i += 0"),
    # The flush of a PMD table.
    Mutant("flush pmd one short", PMD, UNTIL, SHORT),
    Mutant("flush pmd start kept", PMD, START_0, "", on=BOTH_WIDE),
    Mutant("flush pmd start moved", PMD, "start_gpa = 0", "start_gpa += PMD_SIZE", on=BOTH_WIDE),
    Mutant("flush pmd end unset", PMD, END_SET, ""),
    Mutant("flush pmd end set at the first", PMD, "i == i_max", "i == i_min", on=BOTH_WIDE),
    Mutant("flush pmd end set but at the last", PMD, "if (i == i_max)", "if (i != i_max)"),
    Mutant("flush pmd end nothing", PMD, "end = ~0ul", "end = 0", on=BOTH_WIDE),
    Mutant("flush pmd end uninitialised", PMD, "end = ~0ul", "end", on=BOTH_WIDE),
    Mutant("flush pmd end narrowed", PMD, "unsigned long end = ~0ul", "unsigned int end = ~0u",
           on=BOTH_WIDE),
    Mutant("flush pmd safe kept", PMD, SAFE_FALSE, ""),
    Mutant("flush pmd always safe", PMD, f"return {SAFE}", "return true"),
    Mutant("flush pmd never safe", PMD, "PTRS_PER_PMD - 1", "PTRS_PER_PMD"),
    Mutant("flush pmd frees first", PMD, "pmd_clear(pmd + i);\n\t\t\t" + FREE_PTE,
           FREE_PTE + "\n\t\t\tpmd_clear(pmd + i);"),
    Mutant("flush pmd not unlinked", PMD, "pmd_clear(pmd + i);", ""),
    Mutant("flush pmd unlinks another", PMD, "pmd_clear(pmd + i)", "pmd_clear(pmd + i_min)",
           on=BOTH_WIDE),
    Mutant("flush pmd not freed", PMD, FREE_PTE, ""),
    Mutant("flush pmd freed twice", PMD, FREE_PTE, f"{FREE_PTE} {FREE_PTE}"),
    Mutant("flush pmd frees the page behind", PMD, "(NULL, pte)", "(NULL, pte + PTRS_PER_PTE)"),
    Mutant("flush pmd looks into what it freed", PMD, FREE_PTE,
           f"{FREE_PTE}\n\t\t\tif (pte_present(*pte))\n\t\t\t\t{SAFE_FALSE};"),
    Mutant("flush pmd takes another leaf", PMD, "(pmd + i, 0)", "(pmd + i_min, 0)", on=BOTH_WIDE),
    Mutant("flush pmd absent ones", PMD, "!pmd_present", "pmd_present"),
    Mutant("flush pmd skips nothing", PMD, "continue;", ";"),
    Mutant("flush pmd stops at a hole", PMD, "continue;", "break;", on=BOTH_WIDE),
    Mutant("flush pmd arguments swapped", PMD, "(pte, start_gpa, end)", "(pte, end, start_gpa)"),
    # The flush of a PUD table.
    Mutant("flush pud one short", PUD, UNTIL, SHORT),
    Mutant("flush pud start kept", PUD, START_0, "", on=(FOUR,)),
    Mutant("flush pud end unset", PUD, END_SET, ""),
    Mutant("flush pud safe kept", PUD, SAFE_FALSE, ""),
    Mutant("flush pud not unlinked", PUD, "pud_clear(pud + i);", "", on=BOTH_WIDE),
    Mutant("flush pud not freed", PUD, "pmd_free(NULL, pmd);", "", on=BOTH_WIDE),
    Mutant("flush pud frees first", PUD, "pud_clear(pud + i);",
           "pmd_free(NULL, pmd); pud_clear(pud + i); continue;", on=BOTH_WIDE),
    Mutant("flush pud frees two pages", PUD, "pmd_free(NULL, pmd)",
           "free_pages((unsigned long)pmd, 1)", on=BOTH_WIDE),
    Mutant("flush pud takes the first table", PUD, "(pud + i, 0)", "(pud, 0)", on=(FOUR,)),
    Mutant("flush pud by the PMD's index", PUD, "pud_index(end_gpa)", "pmd_index(end_gpa)",
           on=BOTH_WIDE),
    # The flush of the root.
    Mutant("flush pgd one short", PGD, UNTIL, SHORT),
    Mutant("flush pgd start kept", PGD, START_0, ""),
    Mutant("flush pgd end unset", PGD, END_SET, ""),
    Mutant("flush pgd end narrowed", PGD, "unsigned long end = ~0ul", "unsigned int end = ~0u",
           on=BOTH_WIDE),
    Mutant("flush pgd safe kept", PGD, SAFE_FALSE, ""),
    Mutant("flush pgd safe one slot early", PGD, "PTRS_PER_PGD - 1", "PTRS_PER_PGD - 2"),
    Mutant("flush pgd takes the first table", PGD, "(p4d + i, 0)", "(p4d, 0)"),
    Mutant("flush pgd by the PUD's index", PGD, "pgd_index(end_gpa)", "pud_index(end_gpa)"),
    Mutant("flush pgd counts in a byte", PGD, "int i;", "signed char i;"),
    Mutant("flush pgd slot not cleared by name", PGD, "pgd_clear(pgd + i);", ""),
    Mutant("flush pgd table not freed", PGD, "pud_free(NULL, pud);", "", on=(FOUR,)),
    Mutant("flush pgd table freed twice", PGD, "pud_free(NULL, pud);",
           "pud_free(NULL, pud); pud_free(NULL, pud);", on=(FOUR,)),
    # The flush of a range of frames.
    Mutant("flush shifted too far", FLUSH, "<< PAGE_SHIFT", "<< (PAGE_SHIFT + 1)"),
    Mutant("flush end not shifted", FLUSH, "end_gfn << PAGE_SHIFT", "end_gfn"),
    Mutant("flush end narrowed", FLUSH, "end_gfn << PAGE_SHIFT",
           "(unsigned int)end_gfn << PAGE_SHIFT"),
    Mutant("flush one frame more", FLUSH, "end_gfn <<", "(end_gfn + 1) <<"),
    Mutant("flush one frame less", FLUSH, "end_gfn <<", "(end_gfn - 1) <<"),
    Mutant("flush only the last", FLUSH, "start_gfn <<", "end_gfn <<"),
    Mutant("flush answers the opposite", FLUSH, "return kvm", "return !kvm"),
    # The range operations; the tables come in the order PTE, PMD, PUD, PGD.
    Mutant("range pte one short", MACRO, UNTIL, SHORT, 1),
    Mutant("range pte one long", MACRO, UNTIL, "i <= i_max + 1", 1),
    Mutant("range pte untold", MACRO, "ret = 1;", "ret = 0;"),
    Mutant("range pte told at once", MACRO, "int ret = 0;", "int ret = 1;", 1),
    Mutant("range pte uninitialised answer", MACRO, "int ret = 0;", "int ret;", 1),
    Mutant("range pte told for nothing", MACRO, "== pte_val(old)", "== 0"),
    Mutant("range pte not set", MACRO, "set_pte(pte + i, new);", ""),
    Mutant("range pte stops at a hole", MACRO, "continue;", "break;", 1),
    Mutant("range pte stops where nothing changes", MACRO, "continue;", "break;", 2),
    Mutant("range pte by none", MACRO, "!pte_present(pte[i])", "pte_none(pte[i])"),
    Mutant("range pmd one short", MACRO, UNTIL, SHORT, 2),
    Mutant("range pmd start kept", MACRO, ", start = 0", "", 1, on=BOTH_WIDE),
    Mutant("range pmd end unset", MACRO, "cur_end = end;", ";", 1),
    Mutant("range pmd end nothing", MACRO, "cur_end = ~0ul", "cur_end = 0", 1, on=BOTH_WIDE),
    Mutant("range pmd only the last tells", MACRO, "ret |=", "ret =", 1, on=BOTH_WIDE),
    Mutant("range pmd takes the first leaf", MACRO, "(pmd + i, 0)", "(pmd, 0)", on=BOTH_WIDE),
    Mutant("range pmd absent ones", MACRO, "!pmd_present", "pmd_present"),
    Mutant("range pud one short", MACRO, UNTIL, SHORT, 3),
    Mutant("range pud start kept", MACRO, ", start = 0", "", 2, on=(FOUR,)),
    Mutant("range pud end unset", MACRO, "cur_end = end;", ";", 2),
    Mutant("range pud only the last tells", MACRO, "ret |=", "ret =", 2, on=(FOUR,)),
    Mutant("range pgd one short", MACRO, UNTIL, SHORT, 4),
    Mutant("range pgd start kept", MACRO, ", start = 0", "", 3),
    Mutant("range pgd end unset", MACRO, "cur_end = end;", ";", 3),
    Mutant("range pgd end set at the first", MACRO, "if (i == i_max)", "if (i == i_min)", 3),
    Mutant("range pgd only the last tells", MACRO, "ret |=", "ret =", 3),
    Mutant("range pgd takes the first table", MACRO, "(p4d + i, 0)", "(p4d, 0)"),
    Mutant("range pgd ends where it starts", MACRO, "pgd_index(end)", "pgd_index(start)"),
    Mutant("clean also takes write permission", MMU, "(mkclean, pte_mkclean)",
           "(mkclean, pte_wrprotect)"),
    Mutant("clean makes old", MMU, "(mkclean, pte_mkclean)", "(mkclean, pte_mkold)"),
    Mutant("old makes clean", MMU, "(mkold, pte_mkold)", "(mkold, pte_mkclean)"),
    Mutant("clean shifted too far", CLEAN, "<< PAGE_SHIFT", "<< (PAGE_SHIFT + 1)"),
    Mutant("clean one frame less", CLEAN, "end_gfn <<", "(end_gfn - 1) <<"),
    Mutant("clean end narrowed", CLEAN, "end_gfn << PAGE_SHIFT",
           "(unsigned int)end_gfn << PAGE_SHIFT"),
    Mutant("clean answers the opposite", CLEAN, "return kvm", "return !kvm"),
    Mutant("old shifted too little", OLD, "<< PAGE_SHIFT", "<< (PAGE_SHIFT - 1)"),
    Mutant("old one frame more", OLD, "end_gfn <<", "(end_gfn + 1) <<"),
    Mutant("old cleans", OLD, "kvm_mips_mkold_pgd", "kvm_mips_mkclean_pgd"),
    Mutant("old start narrowed", OLD, "start_gfn << PAGE_SHIFT",
           "(unsigned int)start_gfn << PAGE_SHIFT"),
    # The dirty log.
    Mutant("masked only the first", MASKED, "__fls(mask)", "__ffs(mask)"),
    Mutant("masked from the base", MASKED, "base_gfn +  __ffs(mask)", "base_gfn"),
    Mutant("masked without the offset", MASKED, "slot->base_gfn + gfn_offset", "slot->base_gfn"),
    Mutant("masked half the mask", MASKED, "__fls(mask)", "__fls((unsigned int)mask | 1)"),
    Mutant("masked end narrowed", MASKED, "gfn_t end", "int end"),
    Mutant("masked flushes", MASKED, CLEAN, FLUSH),
    Mutant("masked ages", MASKED, f"{CLEAN}(kvm, start, end);",
           "struct kvm_gfn_range range = { .start = start, .end = end };\n\n"
           "\tkvm_age_gfn(kvm, &range);"),
    # What the notifiers call.
    Mutant("unmap one page less", UNMAP, "range->end", "range->end - 2"),
    Mutant("unmap one page late", UNMAP, "range->start", "range->start + 1"),
    Mutant("unmap denies", UNMAP, "return true", "return false"),
    Mutant("unmap answers safe", UNMAP, f"{FLUSH}(kvm, range->start, range->end);\n\treturn true;",
           f"return {FLUSH}(kvm, range->start, range->end);"),
    Mutant("unmap cleans", UNMAP, FLUSH, CLEAN),
    Mutant("age denies", AGE, "return kvm", "return !kvm"),
    Mutant("age cleans", AGE, OLD, CLEAN),
    Mutant("age only the first", AGE, "range->end", "range->start"),
    Mutant("test age turned round", TEST_AGE, "pte_young(*gpa_pte)", "!pte_young(*gpa_pte)"),
    Mutant("test age asks for dirty", TEST_AGE, "pte_young(*gpa_pte)", "pte_dirty(*gpa_pte)"),
    Mutant("test age of the next", TEST_AGE, "range->start", "range->end"),
    Mutant("test age address narrowed", TEST_AGE, "gpa_t gpa", "unsigned int gpa"),
    Mutant("test age of nothing", TEST_AGE, "if (!gpa_pte)", "if (0)"),
    Mutant("test age makes old", TEST_AGE, "return pte_young(*gpa_pte)",
           "return kvm_mips_mkold_gpa_pt(kvm, range->start, range->start)"),
    # The fast path.
    Mutant("fast unlocked", FAST, LOCK, ""),
    Mutant("fast keeps the lock", FAST, UNLOCK, ""),
    Mutant("fast unlocks early", FAST, "/* Fast path", UNLOCK + LOCK + "/* Fast path"),
    Mutant("fast takes what is not present", FAST, " || !pte_present(*ptep)", ""),
    Mutant("fast stays old", FAST, "pte_mkyoung(*ptep)", "*ptep"),
    Mutant("fast young if it was", FAST, "!pte_young", "pte_young"),
    Mutant("fast writes to read-only pages", FAST, "if (!pte_write(*ptep))", "if (0)"),
    Mutant("fast refuses and goes on", FAST, "goto out;", ";", 2),
    Mutant("fast refuses with success", FAST, "ret = -EFAULT;", "ret = 0;", 2),
    Mutant("fast young for dirty", FAST, "pte_mkdirty", "pte_mkyoung"),
    Mutant("fast dirty on reads", FAST, "write_fault && ", ""),
    Mutant("fast clean writes pass", FAST, "!pte_dirty(*ptep)", "0"),
    Mutant("fast dirty untold", FAST, "mark_page_dirty(kvm, gfn);", ""),
    Mutant("fast dirty told without the lock", FAST, "mark_page_dirty(kvm, gfn);",
           f"{UNLOCK} mark_page_dirty(kvm, gfn); {LOCK}"),
    Mutant("fast dirty told by address", FAST, "mark_page_dirty(kvm, gfn)",
           "mark_page_dirty(kvm, gpa)"),
    Mutant("fast frame narrowed", FAST, "gfn_t gfn", "unsigned int gfn"),
    Mutant("fast gives nothing out", FAST, "*out_entry = *ptep", "*out_entry = __pte(0)"),
    Mutant("fast host not told of an access", FAST, "if (pfn_valid)", "if (0)"),
    # The slow path.
    Mutant("fault without retry", MAP, "mmu_invalidate_retry(kvm, mmu_seq)", "0"),
    Mutant("fault reads the sequence late", MAP, "if (is_error_noslot_pfn(pfn)) {",
           "mmu_seq = kvm->mmu_invalidate_seq;\n\tif (is_error_noslot_pfn(pfn)) {"),
    Mutant("fault never reads the sequence", MAP, "mmu_seq = kvm->mmu_invalidate_seq;", ""),
    Mutant("fault takes the sequence for zero", MAP, "mmu_seq = kvm->mmu_invalidate_seq;",
           "mmu_seq = 0;"),
    Mutant("fault gives up for a retry", MAP, "goto retry;", "goto out;"),
    Mutant("fault keeps the page on retry", MAP, RELEASE, "", 1),
    Mutant("fault keeps the page", MAP, RELEASE, "", 2),
    Mutant("fault releases twice", MAP, RELEASE, RELEASE + RELEASE, 2),
    Mutant("fault keeps the lock on retry", MAP, UNLOCK, "", 1),
    Mutant("fault keeps the lock", MAP, UNLOCK, "", 2),
    Mutant("fault unlocked", MAP, LOCK, ""),
    Mutant("fault unlocks before it writes", MAP, "/* Write the PTE */", UNLOCK + LOCK),
    Mutant("fault keeps srcu", MAP, "srcu_read_unlock(&kvm->srcu, srcu_idx);", ""),
    Mutant("fault caches nothing", MAP, "KVM_MMU_CACHE_MIN_PAGES", "0"),
    Mutant("fault caches one less", MAP, "KVM_MMU_CACHE_MIN_PAGES", "KVM_MMU_CACHE_MIN_PAGES - 1"),
    Mutant("cache minimum one", MMU, "KVM_MMU_CACHE_MIN_PAGES 2", "KVM_MMU_CACHE_MIN_PAGES 1",
           on=BOTH_WIDE, four=("KVM_MMU_CACHE_MIN_PAGES 3", 1)),
    Mutant("fault goes on without a cache", MAP, "if (err)", "if (0)"),
    Mutant("fault links although it fails", MAP, "if (err)",
           "if (err && memcache->nobjs) kvm_mips_pte_for_gpa(kvm, memcache, gpa); if (err)"),
    Mutant("fault ignores the fast path", MAP, "if (!err)", "if (0)"),
    Mutant("fault maps what has no slot", MAP, "is_error_noslot_pfn", "is_error_pfn"),
    Mutant("fault takes errors for pages", MAP, "is_error_noslot_pfn", "is_noslot_pfn"),
    Mutant("fault refused with success", MAP, "err = -EFAULT;", "err = 0;"),
    Mutant("fault without write permission", MAP, "prot_bits |= _PAGE_WRITE;", ""),
    Mutant("fault always with write permission", MAP, "if (writeable)", "if (1)"),
    Mutant("fault always dirty", MAP, "if (write_fault)", "if (1)"),
    Mutant("fault never dirty", MAP, "prot_bits |= __WRITEABLE;", ""),
    Mutant("fault loses what it had", MAP, "prot_bits |= __WRITEABLE", "prot_bits = __WRITEABLE"),
    Mutant("fault with valid left out", MAP, "__READABLE", "_PAGE_ACCESSED"),
    Mutant("fault with present left out", MAP, "_PAGE_PRESENT | ", ""),
    Mutant("fault without the cache attribute", MAP, " | _page_cachable_default", ""),
    Mutant("fault global", MAP, "_PAGE_PRESENT | ", "_PAGE_PRESENT | _PAGE_GLOBAL | "),
    Mutant("fault dirty untold", MAP, "mark_page_dirty(kvm, gfn);", ""),
    Mutant("fault not written", MAP, "set_pte(ptep, entry);", ""),
    Mutant("fault page narrowed", MAP, "kvm_pfn_t pfn", "unsigned int pfn"),
    Mutant("fault page signed", MAP, "pfn_pte(pfn,", "pfn_pte((int)pfn,"),
    Mutant("fault frame narrowed", MAP, "gfn_t gfn", "unsigned int gfn"),
    Mutant("fault with no cache in hand", MAP, "memcache, gpa)", "NULL, gpa)"),
    Mutant("fault one page off", MAP, "memcache, gpa)", "memcache, gpa + PAGE_SIZE)"),
    Mutant("fault success not said", MAP, "err = 0;", ";"),
    Mutant("fault gives nothing out", MAP, "*out_entry = *ptep", "*out_entry = __pte(0)"),
    # The end, and the slots.
    Mutant("destroy flushes less", DESTROY, "~0", "5", file=MIPS),
    Mutant("destroy flushes half", DESTROY, "~0", "~0u >> 1", file=MIPS),
    Mutant("destroy flushes 32 bits of frames", DESTROY, "~0", "~0u", file=MIPS),
    Mutant("destroy flushes nothing", DESTROY, f"WARN_ON(!{FLUSH}(kvm, 0, ~0));", "", file=MIPS),
    Mutant("destroy warns of success", DESTROY, "WARN_ON(!", "WARN_ON(", file=MIPS),
    Mutant("destroy keeps the root", DESTROY, FREE_ROOT, "", file=MIPS),
    Mutant("destroy with a larger order", DESTROY, "pgd_free(NULL, kvm->arch.gpa_mm.pgd)",
           "free_pages((unsigned long)kvm->arch.gpa_mm.pgd, PGD_TABLE_ORDER + 1)", file=MIPS),
    Mutant("destroy frees twice", DESTROY, FREE_ROOT, FREE_ROOT + FREE_ROOT, file=MIPS),
    Mutant("destroy frees first", DESTROY, "WARN_ON(", f"{FREE_ROOT}\n\tWARN_ON(", file=MIPS),
    Mutant("flush all but the first", ALL, "0, ~0", "1, ~0", file=MIPS),
    Mutant("flush all of the beginning", ALL, "~0", "5", file=MIPS),
    Mutant("flush all only cleans", ALL, FLUSH, CLEAN, file=MIPS),
    Mutant("flush all does nothing", ALL, f"{FLUSH}(kvm, 0, ~0);", "", file=MIPS),
    Mutant("flush all keeps the lock", ALL, f"{FLUSH}(", f"{LOCK}\n\t{FLUSH}(", file=MIPS),
    Mutant("slot unlocked", SLOT, LOCK, "", file=MIPS),
    Mutant("slot keeps the lock", SLOT, UNLOCK, "", file=MIPS),
    Mutant("slot one page longer", SLOT, "slot->npages - 1", "slot->npages", file=MIPS),
    Mutant("slot one page shorter", SLOT, "slot->npages - 1", "slot->npages - 2", file=MIPS),
    Mutant("slot from zero", SLOT, "slot->base_gfn,", "0,", file=MIPS),
    Mutant("slot size for its end", SLOT, "slot->base_gfn + slot->npages", "slot->npages",
           file=MIPS),
    Mutant("slot only cleans", SLOT, FLUSH, CLEAN, file=MIPS),
    Mutant("logging does not clean", COMMIT, f"{CLEAN}(", f"0 && {CLEAN}(", file=MIPS),
    Mutant("logging flushes", COMMIT, CLEAN, FLUSH, file=MIPS),
    Mutant("logging only where it was on", COMMIT, "!(old->flags", "(old->flags", file=MIPS),
    Mutant("logging on other changes", COMMIT, "change ==", "change !=", file=MIPS),
    Mutant("logging one page more", COMMIT, "new->npages - 1", "new->npages", file=MIPS),
    Mutant("logging one page less", COMMIT, "new->npages - 1", "new->npages - 2", file=MIPS),
    Mutant("logging unlocked", COMMIT, LOCK, "", file=MIPS),
    Mutant("logging keeps the lock", COMMIT, UNLOCK, "", file=MIPS),
)  # fmt: skip
