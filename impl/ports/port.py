# SPDX-License-Identifier: GPL-2.0-only
"""What a port says of its reference implementation: the table in Python, and its quirks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from impl.interface import Implementation
from impl.quirk import Quirk
from impl.snapshot import Stepper
from model.layout import Layout


@dataclass(frozen=True, eq=False)
class ReferencePort:
    """The reference implementation of one architecture's table.

    ``table`` makes it for a layout, with some of its ``quirks`` switched on; ``stepper`` makes one
    that shows its table after each operation. ``pages`` names the page of
    findings that tells of each quirk. ``source`` is the file that holds the algorithm.
    ``others`` are further implementations by name, for comparison, each for so many frames.
    """

    port: str
    table: Callable[[Layout, frozenset[Quirk]], Implementation]
    stepper: Callable[[Layout, frozenset[Quirk]], Stepper]
    quirks: tuple[Quirk, ...]
    pages: Mapping[str, str]
    source: str
    others: dict[str, Callable[[Layout, int], Implementation]]
