# SPDX-License-Identifier: GPL-2.0-only
"""The G-stage page table in Python: levels known at run time only, leaves of several sizes."""

from impl.gstage.gstage import GStage
from impl.gstage.quirks import QUIRKS, quirk

__all__ = ["QUIRKS", "GStage", "quirk"]
