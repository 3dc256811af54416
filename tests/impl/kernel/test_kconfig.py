# SPDX-License-Identifier: GPL-2.0-only
"""The configuration of a layout, and Kconfig's conditions, well formed and not."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impl.kernel.errors import UnsupportedError
from impl.kernel.kconfig import LONGEST, _holds, autoconf, pgtable_levels, refusal, symbols
from impl.kernel.layouts import layout_in
from impl.kernel.ports import open_tree
from impl.kernel.ports.mips.files import FILES
from impl.kernel.tree import Tree
from model.ports import layout, layouts
from tests.kernels.copies import share

LAYOUTS = [one for one in layouts() if one.port == FILES.port]
SYMBOLS = ("A", "B", "PAGE_SIZE_4KB")
LEVELS = "config PGTABLE_LEVELS\n\tint\n{}\nconfig NEXT\n\tint\n\tdefault 7\n"
OLD = """config PGTABLE_LEVELS
	int
	default 4 if PAGE_SIZE_4KB && MIPS_VA_BITS_48
	default 3 if 64BIT && !PAGE_SIZE_64KB
	default 2

"""


# --- conditions ------------------------------------------------------------------------------

conditions = st.recursive(
    st.sampled_from(SYMBOLS).map(lambda name: (name, name)),
    lambda part: st.one_of(
        part.map(lambda one: (f"!({one[0]})", f"(not {one[1]})")),
        part.map(lambda one: (f"({one[0]})", one[1])),
        st.tuples(part, part).map(
            lambda two: (f"({two[0][0]}) && ({two[1][0]})", f"({two[0][1]} and {two[1][1]})")
        ),
        st.tuples(part, part).map(
            lambda two: (f"({two[0][0]})||({two[1][0]})", f"({two[0][1]} or {two[1][1]})")
        ),
    ),
    max_leaves=8,
)


@given(conditions, st.sets(st.sampled_from(SYMBOLS)))
def test_a_condition_means_what_kconfig_says(condition: tuple[str, str], on: set[str]) -> None:
    text, python = condition
    expected = eval(python, {name: name in on for name in SYMBOLS})
    assert _holds(text, dict.fromkeys(on, "y")) is expected


@pytest.mark.parametrize(("a", "b", "c"), [*product([False, True], repeat=3)])
def test_and_binds_before_or_and_not_before_both(a: bool, b: bool, c: bool) -> None:
    on = {name: "y" for name, value in (("A", a), ("B", b), ("C", c)) if value}
    assert _holds("A || B && C", on) is (a or (b and c))
    assert _holds("A && B || C", on) is ((a and b) or c)
    assert _holds("!A && B || !!C", on) is ((not a and b) or c)
    assert _holds("! ( A||B )&&C", on) is (not (a or b) and c)


def test_only_what_is_y_is_on() -> None:
    assert _holds("A", {"A": "n"}) is _holds("A", {"A": "14"}) is _holds("A", {}) is False
    assert _holds("y", {}) is True


HOSTILE = [
    "", "()", "!", "&&", "A &&", "|| A", "A B", "A !B", "A(B)", "(A)(B)", "A & B", "A | B",
    "((A)", "(A))", "A &&& B", "T F", "? || A", "(" * 900, ")" * 900, "!" * 900,
    "(" * 100_000, "!" * 100_000 + "A", "A" + " && A" * 100_000, "A" * (LONGEST + 1),
]  # fmt: skip


@pytest.mark.parametrize("condition", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_condition_has_no_value(condition: str) -> None:
    assert _holds(condition, {"A": "y"}) is None


@given(st.text("AB()&|! ", max_size=60))
def test_nothing_raises(condition: str) -> None:
    assert _holds(condition, {"A": "y"}) in (True, False, None)


def test_deep_conditions_are_read() -> None:
    assert _holds("(" * 400 + "A" + ")" * 400, {"A": "y"}) is True
    assert _holds("!" * 501 + "A", {"A": "y"}) is False


# --- the number of levels --------------------------------------------------------------------


def test_the_levels_of_real_trees_are_the_layouts(kernel_tree: Path) -> None:
    tree = open_tree(kernel_tree)
    text = tree.read(FILES.kconfig).decode()
    for one in LAYOUTS:
        assert pgtable_levels(text, symbols(tree, one)) == one.geometry.levels, one.name
        assert refusal(tree, one) == ""


@pytest.mark.parametrize(
    ("defaults", "levels"),
    [
        ("\tdefault 3\n", 3),
        ("\tdefault 3 if A\n\tdefault 2\n", 3),
        ("\tdefault 3 if B\n\tdefault 2\n", 2),
        ("\tdefault 3 if A && !B\n\n\tdefault 2\n", 3),
        ("        default 3 if !A   \n        default 2 if A\n", 2),
        ("\tdefault 3 if B\n", None),
        ("", None),
        ("\tdefault 3 if A =\n\tdefault 2\n", None),
        ("\tdefault 3 if A(\n\tdefault 2\n", None),
        ("\tdefault FOUR\n\tdefault 2\n", None),
        ("\tdefault 3 if __import__('os')\n\tdefault 2\n", None),
        ("\tdefault 3\n\tdefault FOUR\n", 3),
    ],
)
def test_the_first_default_whose_condition_holds_counts(defaults: str, levels: int | None) -> None:
    assert pgtable_levels(LEVELS.format(defaults), {"A": "y"}) == levels


def test_a_tree_without_kconfig_refuses_nothing(tmp_path: Path) -> None:
    assert pgtable_levels("", {}) is None
    assert pgtable_levels("config OTHER\n\tint\n\tdefault 3\n", {}) is None
    tree = Tree(tmp_path, "6.12.0", FILES)
    assert [one.name for one in LAYOUTS if one.permitted and refusal(tree, one)] == []


def test_a_tree_of_fewer_levels_has_no_layout_of_more(
    kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    share(kernel_trees["6.12"], tmp_path)
    text = (kernel_trees["6.12"] / FILES.kconfig).read_text()
    start = text.index("config PGTABLE_LEVELS")
    (tmp_path / FILES.kconfig).write_text(
        text[:start] + OLD + text[text.index("config ", start + 1) :]
    )
    tree = open_tree(tmp_path)
    refused = [one.name for one in LAYOUTS if refusal(tree, one)]
    assert refused == ["mips64-64k-va48", "mips64-64k-huge-va48"]
    with pytest.raises(UnsupportedError, match="gives it 2 levels and not 3") as told:
        layout_in(tree, layout("mips64-64k-va48"))
    assert "\n" not in str(told.value)


# --- autoconf.h ------------------------------------------------------------------------------


def test_the_byte_order_is_one_of_two(kernel_tree: Path) -> None:
    tree = open_tree(kernel_tree)
    for big, on, off in ((True, "BIG", "LITTLE"), (False, "LITTLE", "BIG")):
        text = autoconf(tree, layout("mips32-4k"), big)
        assert f"#define CONFIG_CPU_{on}_ENDIAN 1\n" in text
        assert f"CPU_{off}_ENDIAN" not in text
        assert "#define CONFIG_PGTABLE_LEVELS 2\n" in text
