# SPDX-License-Identifier: GPL-2.0-only
"""Stories to render: shortest traces of the kernel's quirks on the built-in table."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from model.operations import Kind, Op
from model.ports import layout
from slatcheck.explain.record import record
from slatcheck.explain.story import Story
from slatcheck.explain.teller import tell
from slatcheck.judge.traces import Trace

C = Op(Kind.CREATE)


def wr(gpa: int, pfn: int = 5) -> Op:
    """Return a write fault that maps a writable page."""
    return Op(Kind.FAULT, gpa, pfn=pfn, write=True, writable=True)


#: (fingerprint, layout, quirks, operations), one for each way in which a picture can look.
CASES: dict[str, tuple[str, str, tuple[str, ...], tuple[Op, ...]]] = {
    "hull": (
        "collateral-change/kvm_arch_mmu_enable_log_dirty_pt_masked/mask-with-holes",
        "mips64-4k",
        ("dirty-mask-hull",),
        (C, wr(0x11000), Op(Kind.LOG_DIRTY_MASKED, 0x10, 0, 0b101)),
    ),
    "beyond": (
        "aliasing/kvm_mips_map_page/beyond-reach",
        "mips64-4k",
        ("no-reach-check",),
        (C, wr(1 << 40)),
    ),
    "truncated": (
        "aliasing/kvm_unmap_gfn_range/truncated",
        "mips32-16k",
        ("no-reach-check", "notifier-end-inclusive"),
        (C, wr(0), Op(Kind.UNMAP, 0x40000, 0x40001)),
    ),
    "next": (
        "collateral-change/kvm_unmap_gfn_range/next-page-mapped",
        "mips32-4k",
        ("notifier-end-inclusive",),
        (C, wr(0x2000), Op(Kind.UNMAP, 1, 2)),
    ),
    "top": (
        "stale-mapping/kvm_unmap_gfn_range/ends-at-top",
        "mips32-4k",
        ("notifier-end-inclusive",),
        (C, wr(0xFFFFF000), Op(Kind.UNMAP, 0xFFFFF, 0x100000)),
    ),
    "four": (
        "bad-access/kvm_mips_map_page/any",
        "mips64-4k-va48",
        ("pgd-init-skips-pud",),
        (C, wr(0x1000)),
    ),
    "leak": (
        "leak/kvm_mips_free_gpa_pt/pgd",
        "mips64-4k",
        ("pgd-freed-as-one-page",),
        (C, wr(0x1000), Op(Kind.DESTROY)),
    ),
    "pfn": (
        "wrong-entry/kvm_mips_map_page/pfn-does-not-fit",
        "mips32-16k-xpa",
        ("pfn-truncated",),
        (C, wr(0x4000, 0x400001)),
    ),
    "sound": (
        "stale-mapping/kvm_mips_flush_gpa_pt/any",
        "mips64-64k",
        (),
        (C, *(wr(n << 29, n) for n in range(1, 8)), Op(Kind.FLUSH, 0x2000, 0x9FFF)),
    ),
}


@cache
def trace(name: str) -> Trace:
    """Return a case as a trace."""
    fingerprint, on, quirks, ops = CASES[name]
    return Trace(fingerprint, "multilevel", layout(on), quirks, 0, ops)


@cache
def story(name: str) -> Story:
    """Return a case, run, with its story."""
    recording = record(trace(name), None, None, Path("case.json"))
    return tell(recording, "slatcheck replay case.json")
