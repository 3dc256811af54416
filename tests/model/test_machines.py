# SPDX-License-Identifier: GPL-2.0-only
"""Machines and byte orders of the layouts, held against what ``arch/mips/Kconfig`` says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from model.layout import Layout
from model.machines import BIG, LITTLE, ORDERS, Machine
from model.ports import byte_orders, layout, layouts, machines, permitted_layouts
from model.ports.mips.layouts import Choice, choice_of
from model.ports.mips.machines import MACHINES, runs

MINE = [one for one in layouts() if one.port == "mips"]
EVERY = pytest.mark.parametrize("one", MINE, ids=lambda one: one.name)
PERMITTED = pytest.mark.parametrize("one", permitted_layouts(), ids=lambda one: one.name)
MACHINE = pytest.mark.parametrize("machine", MACHINES, ids=lambda one: one.symbol)
LOONGSON = next(one for one in MACHINES if one.symbol == "MACH_LOONGSON64")
#: What a core with virtualisation selects; the first is its name in older trees.
VIRTUAL = {"HAVE_KVM", "CPU_SUPPORTS_VZ"}
OCTEON = next(one for one in MACHINES if one.symbol == "CAVIUM_OCTEON_SOC")


class Kconfig:
    """What a tree's Kconfig says of a symbol: what it selects, and on what it depends."""

    def __init__(self, tree: Path) -> None:
        text = (tree / "arch/mips/Kconfig").read_text()
        parts = re.split(r"^(?:menu)?config (\w+)$", text, flags=re.MULTILINE)
        self.blocks = dict(zip(parts[1::2], parts[2::2], strict=True))

    def selected(self, symbol: str) -> set[str]:
        """Return what a symbol selects, whatever the condition."""
        return set(re.findall(r"^\tselect (\w+)", self.blocks[symbol], re.MULTILINE))

    def orders(self, symbol: str) -> tuple[str, ...]:
        """Return the byte orders that a machine supports."""
        found = self.selected(symbol)
        return tuple(one for one in ORDERS if f"SYS_SUPPORTS_{one.upper()}_ENDIAN" in found)

    def cores(self, symbol: str) -> set[str]:
        """Return the cores of a machine on which KVM runs."""
        wanted = {one.removeprefix("SYS_HAS_") for one in self.selected(symbol)}
        return {one for one in wanted & set(self.blocks) if VIRTUAL & self.selected(one)}

    def pages(self, core: str) -> set[int]:
        """Return the page sizes (KB) of a core, in trees before and since HAVE_PAGE_SIZE_*."""
        if "PAGE_SIZE_4KB" in self.blocks:
            blocks = {size: self.blocks[f"PAGE_SIZE_{size}KB"] for size in (4, 8, 16, 32, 64)}
            needs = {size: " ".join(re.findall("depends on (.*)", b)) for size, b in blocks.items()}
        else:
            lines = self.blocks["MIPS"] + self.blocks[core]
            found = re.findall(r"select HAVE_PAGE_SIZE_(\d+)KB(?: if (.*))?", lines)
            needs = {int(size): condition for size, condition in found}
        mine = f"!{core}"
        return {
            size
            for size, condition in needs.items()
            if mine not in condition.split() and _others(condition) in ("", core)
        }


def _others(condition: str) -> str:
    """Return the core that a condition asks for, '' where it asks for none."""
    asked = re.findall(r"(?<![!\w])CPU_\w+", condition)
    return asked[0] if asked else ""


# --- what the trees say ----------------------------------------------------------------------


@MACHINE
def test_byte_orders_are_those_that_kconfig_selects(kernel_tree: Path, machine: Machine) -> None:
    assert Kconfig(kernel_tree).orders(machine.symbol) == machine.orders


@MACHINE
def test_every_machine_has_a_core_with_virtualisation(kernel_tree: Path, machine: Machine) -> None:
    assert Kconfig(kernel_tree).cores(machine.symbol)


@MACHINE
def test_page_sizes_are_those_of_the_cores(kernel_tree: Path, machine: Machine) -> None:
    kconfig = Kconfig(kernel_tree)
    for core in kconfig.cores(machine.symbol):
        assert kconfig.pages(core) == set(machine.page_kb), core


@MACHINE
def test_widths_are_those_that_kconfig_selects(kernel_tree: Path, machine: Machine) -> None:
    kconfig = Kconfig(kernel_tree)
    found = {
        int(width)
        for width in re.findall(
            r"SYS_SUPPORTS_(\d\d)BIT_KERNEL", " ".join(kconfig.selected(machine.symbol))
        )
        if any(f"CPU_SUPPORTS_{width}BIT_KERNEL" in kconfig.selected(core)
               for core in kconfig.cores(machine.symbol))
    }  # fmt: skip
    assert found == set(machine.bits)


def test_no_machine_with_a_byte_order_of_its_own_is_left_out(kernel_tree: Path) -> None:
    kconfig = Kconfig(kernel_tree)
    told = {one.symbol for one in MACHINES}
    others = {
        symbol
        for symbol in kconfig.blocks
        if kconfig.orders(symbol) and kconfig.cores(symbol) and symbol not in told
    }
    for symbol in others:
        for core in kconfig.cores(symbol):
            known = [one for one in MACHINES if core in kconfig.cores(one.symbol)]
            orders = {order for one in known for order in one.orders}
            assert set(kconfig.orders(symbol)) <= orders, f"{symbol} with {core}"


# --- layouts ---------------------------------------------------------------------------------


@PERMITTED
def test_a_permitted_layout_has_machines_and_their_byte_orders(one: Layout) -> None:
    found = machines(one)
    assert found
    assert byte_orders(one) == tuple(
        order for order in ORDERS if any(order in machine.orders for machine in found)
    )
    for machine in found:
        assert one.bits in machine.bits
        assert 1 << (one.page_shift - 10) in machine.page_kb


@EVERY
def test_a_layout_that_kconfig_refuses_has_no_machine_and_both_byte_orders(one: Layout) -> None:
    if not one.permitted:
        assert machines(one) == ()
        assert byte_orders(one) == ORDERS


def test_the_ordinary_byte_order_comes_first() -> None:
    assert ORDERS == (BIG, LITTLE)
    for one in layouts():
        assert list(byte_orders(one)) == [order for order in ORDERS if order in byte_orders(one)]


def test_loongson_is_little_endian_and_has_no_4_kb_pages() -> None:
    assert LOONGSON.orders == (LITTLE,)
    mine = [one.name for one in permitted_layouts() if LOONGSON in machines(one)]
    assert mine
    assert all(re.match(r"mips64-(16|64)k", name) for name in mine)
    assert not runs(LOONGSON, Choice(64, 4))
    assert runs(LOONGSON, Choice(64, 16))
    assert not runs(LOONGSON, Choice(32, 16))


@pytest.mark.parametrize("name", ["mips64-8k", "mips64-32k"])
def test_octeon_alone_has_8_and_32_kb_pages(name: str) -> None:
    assert machines(layout(name)) == (OCTEON,)
    assert byte_orders(layout(name)) == ORDERS


@EVERY
def test_a_machine_runs_no_32_bit_kernel_of_36_bit_addresses(one: Layout) -> None:
    choice = choice_of(one)
    if choice.phys == "p64":
        assert not any(runs(machine, choice) for machine in MACHINES)
