# SPDX-License-Identifier: GPL-2.0-only
"""The layouts of MIPS, for tests of what only tables with leaves of one size have."""

from __future__ import annotations

from model.layout import Layout
from model.ports import PORTS


def layouts() -> tuple[Layout, ...]:
    """Return all of them, permitted or not."""
    return PORTS["mips"].layouts()


def permitted_layouts() -> tuple[Layout, ...]:
    """Return those that Kconfig permits together with KVM."""
    return tuple(layout for layout in layouts() if layout.permitted)
