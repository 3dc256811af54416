# SPDX-License-Identifier: GPL-2.0-only
"""The reference implementations that there are, by the port of a layout."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from impl.interface import Implementation
from impl.ports.mips import MIPS
from impl.ports.port import ReferencePort
from impl.ports.riscv import RISCV
from impl.quirk import Quirk
from model.layout import Layout

REFERENCES: dict[str, ReferencePort] = {port.port: port for port in (MIPS, RISCV)}
"""Every reference implementation by its port's name; a new one is added here."""


def reference_of(layout: Layout) -> ReferencePort:
    """Return the reference implementation of a layout's port. Raises KeyError where it has none."""
    return REFERENCES[layout.port]


def quirks_of(layout: Layout) -> tuple[Quirk, ...]:
    """Return the quirks of a layout's reference implementation; none where there is none."""
    port = REFERENCES.get(layout.port)
    return port.quirks if port is not None else ()


def others_of(layout: Layout) -> dict[str, Callable[[Layout, int], Implementation]]:
    """Return further implementations of a layout's port by name; none where it has none."""
    port = REFERENCES.get(layout.port)
    return port.others if port is not None else {}


def every_quirk() -> tuple[Quirk, ...]:
    """Return the quirks of every port."""
    return tuple(quirk for port in REFERENCES.values() for quirk in port.quirks)


def quirks_named(layout: Layout, names: Iterable[str]) -> frozenset[Quirk]:
    """Return quirks of a layout's port by name. Raises KeyError for one that it has not."""
    known = {quirk.name: quirk for quirk in reference_of(layout).quirks}
    return frozenset(known[name] for name in names)


def table(layout: Layout, names: Iterable[str] = ()) -> Implementation:
    """Return the reference implementation with quirks. Raises KeyError for an unknown quirk."""
    return reference_of(layout).table(layout, quirks_named(layout, names))
