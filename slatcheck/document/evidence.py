# SPDX-License-Identifier: GPL-2.0-only
"""What experiments can say of a finding: the words in which they say it."""

from __future__ import annotations

from dataclasses import dataclass

from model.operations import Kind

WRAPPED = "wrapped"
"""The operation does just what it does with the bits of its address beyond the reach cut off."""
LONGER = "one-page-longer"
"""The operation does just what the function below it does for a range one page longer."""
BROKEN = "broken-table"
"""Walking, flushing, cleaning and ageing the same frames of the same table all fail alike."""

BELOW: dict[Kind, Kind] = {
    Kind.UNMAP: Kind.FLUSH,
    Kind.FLUSH_SLOT: Kind.FLUSH,
    Kind.FLUSH_ALL: Kind.FLUSH,
    Kind.AGE: Kind.MKOLD,
    Kind.LOG_DIRTY_MASKED: Kind.MKCLEAN,
    Kind.COMMIT_REGION: Kind.MKCLEAN,
    Kind.FAULT: Kind.FAULT_FAST,
    Kind.IOUNMAP: Kind.FLUSH,
    Kind.PREPARE_REGION: Kind.IOREMAP,
}
"""The operation that an entry point may hand its request on to; whether it does is tried."""
BELOW_LARGE = BELOW | {Kind.FAULT: Kind.MAP}
"""The same for tables with large leaves, which have no fast path and map a leaf of any size."""


@dataclass(frozen=True)
class Evidence:
    """What experiments say of a symptom; both are '' where they say nothing.

    ``handed_on`` is the fingerprint that the function below shows for the same request, where the
    entry point was never seen to do anything but hand its requests on. ``as_if`` is WRAPPED,
    LONGER or BROKEN.
    """

    handed_on: str = ""
    as_if: str = ""


NOTHING = Evidence()
