# SPDX-License-Identifier: GPL-2.0-only
"""The kernel code of KVM for MIPS: how it is found, bound, compiled and run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from impl.kernel.port import KernelPort
from impl.kernel.ports.mips.binding import bind
from impl.kernel.ports.mips.code import MipsCode
from impl.kernel.ports.mips.features import FEATURES
from impl.kernel.ports.mips.files import FILES
from impl.kernel.ports.mips.processor import MipsProcessor
from model.layout import Layout
from model.ports.mips.layouts import SoftwareBits, with_bits


def _variant(layout: Layout, software: Mapping[str, bool]) -> Layout:
    return with_bits(layout, SoftwareBits(**software))


def _beside(layout: Layout) -> tuple[tuple[str, str], ...]:
    return (("pgtable", f"arch/mips/mm/pgtable-{layout.bits}.c"),)


MIPS = KernelPort(
    files=FILES,
    bind=bind,
    features=FEATURES,
    variant=_variant,
    code=MipsCode(),
    processor=MipsProcessor(),
    folder=Path(__file__).resolve().parent,
    beside=_beside,
    slices=("mips_slice.h", "kvm_main_slice.h"),
)
