# SPDX-License-Identifier: GPL-2.0-only
"""The reference implementation of the MIPS table, and the array that it replaced."""

from __future__ import annotations

from impl.linear import Linear
from impl.multilevel import QUIRKS, MultiLevel
from impl.ports.port import ReferencePort
from impl.snapshot_table import TableStepper
from model.ports.mips.layouts import PORT

PAGES = {
    "notifier-end-inclusive": "notifier-end-taken-as-inclusive",
    "dirty-mask-hull": "dirty-mask-hull",
    "no-reach-check": "addresses-beyond-the-reach",
    "pgd-init-by-eight": "root-of-four-entries-overrun",
    "pgd-init-skips-pud": "four-level-root-never-usable",
    "walk-skips-pud": "four-level-root-never-usable",
    "pgd-always-present": "four-level-root-never-usable",
    "pgd-freed-as-one-page": "root-block-half-leaked",
    "pmd-destructor-unpaired": "pmd-destructor-without-constructor",
    "pfn-truncated": "pfn-bits-without-a-place",
    "young-reads-pfn-word": "xpa-young-looks-at-pfn-bits",
    "flush-all-unlocked": "flush-all-without-lock",
}
"""The page of docs/findings that tells of each quirk."""

MIPS = ReferencePort(
    port=PORT,
    table=MultiLevel,
    stepper=TableStepper,
    quirks=tuple(QUIRKS),
    pages=PAGES,
    source="impl/multilevel/table.py",
    others={"linear": Linear},
)
