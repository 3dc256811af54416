# SPDX-License-Identifier: GPL-2.0-only
"""C source by lines: conditionals, what a brace in the first column ends, and cut-off files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impl.kernel.lines import bodies, cut_off, outline
from impl.kernel.ports.mips.files import SOURCES

ALL = bool(os.environ.get("SLATCHECK_PROVE_ALL"))

SMALL = """\
/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SMALL_H
#define SMALL_H
#include <linux/types.h>

#define TWICE(x) \\
\tdo { one(x); \\
\t     one(x); } while (0)

struct pair {
\tint first;	/* a { that opens nothing */
\tconst char *text;
};

static const char *names[] = {
\t"{", "\\"}", "'", "/*",
};

#ifdef CONFIG_SMP
static int twice(struct pair *one)
{
\tif (one->first == '{') {
#else
static int twice(struct pair *one)
{
\tif (one->first) {
#endif
\t\tTWICE(one->first);	// } closes nothing
\t}
\treturn 0;
}

EXPORT_SYMBOL(twice);
#endif /* SMALL_H */
"""


def pieces(text: str) -> list[str]:
    """Return what bodies() finds, as text."""
    lines = text.split("\n")
    return ["\n".join(lines[start:end]) for start, end in bodies(outline(text))]


def conditions(text: str, mark: str) -> tuple[str, ...]:
    """Return the conditionals around the line that has a mark."""
    number = next(n for n, line in enumerate(text.split("\n")) if mark in line)
    return outline(text).conditions[number]


# --- comments and literals -------------------------------------------------------------------


@pytest.mark.parametrize(
    "hidden",
    ['"}"', "'}'", '"\\"}"', "'\\''", "/* } */", "/* ' */", '/* " */', "// ' }", '"/* }"', '"//"'],
)
def test_what_stands_in_comments_and_literals_does_not_count(hidden: str) -> None:
    found = outline(f"int x = 1; {hidden}\nint y;")
    assert found.unfinished == 0
    assert found.lines == ("int x = 1; " + " " * len(hidden), "int y;")


def test_a_comment_over_lines_keeps_the_lines() -> None:
    found = outline("a /* {\n#if 0\n} */ b\nc")
    assert [line.strip() for line in found.lines] == ["a", "", "b", "c"]
    assert found.conditions == ((),) * 4


def test_a_comment_to_the_end_of_the_line_goes_on_behind_a_backslash() -> None:
    found = outline("a // b \\\n}\nc")
    assert [line.strip(" \\") for line in found.lines] == ["a", "", "c"]


def test_a_comment_within_a_macro_does_not_end_it() -> None:
    macro = "#define M do {\\\n\t/* one \\\n\t * } */ \\\n\tf(); \\\n} while (0)"
    found = outline(f"{macro}\nint x;")
    assert found.lines == ("",) * 5 + ("int x;",)
    assert list(bodies(found)) == []


def test_carriage_returns_mean_nothing() -> None:
    assert outline(SMALL.replace("\n", "\r\n")) == outline(SMALL)
    assert cut_off(SMALL.replace("\n", "\r\n")) is None


def test_apostrophes_in_directives_open_nothing() -> None:
    text = "#ifdef A\n#error This isn't good\n#endif\nint x;\n"
    assert outline(text).unfinished == 0
    assert cut_off(text) is None


# --- conditionals ----------------------------------------------------------------------------

ARMS = """\
#ifdef A
in_a
#if defined(B) && \\
    defined(C)
in_b_and_c
#elif D > 1
in_d
#else
in_none
#endif
#endif
#ifndef E
without_e
#endif
# if 0
never
# endif
outside
"""


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ("in_a", ("defined(A)",)),
        ("in_b_and_c", ("defined(A)", "defined(B) && defined(C)")),
        ("in_d", ("defined(A)", "!(defined(B) && defined(C))", "D > 1")),
        ("in_none", ("defined(A)", "!(defined(B) && defined(C))", "!(D > 1)")),
        ("without_e", ("!defined(E)",)),
        ("never", ("0",)),
        ("outside", ()),
    ],
)
def test_a_line_knows_the_conditionals_around_it(mark: str, expected: tuple[str, ...]) -> None:
    assert conditions(ARMS, mark) == expected


def test_the_first_arm_is_told() -> None:
    found = outline("#if A\na\n#else\n#if B\nb\n#endif\nc\n#endif\nd")
    told = dict(zip(found.lines, found.first_arm, strict=True))
    assert [told[name] for name in "abcd"] == [True, False, False, True]


@pytest.mark.parametrize("text", ["#endif", "#else", "#elif A", "#endif\n#else\n#elif\n#if", "#"])
def test_conditionals_that_match_nothing_do_no_harm(text: str) -> None:
    assert outline(text).open_conditionals == text.count("#if")


# --- what a brace in the first column ends ---------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        "int f(void)\n{\n\treturn 1;\n}",
        "static int\nf(void)\n{\n\treturn 1;\n}",
        "int f(void) {\n\treturn 1;\n}",
        "int f(a, b)\n\tint a;\n\tchar *b;\n{\n\treturn a;\n}",
    ],
    ids=["usual", "two lines", "brace behind", "K&R"],
)
@pytest.mark.parametrize(
    "before",
    ["", "int x;\n", "EXPORT_SYMBOL(f);\n", "DEFINE(x)\n\n", "#define X\n", "/* { */\n", "};\n"],
)
def test_a_piece_is_the_function_and_no_more(before: str, function: str) -> None:
    assert pieces(f"{before}{function}\n\nint y;\n")[-1].strip() == function


def test_every_function_of_a_row_is_a_piece() -> None:
    rows = [f"int f{n}(void)\n{{\n\treturn {n};\n}}" for n in range(4)]
    assert pieces("\n".join(rows)) == rows


# --- files that are cut off ------------------------------------------------------------------


def test_whole_files_are_whole() -> None:
    assert cut_off(SMALL) is None
    assert cut_off(SMALL.rstrip()) is None


@pytest.mark.parametrize("text", ["", "\n", " \n\t\n"])
def test_a_file_of_nothing_is_cut_off(text: str) -> None:
    assert cut_off(text) == 1


def test_every_cut_within_a_guarded_header_is_told() -> None:
    # The include guard is open from its first line on: until then it is a comment.
    end = SMALL.rindex("#endif") + len("#endif")
    begin = SMALL.index("#ifndef") + len("#ifndef")
    missed = [at for at in range(begin, end) if cut_off(SMALL[:at]) is None]
    assert missed == []
    assert cut_off("/* SPDX") == 1


UNGUARDED = """\
#include <linux/types.h>

static int table[] = { 1, 2,
\t3 };

static int walk(struct table *table, unsigned long start,
\t\tunsigned long end)
{
\tint i;

\tfor (i = 0; i < 4; ++i) {
\t\tif (!table[i])
\t\t\tcontinue;
\t\tclear(table + i, "}", '}');
\t}
\treturn 0;
}

#ifdef CONFIG_MORE
int more(void)
{
\treturn 1;
}
#else
static inline int more(void) { return 0; }
#endif
"""


@pytest.mark.parametrize("first", ["static int table", "static int walk", "#ifdef CONFIG_MORE"])
def test_every_cut_within_a_thing_is_told(first: str) -> None:
    begin = UNGUARDED.index(first)
    end = UNGUARDED.index("\n\n", begin) if "#ifdef" not in first else len(UNGUARDED) - 2
    if "walk" in first:
        end = UNGUARDED.index("\n}\n", begin) + 1
    end = end - 1 if "table" in first else end
    missed = [
        UNGUARDED[begin:at] for at in range(begin + 1, end) if cut_off(UNGUARDED[:at]) is None
    ]
    assert missed == []


@pytest.mark.parametrize("first", ["\nstatic int walk", "\n#ifdef CONFIG_MORE"])
def test_a_file_that_ends_between_two_things_is_whole(first: str) -> None:
    assert cut_off(UNGUARDED[: UNGUARDED.index(first)]) is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("int x;\n/* no end", 2),
        ('int x;\nchar *s = "no end\n', 2),
        ("int x;\n#define A \\\n", 2),
        ("#if A\nint x;\n\n", 2),
        ("int f(void)\n{\n\tg();\n", 3),
        ("int f(int a,\n", 1),
        ("int x;\nint y", 2),
        ("int x;\nint f(int y)", 2),
        ("int x;\nint\nf(void)", 3),
        ("int x;\n#inc", 2),
        ("#if A\nint x;\n#end", 3),
    ],
)
def test_the_line_is_told(text: str, line: int) -> None:
    assert cut_off(text) == line


def test_a_file_may_end_with_the_call_of_a_macro() -> None:
    assert cut_off("int f(void)\n{\n\treturn 0;\n}\n\nEXPORT_SYMBOL(f)\n") is None


def c_files(tree: Path) -> list[Path]:
    """Return the C of KVM, what is judged, and every eighth header of the kernel."""
    own = [*(tree / "arch/mips/kvm").glob("*.[ch]"), *(tree / "virt/kvm").glob("*.[ch]")]
    headers = sorted((tree / "include/linux").rglob("*.h"))[:: 1 if ALL else 8]
    judged = [tree / name for name in SOURCES if name.endswith((".c", ".h"))]
    return [file for file in (*own, *judged, *headers) if file.is_file() and file.stat().st_size]


def test_no_whole_file_of_a_real_tree_is_taken_for_cut_off(kernel_tree: Path) -> None:
    told = {
        str(file.relative_to(kernel_tree)): cut_off(file.read_text(errors="replace"))
        for file in c_files(kernel_tree)
    }
    assert len(told) > 300
    assert {name: line for name, line in told.items() if line is not None} == {}


# --- anything at all -------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["{", "}", "(", ")", "/*", "*/", "//", '"', "'", "\\", "\n", "#if A", "#else", "#elif B",
     "#endif", "x", ";", " ", "\t", "\r\n", "#define M", "int f(void)"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=30).map("".join))
def test_anything_has_an_outline(text: str) -> None:
    found = outline(text)
    lines = text.replace("\r\n", "\n").split("\n")
    assert len(found.lines) == len(found.conditions) == len(found.first_arm) == len(lines)
    for kept, line in zip(found.lines, lines, strict=True):
        assert kept == "" or len(kept) == len(line)
        assert all(one in (" ", other) for one, other in zip(kept, line, strict=False))
    line_of_cut = cut_off(text)
    assert line_of_cut is None or 1 <= line_of_cut <= len(lines)
    ends = [end for _, end in bodies(found)]
    assert ends == sorted(set(ends))
    assert all(start < end for start, end in bodies(found))


@given(st.integers(1, len(SMALL) - 1))
def test_conditions_before_a_cut_are_those_of_the_whole(at: int) -> None:
    cut = SMALL[:at].rsplit("\n", 1)[0]
    known = outline(cut)
    if not known.unfinished:
        assert known.conditions == outline(SMALL).conditions[: cut.count("\n") + 1]
