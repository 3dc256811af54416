# SPDX-License-Identifier: GPL-2.0-only
"""The multi-level page table in Python: one algorithm, run concretely and symbolically."""

from impl.multilevel.multilevel import MultiLevel
from impl.multilevel.quirks import QUIRKS, quirk
from impl.quirk import Quirk

__all__ = ["QUIRKS", "MultiLevel", "Quirk", "quirk"]
