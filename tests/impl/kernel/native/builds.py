# SPDX-License-Identifier: GPL-2.0-only
"""Native and emulated executors of real trees, and of copies with an edited mmu.c, for tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

import pytest

from impl.kernel.build import Image
from impl.kernel.emulated import EmulatedKernel
from impl.kernel.executor import CompiledKernel
from impl.kernel.native.host import emulated_only
from impl.kernel.native.kernel import NativeKernel, native_parts
from impl.kernel.native.loader import loader
from impl.kernel.native.process import USUAL, Limits
from impl.kernel.ports import bind, open_tree
from impl.kernel.ports.mips.files import MMU
from impl.kernel.toolchain import Toolchain, find
from model.layout import Layout
from model.operations import Kind, Op
from model.ports import layout
from slatcheck.search.leaf_sequences import decoder_of
from slatcheck.search.sequences import BLOCK, HEADER
from support.cache import Mode
from tests.kernels.copies import image_of

SHORT = Limits(computing=0.3, waiting=4.0)
"""For code that makes no end."""

_WHY = emulated_only(False, Toolchain((), (), "", clang=True))
needs_host = pytest.mark.skipif(bool(_WHY), reason=_WHY or "runs here")


def native_image(root: Path, one: Layout) -> Image:
    """Return the image of a layout for this host."""
    return native_parts(open_tree(root, one.port), one, False, find())[0]


def native(
    root: Path,
    one: Layout,
    limits: Limits = USUAL,
    leave_out: int = 0,
    trusted: bool = False,
    mode: Mode = Mode.USE,
) -> NativeKernel:
    """Return the tree's code in a confined process."""
    tree = open_tree(root, one.port)
    image, program = native_parts(tree, one, False, find(), mode)
    if leave_out:
        program = loader(one.bits, find(), None, leave_out=leave_out)
    return NativeKernel(image, bind(tree).missing, program, trusted, limits)


@cache
def emulated(root: Path, one: Layout) -> EmulatedKernel:
    """Return the same code in the emulator."""
    tree = open_tree(root, one.port)
    return EmulatedKernel(image_of(tree, bind(tree), one, False), bind(tree).missing)


def sequences(kernel: CompiledKernel, count: int, blocks: int = 60) -> list[list[Op]]:
    """Return sequences of what a tree has, as the search draws them."""
    source, decoder = Random(7), decoder_of(kernel.layout, kernel.capabilities.kinds)
    return [decoder.decode(source.randbytes(HEADER + BLOCK * blocks)) for _ in range(count)]


ENTRY = "bool kvm_mips_flush_gpa_pt(struct kvm *kvm, gfn_t start_gfn, gfn_t end_gfn)\n{\n"
"""Where an edited tree begins to do what it should not: at a flush."""
LAYOUTS = {64: layout("mips64-4k"), 32: layout("mips32-4k")}
FLUSH = (
    Op(Kind.CREATE),
    Op(Kind.FAULT, 0x5000, pfn=7, write=True, writable=True),
    Op(Kind.LOOKUP, 0x5000),
    Op(Kind.FLUSH, 5, 6),
    Op(Kind.LOOKUP, 0x5000),
    Op(Kind.DESTROY),
)
AT = 3
"""The index of the flush in FLUSH."""


def put(body: str, outside: str = "") -> Callable[[str], str]:
    """Return an edit that adds statements where a flush begins, and text in front of it.

    Only native code sees them, so that the emulator shows what the tree does without.
    """

    def change(text: str) -> str:
        assert ENTRY in text
        added = f"#ifdef SLAT_NATIVE\n{body}\n#endif\n"
        return text.replace(ENTRY, f"#ifdef SLAT_NATIVE\n{outside}\n#endif\n{ENTRY}{added}")

    return change


def rewritten(folder: Path, original: str, change: Callable[[str], str]) -> Path:
    """Return a tree whose mmu.c is what ``change`` makes of the original text."""
    path = folder / MMU
    path.unlink()
    path.write_text(change(original))
    return folder
