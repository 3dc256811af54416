# SPDX-License-Identifier: GPL-2.0-only
"""The ports: each layout belongs to one, which names its functions and says its choices."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model.layout import Layout
from model.operations import Kind
from model.ports import PORTS, entry_point, kind_of, layouts, port_of, ports
from model.ports.mips.layouts import choices

EVERY = pytest.mark.parametrize("layout", layouts(), ids=lambda one: one.name)


@EVERY
def test_a_layout_belongs_to_the_port_that_has_it(layout: Layout) -> None:
    assert layout in port_of(layout).layouts()
    assert sum(layout in port.layouts() for port in ports()) == 1


def test_ports_are_known_by_their_names() -> None:
    assert [port.name for port in ports()] == list(PORTS)
    assert {layout.port for layout in layouts()} == set(PORTS)


@EVERY
def test_an_entry_point_names_its_operation(layout: Layout) -> None:
    for kind in port_of(layout).functions:
        assert kind_of(entry_point(layout, kind)) is kind


def test_an_operation_without_a_contract_is_refused() -> None:
    known = PORTS["mips"]
    with pytest.raises(ValueError, match="mips: functions and contracts are of other kinds: FLUSH"):
        replace(known, contracts={k: v for k, v in known.contracts.items() if k is not Kind.FLUSH})


def test_another_function_names_none() -> None:
    for name in ("", "kmalloc", entry_point(layouts()[0], Kind.FLUSH).upper()):
        assert kind_of(name) is None


@pytest.mark.parametrize("layout", PORTS["mips"].layouts(), ids=lambda one: one.name)
def test_what_kconfig_chooses_is_said_as_the_name_has_it(layout: Layout) -> None:
    parts = layout.name.split("-")[2:]
    said = choices(layout)
    words = {"va48": "48 bits", "xpa": "XPA", "p64": "36-bit", "huge": "huge pages"}
    assert len(said) == len(parts)
    for part in parts:
        assert sum(words[part] in sentence for sentence in said) == 1
