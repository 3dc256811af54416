# SPDX-License-Identifier: GPL-2.0-only
"""Which function of a tree carries out which operation on RISC-V: by name, in one of two files."""

from __future__ import annotations

from functools import lru_cache

from impl.kernel import generic
from impl.kernel.binding import Binding, check_whole
from impl.kernel.errors import UnsupportedError
from impl.kernel.features import defines as feature_defines
from impl.kernel.features import features
from impl.kernel.ports.riscv.features import FEATURES
from impl.kernel.ports.riscv.files import GSTAGE, MMU, PGTABLE
from impl.kernel.slices import Definition, cut, functions
from impl.kernel.tree import Tree
from model.operations import Kind
from model.ports.riscv.functions import FUNCTIONS

MACROS = {
    Kind.CREATE: "SLAT_CREATE",
    Kind.FAULT: "SLAT_MAP_FAULT",
    Kind.MAP: "SLAT_MAP_PAGE",
    Kind.LOOKUP: "SLAT_GET_LEAF",
    Kind.FLUSH: "SLAT_UNMAP_RANGE",
    Kind.MKCLEAN: "SLAT_WP_RANGE",
    Kind.IOREMAP: "SLAT_IOREMAP",
    Kind.IOUNMAP: "SLAT_IOUNMAP",
}
"""What unit.c calls the entry points whose names differ from tree to tree."""
OPTIONAL = {Kind.SPLIT: "this tree has no split"}
"""Operations that not every tree has."""
PGTABLE_SLICE = ("ptep_test_and_clear_young", "pud_offset", "p4d_offset")


def bind(tree: Tree) -> Binding:
    """Tie ``tree`` to the runner.

    Raises TreeError where a file is cut off, UnsupportedError where it lacks a function.
    """
    return _bound(tree, tree.digest())


@lru_cache(maxsize=4)
def _bound(tree: Tree, _digest: str) -> Binding:
    """Tie a tree to the runner; all layouts of one process share the work."""
    files = {MMU: functions(check_whole(tree, MMU))}
    present = features(tree, FEATURES)
    defines = feature_defines(present)
    if (tree.root / GSTAGE).is_file():
        files[GSTAGE] = functions(check_whole(tree, GSTAGE))
        defines["SLAT_GSTAGE_C"] = f'"{tree.root / GSTAGE}"'
    entries = {ours: theirs for row in present for ours, theirs in row.renames}
    missing = _missing(entries, files)
    for kind, macro in MACROS.items():
        defines[macro] = entries.setdefault(FUNCTIONS[kind], FUNCTIONS[kind])
    places = generic.places(FUNCTIONS.values(), entries, files)
    names = sorted({name for available in files.values() for name in available})
    beyond = generic.beyond(present, names)
    return Binding(defines, _slices(tree), entries, missing, places, beyond)


def _missing(entries: dict[str, str], files: dict[str, dict[str, Definition]]) -> dict[Kind, str]:
    """Return why the tree lacks an operation. Raises UnsupportedError where it must have it."""
    missing = {}
    for kind, name in FUNCTIONS.items():
        actual = entries.get(name, name)
        if any(actual in available for available in files.values()):
            continue
        if kind not in OPTIONAL:
            where = " and ".join(files)
            raise UnsupportedError(f"not bound: {where} define no function {actual}")
        missing[kind] = OPTIONAL[kind]
    return missing


def _slices(tree: Tree) -> dict[str, str]:
    """Return what is cut out of files that are not compiled whole."""
    whole = (tree.root / PGTABLE).is_file()
    return {
        **generic.slices(tree, ("is_sigpending_pfn",)),
        "pgtable_slice.h": cut(tree.read(PGTABLE), PGTABLE, PGTABLE_SLICE, False) if whole else "",
        "mm_slice.h": "",
    }
