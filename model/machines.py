# SPDX-License-Identifier: GPL-2.0-only
"""Machines that run layouts, and byte orders: what every port says of its own."""

from __future__ import annotations

from dataclasses import dataclass

BIG = "big"
LITTLE = "little"
ORDERS = (BIG, LITTLE)
"""The byte orders, in the order in which they are reported; the ordinary one comes first."""


@dataclass(frozen=True)
class Machine:
    """A machine with a core that KVM runs on.

    ``symbol`` selects it in the architecture's Kconfig; ``orders`` are the byte orders that it
    can run, ``bits`` and ``page_kb`` what its cores have.
    """

    name: str
    symbol: str
    bits: tuple[int, ...]
    page_kb: tuple[int, ...]
    orders: tuple[str, ...]
