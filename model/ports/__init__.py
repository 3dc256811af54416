# SPDX-License-Identifier: GPL-2.0-only
"""The ports that there are, and the layouts of all of them by name."""

from __future__ import annotations

import fnmatch

from model.layout import Layout
from model.machines import Machine
from model.operations import Kind
from model.ports.mips import MIPS
from model.ports.port import Port
from model.ports.riscv import RISCV

PORTS: dict[str, Port] = {port.name: port for port in (MIPS, RISCV)}
"""Every port by its name, in the order in which they are reported; a new one is added here."""


def ports() -> tuple[Port, ...]:
    """Return every port."""
    return tuple(PORTS.values())


def port_of(layout: Layout) -> Port:
    """Return the port that a layout belongs to."""
    return PORTS[layout.port]


def entry_point(layout: Layout, kind: Kind) -> str:
    """Return the kernel function that carries out an operation on a layout's table."""
    return port_of(layout).functions[kind]


def kind_of(function: str) -> Kind | None:
    """Return the operation of which some port calls the entry point so, None where none does."""
    for port in ports():
        for kind, name in port.functions.items():
            if name == function:
                return kind
    return None


def layouts() -> tuple[Layout, ...]:
    """Return the layouts of every port, permitted or not."""
    return tuple(layout for port in ports() for layout in port.layouts())


def permitted_layouts() -> tuple[Layout, ...]:
    """Return the layouts that Kconfig permits together with KVM."""
    return tuple(layout for layout in layouts() if layout.permitted)


def layout(name: str) -> Layout:
    """Return the layout called ``name``. Raises KeyError where there is none."""
    for candidate in layouts():
        if candidate.name == name:
            return candidate
    raise KeyError(name)


def matching(pattern: str) -> list[Layout]:
    """Return the layouts whose name matches the shell pattern; a bare name matches itself."""
    return [known for known in layouts() if fnmatch.fnmatchcase(known.name, pattern)]


def machines(layout: Layout) -> tuple[Machine, ...]:
    """Return the machines that can run a kernel of ``layout``; none where Kconfig refuses it."""
    return port_of(layout).machines(layout)


def byte_orders(layout: Layout) -> tuple[str, ...]:
    """Return the byte orders that Kconfig permits; both for a layout that it refuses altogether."""
    return port_of(layout).byte_orders(layout)
