# SPDX-License-Identifier: GPL-2.0-only
"""A kernel source tree: recognised, versioned, and reduced to the files that are judged."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from impl.kernel.errors import TreeError

MMU = "arch/mips/kvm/mmu.c"
MIPS = "arch/mips/kvm/mips.c"
SOURCES = (
    MMU,
    MIPS,
    "arch/mips/mm/pgtable-32.c",
    "arch/mips/mm/pgtable-64.c",
    "virt/kvm/kvm_main.c",
    "include/linux/kvm_host.h",
    "include/linux/kvm_types.h",
    "include/linux/mm.h",
    "include/linux/pgtable.h",
    "include/asm-generic/pgalloc.h",
    "include/asm-generic/pgtable-nop4d.h",
    "include/asm-generic/pgtable-nopud.h",
    "include/asm-generic/pgtable-nopmd.h",
    "arch/mips/Kconfig",
    "arch/mips/include/asm/kvm_host.h",
    "arch/mips/include/asm/page.h",
    "arch/mips/include/asm/pgalloc.h",
    "arch/mips/include/asm/pgtable.h",
    "arch/mips/include/asm/pgtable-32.h",
    "arch/mips/include/asm/pgtable-64.h",
    "arch/mips/include/asm/pgtable-bits.h",
)
"""The files of a tree that are read for meaning; their content decides the verdict."""


@dataclass(frozen=True)
class Tree:
    """A recognised tree. ``version`` is VERSION.PATCHLEVEL.SUBLEVEL of its Makefile."""

    root: Path
    version: str

    def read(self, relative: str) -> bytes:
        """Return the bytes of a file of the tree. Raises TreeError where it is absent."""
        path = self.root / relative
        if not path.resolve().is_relative_to(self.root):
            raise TreeError(f"{relative} leads out of the kernel tree through a symbolic link")
        try:
            return path.read_bytes()
        except OSError as problem:
            raise TreeError(
                f"cannot read {relative} in the kernel tree: {problem.strerror}"
            ) from None

    def blob(self, relative: str) -> str:
        """Return the name that git gives to a file's content. Raises TreeError if it is absent."""
        content = self.read(relative)
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    def digest(self) -> str:
        """Return a hash of the files that are judged, in hex; absent files count as empty."""
        total = hashlib.sha256()
        for name in SOURCES:
            path = self.root / name
            total.update(name.encode() + b"\0")
            if path.is_file():
                total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()[:16]


def _version(makefile: str) -> str:
    parts = []
    for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL"):
        found = re.search(rf"^{name} = (\d+)$", makefile, re.MULTILINE)
        if not found:
            raise TreeError(
                f"the Makefile names no {name}: this is no Linux source tree; "
                "give the top folder of one"
            )
        parts.append(found[1])
    return ".".join(parts)


def open_tree(path: Path) -> Tree:
    """Return the tree at ``path``. Raises TreeError, with what to do, where it is none."""
    if not path.exists():
        raise TreeError(f"{path}: no such folder; give the top folder of a Linux source tree")
    root = path.resolve()
    makefile = root / "Makefile"
    if not root.is_dir() or not makefile.is_file() or not (root / "include").is_dir():
        raise TreeError(f"{path} is no kernel tree: give the top folder of a Linux source tree")
    version = _version(makefile.read_text(errors="replace"))
    if not (root / MMU).is_file():
        raise TreeError(
            f"{path} (Linux {version}) has no {MMU}: the tree must carry KVM for MIPS, the "
            "only architecture known so far, so at least arch/mips, include and virt/kvm"
        )
    tree = Tree(root, version)
    for name in (MIPS, "virt/kvm/kvm_main.c", "arch/mips/include/asm/pgtable.h"):
        tree.read(name)
    return tree
