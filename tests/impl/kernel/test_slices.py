# SPDX-License-Identifier: GPL-2.0-only
"""Functions cut out of C that is not preprocessed: what surrounds them must not matter."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impl.kernel.errors import UnsupportedError
from impl.kernel.ports.mips.files import MMU
from impl.kernel.slices import cut, definitions, functions
from impl.kernel.toolchain import find

WANTED = """\
static int wanted(struct kvm *kvm, unsigned long *end, bool write)
{
\tif (helper(kvm, '{'))
\t\treturn other("}");	/* } */
\treturn 0;
}"""

#: What no parser of C that is not preprocessed can read, or what it reads with errors.
SURROUNDINGS = {
    "nothing": "",
    "a brace opened in each arm": (
        "int f(int a)\n{\n#ifdef A\n\tif (a) {\n#else\n\tif (!a) {\n#endif\n\t\tg();\n\t}\n"
        "\treturn a;\n}\n"
    ),
    "a head in each arm": (
        "#ifdef A\nint f(int a)\n#else\nint f(long a)\n#endif\n{\n\treturn a;\n}\n"
    ),
    "else in another arm": (
        "int f(int a)\n{\n#ifdef A\n\tif (a)\n\t\tg();\n\telse\n#endif\n\t\th();\n\treturn a;\n}\n"
    ),
    "K&R": "int f(a, b)\n\tint a;\n\tchar *b;\n{\n\treturn a;\n}\n",
    "macros as words": (
        "DEFINE_THIS(x, { 1, 2 })\n__init __weak int f(void) __acquires(x) { return 0; }\n"
    ),
    "a macro between": "EXPORT_SYMBOL_GPL(f);\nMODULE_LICENSE(GPL)\n",
    "a macro of functions": (
        "#define MAKE(name) \\\nstatic int name(void) \\\n{ \\\n\treturn 1; \\\n}\nMAKE(f)\n"
    ),
    "on one line": "static inline int f(void) { return 0; }\n",
    "an initialiser": 'static struct s s = {\n\t.name = "{",\n\t.f = { [1] = f, },\n};\n',
    "assembly": 'asm(\n"\t.text\\n"\n"f:\t{\\n"\n);\n',
    "statement expressions": "#define max(a, b) ({ typeof(a) _a = (a); _a; })\n",
    "braces in comments": "/* { */\n// {\n",
}  # fmt: skip


def only(source: str, name: str = "wanted") -> str:
    """Return the text of a function in a source."""
    return functions(source.encode())[name].text


@pytest.mark.parametrize("before", SURROUNDINGS)
@pytest.mark.parametrize("after", SURROUNDINGS)
def test_what_surrounds_a_function_does_not_matter(before: str, after: str) -> None:
    source = f"{SURROUNDINGS[before]}\n{WANTED}\n\n{SURROUNDINGS[after]}"
    found = functions(source.encode())["wanted"]
    assert found.text == WANTED
    assert found.line == source[: source.index(WANTED)].count("\n") + 1
    assert found.static
    assert found.shape == "int(structkvm*,unsignedlong*,bool)"
    assert {"helper", "other"} <= found.calls
    assert found.conditions == ()


@pytest.mark.parametrize(
    "macro", ["EXPORT_SYMBOL(other);", "DEFINE(other);", "#define A 1", "int x;"]
)
def test_nothing_between_two_functions_belongs_to_them(macro: str) -> None:
    source = f"int other(void)\n{{\n\treturn 1;\n}}\n{macro}\n{WANTED}\n"
    assert only(source) == WANTED
    assert only(source, "other") == "int other(void)\n{\n\treturn 1;\n}"


@given(st.lists(st.sampled_from(sorted(SURROUNDINGS)), max_size=5), st.integers(0, 5))
def test_functions_are_found_among_anything(names: list[str], at: int) -> None:
    pieces = [SURROUNDINGS[name] for name in names]
    pieces.insert(at, WANTED)
    assert only("\n\n".join(pieces)) == WANTED


@pytest.mark.parametrize(
    "function",
    [
        "int wanted(void) { return 0; }",
        "static inline pte_t *\nwanted(pgd_t *pgd, unsigned long addr)\n{\n\treturn NULL;\n}",
        "static __always_inline int wanted(void)\n{\n\treturn 0;\n}",
        "static noinline pte_t * __ref wanted(void)\n{\n\treturn 0;\n}",
        "__weak int wanted(void)\n{\n\treturn 0;\n}",
        "int __init wanted(void)\n{\n\treturn 0;\n}",
        "int wanted(int (*handler)(int, void *), void *data)\n{\n\treturn handler(1, data);\n}",
        "int wanted(void)\n{\n#ifdef A\n\treturn 1;\n#else\n\treturn 0;\n#endif\n}",
        "int wanted(void) {\n\treturn 0;\n}",
    ],
)  # fmt: skip
def test_functions_of_any_form_are_cut_as_they_stand(function: str) -> None:
    assert only(f"int x;\n\n{function}\n\nint y;\n") == function


def test_carriage_returns_stay_as_they_are() -> None:
    found = functions(WANTED.replace("\n", "\r\n").encode())["wanted"]
    assert found.text.replace("\r\n", "\n") == WANTED
    assert found.line == 1


def test_macros_and_prototypes_define_nothing() -> None:
    source = (
        "int wanted(void);\n#define wanted(x) x\nextern int wanted(void);\nint y = wanted(1);\n"
    )
    assert definitions(source.encode()) == ()


def test_bytes_that_are_no_text_do_no_harm() -> None:
    assert only(f"/* \udcff */\n{WANTED}".encode("utf-8", "surrogateescape").decode("latin-1"))


# --- conditionals around ---------------------------------------------------------------------

ARMS = """\
#ifndef GUARD_H
#ifdef CONFIG_A
static int wanted(void)
{
	return 1;
}
#elif defined(CONFIG_B) && \\
	CONFIG_B > 1
static int wanted(void)
{
	return 2;
}
#else
static int wanted(void) { return 3; }
#endif
#endif
"""


def preprocessed(text: str, folder: Path, *defines: str) -> list[str]:
    """Return what the compiler's preprocessor makes of a text, in words."""
    file = folder / "slice.c"
    file.write_text(text)
    command = [*find().compiler, "-E", "-P", *(f"-D{one}" for one in defines), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("defines", "number"),
    [
        (("CONFIG_A=1",), "1"),
        (("CONFIG_A=1", "CONFIG_B=2"), "1"),
        (("CONFIG_B=2",), "2"),
        (("CONFIG_B=1",), "3"),
        ((), "3"),
        (("GUARD_H",), None),
    ],
)
def test_of_several_definitions_that_of_the_configuration_counts(
    defines: tuple[str, ...], number: str | None, tmp_path: Path
) -> None:
    text = cut(ARMS.encode(), "some.h", ["wanted"], required=True)
    assert [one.name for one in definitions(ARMS.encode())] == ["wanted"] * 3
    found = preprocessed(text, tmp_path, *defines)
    assert found == (
        ["static", "int", "wanted(void)", "{", "return", f"{number};", "}"] if number else []
    )


def test_a_slice_says_where_it_stood() -> None:
    text = cut(ARMS.encode(), "some.h", ["wanted"], required=True)
    told = [line for line in text.splitlines() if line.startswith("#line")]
    assert told == ['#line 3 "some.h"', '#line 9 "some.h"', '#line 14 "some.h"']
    assert text.count("#if ") == text.count("#endif") == 2 + 3 + 3


def test_only_what_is_wanted_is_cut() -> None:
    source = f"{ARMS}\nint other(void)\n{{\n\treturn 9;\n}}\n"
    assert "other" not in cut(source.encode(), "some.h", ["wanted"], required=True)
    assert cut(source.encode(), "some.h", ["absent"], required=False) == ""
    with pytest.raises(UnsupportedError, match=r"not bound: some\.h defines no function absent"):
        cut(source.encode(), "some.h", ["wanted", "absent"], required=True)


# --- real trees ------------------------------------------------------------------------------


def test_a_function_that_no_parser_reads_hides_no_other(kernel_tree: Path) -> None:
    source = (kernel_tree / MMU).read_text()
    whole = definitions(source.encode())
    assert len(whole) > 15
    broken = SURROUNDINGS["a brace opened in each arm"]
    shifted = definitions(f"{broken}\n{source}\n{broken}".encode())
    lines = broken.count("\n") + 1
    assert [(one.name, one.text, one.line - lines) for one in shifted if one.name != "f"] == [
        (one.name, one.text, one.line) for one in whole
    ]


@pytest.mark.parametrize("name", [MMU, "arch/mips/kvm/mips.c", "virt/kvm/kvm_main.c"])
def test_a_function_is_the_same_whether_others_are_wanted_or_not(
    kernel_tree: Path, name: str
) -> None:
    source = (kernel_tree / name).read_bytes()
    everything = definitions(source)
    names = list(dict.fromkeys(definition.name for definition in everything))
    assert len(names) > 20
    for one, other in zip(names[::5], names[::-5], strict=False):
        wanted = frozenset((one, other))
        assert definitions(source, wanted) == tuple(d for d in everything if d.name in wanted)
    assert definitions(source, frozenset()) == ()
