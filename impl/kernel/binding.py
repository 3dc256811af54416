# SPDX-License-Identifier: GPL-2.0-only
"""How a tree is tied to the runner: what every port's binder returns."""

from __future__ import annotations

from dataclasses import dataclass, field

from impl.kernel.errors import TreeError
from impl.kernel.lines import cut_off
from impl.kernel.tree import Tree
from model.operations import Kind


@dataclass(frozen=True)
class Binding:
    """How a tree is tied to the runner.

    ``defines`` are macros for the compiler, ``slices`` files to be written beside the shim,
    ``entries`` the tree's own name of each entry point, ``missing`` why an operation has none,
    ``places`` the file and line (1-based) at which each entry point that is not missing is defined.
    ``beyond`` are functions that only some trees have and that no operation reaches, each with the
    reason.
    """

    defines: dict[str, str]
    slices: dict[str, str]
    entries: dict[str, str]
    missing: dict[Kind, str] = field(default_factory=dict)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    beyond: dict[str, str] = field(default_factory=dict)


def check_whole(tree: Tree, name: str) -> bytes:
    """Return a file of the tree. Raises TreeError where it is cut off."""
    source = tree.read(name)
    line = cut_off(source.decode(errors="replace"))
    if line is not None:
        raise TreeError(f"{name} ends in the middle of something (line {line}): is it cut off?")
    return source
