# SPDX-License-Identifier: GPL-2.0-only
"""Layouts as the user names them, with and without a byte order."""

from __future__ import annotations

import pytest

from model import ports
from model.layout import Layout
from model.machines import BIG, LITTLE, ORDERS
from model.ports import byte_orders, permitted_layouts
from slatcheck import names
from slatcheck.errors import InputError
from slatcheck.names import selected

ONE, TWO = "mips32-4k", "mips64-4k"


def chosen(*patterns: str) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Return the names that patterns select, and the byte orders."""
    found = selected(patterns)
    return [one.name for one in found.layouts], found.byte_orders


def refused(*patterns: str) -> str:
    """Return what is said of patterns, which is one line."""
    with pytest.raises(InputError) as told:
        selected(patterns)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_without_a_pattern_all_that_is_permitted_is_judged_in_all_orders() -> None:
    found = selected(())
    assert found.layouts == permitted_layouts()
    for one in found.layouts:
        assert found.byte_orders.get(one.name, byte_orders(one)) == byte_orders(one)


@pytest.mark.parametrize(
    ("suffix", "orders"),
    [("be", (BIG,)), ("big", (BIG,)), ("le", (LITTLE,)), ("little", (LITTLE,))],
)
def test_a_name_may_end_with_a_byte_order(suffix: str, orders: tuple[str, ...]) -> None:
    assert chosen(f"{ONE}:{suffix}") == ([ONE], {ONE: orders})


def test_a_name_without_one_means_both() -> None:
    assert chosen(ONE) == ([ONE], {ONE: ORDERS})


@pytest.mark.parametrize(
    "both",
    [(f"{ONE}:le", f"{ONE}:be"), (f"{ONE}:be", ONE), (ONE, f"{ONE}:le"), ("mips32-4?:le", ONE)],
)
def test_both_given_are_both_in_the_usual_order(both: tuple[str, str]) -> None:
    found, orders = chosen(*both)
    assert ONE in found
    assert orders[ONE] == ORDERS


def test_each_layout_has_its_own() -> None:
    assert chosen(f"{TWO}:le", f"{ONE}:be") == ([ONE, TWO], {ONE: (BIG,), TWO: (LITTLE,)})


def test_a_pattern_may_end_with_a_byte_order() -> None:
    found, orders = chosen("mips64-*:le")
    assert found == [one.name for one in permitted_layouts() if one.name.startswith("mips64-")]
    assert orders == dict.fromkeys(found, (LITTLE,))
    assert chosen("*:be", "mips64-4k:le")[1]["mips64-4k"] == ORDERS


def test_a_layout_that_kconfig_refuses_may_have_one_when_named_in_full() -> None:
    assert chosen("mips32-8k:le") == (["mips32-8k"], {"mips32-8k": (LITTLE,)})


@pytest.mark.parametrize("suffix", ["", "xe", "LE", "be ", "little-endian", "le:"])
def test_another_suffix_is_refused(suffix: str) -> None:
    assert refused(f"{ONE}:{suffix}").endswith("write :be or :le")


@pytest.mark.parametrize("name", ["mips32-5k", "", "mips32-4k:le"])
def test_an_unknown_name_with_a_byte_order_is_refused(name: str) -> None:
    assert "'" in refused(f"{name}:be")


def test_a_pattern_that_matches_nothing_is_refused() -> None:
    assert refused("mips128-*:le").startswith("no layout matches 'mips128-*'")


def test_an_order_that_kconfig_refuses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_little(layout: Layout) -> tuple[str, ...]:
        return (LITTLE,) if layout.name == TWO else byte_orders(layout)

    assert ports.byte_orders is byte_orders
    monkeypatch.setattr(names, "byte_orders", only_little)
    told = refused(f"{TWO}:be")
    assert TWO in told
    assert told.endswith(" only")
    assert chosen(ONE, TWO)[1] == {ONE: ORDERS, TWO: (LITTLE,)}
