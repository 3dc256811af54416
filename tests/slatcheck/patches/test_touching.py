# SPDX-License-Identifier: GPL-2.0-only
"""Which changes of a tree can matter, held against what compiling it really read."""

from __future__ import annotations

from pathlib import Path

import pytest

from impl.kernel.build import build
from impl.kernel.ports import bind, open_tree
from impl.kernel.ports.mips.files import FILES, SOURCES
from impl.kernel.toolchain import find
from model.ports import layout
from slatcheck.patches.touching import matters, those_that_matter


def test_every_file_that_is_read_for_meaning_matters(tmp_path: Path) -> None:
    assert all(matters(tmp_path, [one]) for one in SOURCES)


def test_headers_are_looked_for_in_the_folders_that_are_watched() -> None:
    assert all(
        f"{one}/".startswith(tuple(f"{name}/" for name in FILES.headers)) for one in FILES.includes
    )


@pytest.mark.parametrize("name", ["mips32-16k-xpa", "mips64-4k-va48", "mips64-64k-huge"])
def test_every_file_that_was_compiled_matters(kernel_tree: Path, name: str) -> None:
    tree = open_tree(kernel_tree)
    read = build(tree, bind(tree), layout(name), True, find(None)).files
    paths = [str(one.relative_to(tree.root)) for one in read]
    assert len(paths) > 10
    assert those_that_matter(tree.root, paths) == set(paths)


@pytest.mark.parametrize(
    "path",
    [
        "MAINTAINERS",
        "drivers/net/tun.c",
        "arch/mips/kvm/vz.c",
        "arch/mips/kvm/Kconfig",
        "include/linux/skbuff.h",
        "include/net/sock.h",
        "arch/mips/include/asm/mach-loongson64/irq.h",
        "arch/mips/kvm/mmu.c.orig",
        "",
    ],
)
def test_what_nothing_reads_does_not_matter(kernel_tree: Path, path: str) -> None:
    assert not matters(kernel_tree, [path])
    assert matters(kernel_tree, [path, "arch/mips/kvm/mmu.c"])


def test_a_header_that_would_be_found_first_matters(kernel_tree: Path) -> None:
    assert not (kernel_tree / "arch/mips/include/linux/pfn.h").exists()
    assert matters(kernel_tree, ["arch/mips/include/linux/pfn.h"])
