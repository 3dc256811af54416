# SPDX-License-Identifier: GPL-2.0-only
"""Quirks replace whole functions of the table by the kernel's version, and nothing else."""

from __future__ import annotations

import inspect
from types import FunctionType, ModuleType

import pytest

from impl.multilevel import QUIRKS, Quirk, as_in_kernel, quirk, table
from impl.multilevel.quirks import replaceable, replacements, with_quirks
from model.layout import Layout
from model.ports import layout
from tests.mips import layouts

OF_ENTRIES = {"pfn-truncated", "young-reads-pfn-word"}
"""Quirks of the helpers for entries, which are not in the table."""
FOUR = layout("mips64-4k-va48")


def functions(module: ModuleType) -> dict[str, FunctionType]:
    """Return the functions that a module defines itself."""
    return {
        name: one
        for name, one in vars(module).items()
        if isinstance(one, FunctionType) and one.__module__ == module.__name__
    }


def test_every_version_of_the_kernel_belongs_to_just_one_quirk() -> None:
    named = [name for one in QUIRKS for name in one.replaces]
    assert sorted(named) == sorted(functions(as_in_kernel))
    assert {one.name for one in QUIRKS if not one.replaces} == OF_ENTRIES


@pytest.mark.parametrize("name", functions(as_in_kernel))
def test_a_version_of_the_kernel_is_called_as_the_tables(name: str) -> None:
    mine, theirs = functions(table)[name], functions(as_in_kernel)[name]
    assert inspect.signature(mine) == inspect.signature(theirs)
    used = {name for name in theirs.__code__.co_names if name in vars(as_in_kernel)}
    assert used <= set(vars(table)), "it runs among the functions of the table"


@pytest.mark.parametrize("one", QUIRKS, ids=lambda one: one.name)
@pytest.mark.parametrize("where", [layout("mips32-4k"), FOUR], ids=lambda where: where.name)
def test_only_what_a_quirk_names_is_replaced(one: Quirk, where: Layout) -> None:
    changed = with_quirks(table, {one}, where)
    expected = {name for name, there in one.replaces.items() if there(where)}
    if not expected:
        assert changed is table
        return
    codes = {name: function.__code__ for name, function in functions(changed).items()}
    for name, function in functions(table).items():
        theirs = functions(as_in_kernel).get(name)
        assert codes[name] is (theirs if name in expected and theirs else function).__code__
        assert vars(changed)[name].__globals__ is vars(changed)


def test_functions_that_are_put_in_call_each_other() -> None:
    # The root in steps of eight is filled with whichever marker counts.
    filled: list[int] = []

    class Rt:
        layout = FOUR

        def empty(self, level: int) -> int:
            return 100 + level

        def fill(self, level: int, page: int, first: int, last: int, value: int) -> None:
            filled.append(value)

    both = {quirk("pgd-init-by-eight"), quirk("pgd-init-skips-pud")}
    for quirks, marker in ((both, 101), ({quirk("pgd-init-by-eight")}, 100), (set(), 100)):
        filled.clear()
        vars(with_quirks(table, quirks, FOUR))["kvm_pgd_init"](Rt(), 0)
        assert set(filled) == {marker}


def test_where_a_quirk_bites_it_replaces_something() -> None:
    for where in layouts():
        for one in QUIRKS:
            if one.bites(where) and one.name not in OF_ENTRIES:
                assert replacements({one}, where)
        assert set(replacements(QUIRKS, where)) == set(replaceable(where))
