# SPDX-License-Identifier: GPL-2.0-only
"""Which theorems each quirk must refute where it bites: those, and no others."""

from __future__ import annotations

from impl.quirk import Quirk
from model.layout import Layout


def refuted_by(one: Quirk, layout: Layout) -> frozenset[str]:
    """Return the theorems, as ``function/clause``, that a quirk must refute in a layout."""
    return frozenset()
