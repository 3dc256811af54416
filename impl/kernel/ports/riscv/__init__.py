# SPDX-License-Identifier: GPL-2.0-only
"""The kernel code of KVM for RISC-V: how it is found, bound, compiled and run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from impl.kernel.port import KernelPort
from impl.kernel.ports.riscv.binding import bind
from impl.kernel.ports.riscv.code import RiscvCode
from impl.kernel.ports.riscv.features import FEATURES
from impl.kernel.ports.riscv.files import FILES
from impl.kernel.ports.riscv.processor import RiscvProcessor
from model.layout import Layout


def _variant(layout: Layout, _software: Mapping[str, bool]) -> Layout:
    return layout


def _beside(_layout: Layout) -> tuple[tuple[str, str], ...]:
    # gstage.c, where a tree has it, is included after mmu.c: not every tree could be linked to it.
    return ()


def _target(slot: int) -> int | None:
    """Return the address of the table that a slot links; it is a leaf where R, W or X is set."""
    return None if slot & 0xE else slot >> 10 << 12


RISCV = KernelPort(
    files=FILES,
    bind=bind,
    features=FEATURES,
    variant=_variant,
    code=RiscvCode(),
    processor=RiscvProcessor(),
    folder=Path(__file__).resolve().parent,
    beside=_beside,
    slices=("kvm_main_slice.h",),
    levels_found=True,
    target=_target,
    # A cache is topped up to 32 pages, and a mapping of devices has one of its own.
    arena_pages=4096,
)
