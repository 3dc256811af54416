# SPDX-License-Identifier: GPL-2.0-only
"""The configuration of one layout as a kernel build would generate it, and what a tree refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from impl.kernel.features import text_of
from impl.kernel.ports import features, kernel_port, port_of
from impl.kernel.tree import Tree
from model.layout import Layout
from model.ports import byte_orders

_DEFAULT = re.compile(r"^\s+default (\d+)(?: if ([A-Z0-9_ ()&|!]+))?\s*$")
_SYMBOL = re.compile(r"\w+")
_INNER = re.compile(r"\(([^()]*)\)")
_LITERAL = re.compile(r"\s*([!\s]*)([TF])\s*$")
LONGEST = 1_000
"""Conditions are shorter by far; longer ones are not read."""


def symbols(tree: Tree, layout: Layout) -> dict[str, str]:
    """Return the symbols that are on, as ``y`` or a number, for a layout of ``tree``."""
    needed = (symbol for row in features(tree) for symbol in row.kconfig)
    return {**layout.kconfig, **dict.fromkeys(needed, "y")}


def autoconf(tree: Tree, layout: Layout, big_endian: bool) -> str:
    """Return the text of ``generated/autoconf.h`` for ``layout`` in the given byte order."""
    on = symbols(tree, layout)
    on[port_of(tree).orders[0 if big_endian else 1]] = "y"
    on["FLATMEM"] = "y"
    lines = ["/* SPDX-License-Identifier: GPL-2.0-only */"]
    for name, value in sorted(on.items()):
        lines.append(f"#define CONFIG_{name} {1 if value == 'y' else value}")
    return "\n".join(lines) + "\n"


def refusal(tree: Tree, layout: Layout) -> str:
    """Return why ``tree`` has no such layout, though others have; '' where it has.

    A tree for some cores only has their layouts only, and one whose Kconfig gives a layout another
    number of levels than the layout's name stands for has the table of another layout.
    """
    for row in features(tree):
        if not any(fnmatchcase(layout.name, pattern) for pattern in row.layouts):
            return f"this tree is for {row.name}: {row.shim}"
    if port_of(tree).levels_found:
        return ""
    levels = pgtable_levels(text_of(tree, tree.files.kconfig), symbols(tree, layout))
    if levels not in (None, layout.geometry.levels):
        return (
            f"this tree's Kconfig gives it {levels} levels and not {layout.geometry.levels}: "
            "the table is that of the layout of this page size without VA48"
        )
    return ""


def absence(trees: Mapping[str, Tree], layout: Layout) -> str:
    """Return why a tree, given as each of its ports reads it, has no such layout; '' where it has.

    It has none of an architecture whose KVM it does not carry.
    """
    if layout.port not in trees:
        return f"the tree does not carry {kernel_port(layout.port).files.title}"
    return refusal(trees[layout.port], layout)


def orders(tree: Tree, layout: Layout) -> tuple[str, ...]:
    """Return the byte orders in which ``tree`` can be built for a layout."""
    found = byte_orders(layout)
    for row in features(tree):
        found = tuple(order for order in found if order in row.orders)
    return found


def pgtable_levels(kconfig: str, on: Mapping[str, str]) -> int | None:
    """Return CONFIG_PGTABLE_LEVELS as a Kconfig file's defaults give it.

    None if it has none, or comes to one that cannot be read.
    """
    block = re.search(r"^config PGTABLE_LEVELS\n((?:[ \t].*\n|\n)*)", kconfig, re.MULTILINE)
    for line in block[1].splitlines() if block else ():
        if not line.strip().startswith("default"):
            continue
        default = _DEFAULT.match(line)
        met = _holds(default[2] or "y", on) if default else None
        if default is None or met is None:
            return None
        if met:
            return int(default[1])
    return None


def _holds(condition: str, on: Mapping[str, str]) -> bool | None:
    """Evaluate a Kconfig condition of symbols, !, &&, || and parentheses; None if it is none."""
    if len(condition) > LONGEST:
        return None
    on = {**on, "y": "y"}
    value = _SYMBOL.sub(lambda symbol: " T " if on.get(symbol[0]) == "y" else " F ", condition)
    inner = 1
    while inner:
        value, inner = _INNER.subn(lambda part: f" {_flat(part[1])} ", value)
    return {"T": True, "F": False}.get(_flat(value))


def _flat(condition: str) -> str:
    """Evaluate a condition without parentheses to T, F, or to ? where it is none."""
    known = [[_LITERAL.match(text) for text in part.split("&&")] for part in condition.split("||")]
    if not all(literal for part in known for literal in part):
        return "?"
    met = any(
        all((literal[1].count("!") % 2 == 0) == (literal[2] == "T") for literal in part if literal)
        for part in known
    )
    return "T" if met else "F"
