# SPDX-License-Identifier: GPL-2.0-only
"""Running an exported C file on a tree, what it then says, and whether it shows its finding."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from impl.kernel.build import Image
from model.layout import Layout
from model.machines import BIG, LITTLE
from model.ports import byte_orders, layouts
from slatcheck.display.words import find_layout
from slatcheck.document.result import Verdict
from slatcheck.errors import InputError
from slatcheck.export import program
from slatcheck.export.program import Form, Ran
from slatcheck.names import close, split

_MARK = re.compile(r"^ \* slatcheck-run: (c|kunit) ([a-z0-9-]{1,40}(?::[bl]e)?)$", re.MULTILINE)
MOST_TEXT = 1 << 20
"""Bytes that an exported file may have."""


@dataclass(frozen=True)
class Exported:
    """A C file that was exported: its text, its form, the layout and byte order it is about."""

    text: str
    form: Form
    layout: Layout
    byte_order: str


def read(path: Path) -> Exported:
    """Return an exported C file. Raises InputError for any other file."""
    try:
        if path.stat().st_size > MOST_TEXT:
            raise InputError(f"{path} is too large for an exported file")
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise InputError(f"cannot read {path}: {problem.strerror}") from None
    except ValueError:
        raise InputError(f"{path} is no text in UTF-8") from None
    marks = _MARK.findall(text)
    if len(marks) != 1:
        raise InputError(
            f"{path} has no line 'slatcheck-run: FORM LAYOUT': "
            "give a file of 'slatcheck export --as c' or '--as kunit'"
        )
    form, name = marks[0]
    return Exported(text, Form(form), *named(name))


def usual(layout: Layout) -> str:
    """Return the byte order that is not told: big-endian where a layout can be."""
    orders = byte_orders(layout)
    return BIG if BIG in orders else orders[0]


def called(layout: Layout, byte_order: str) -> str:
    """Return what an exported file calls a layout; the usual byte order is not told."""
    told = {BIG: "be", LITTLE: "le"}[byte_order]
    return layout.name if byte_order == usual(layout) else f"{layout.name}:{told}"


def named(text: str) -> tuple[Layout, str]:
    """Return a layout and a byte order, the usual one where none is told.

    Raises InputError where there is none of this name.
    """
    name, order = split(text)
    layout = find_layout(name)
    if layout is None:
        near = close(name, [known.name for known in layouts()])
        raise InputError(f"unknown layout '{name}'{near or '; see slatcheck layouts'}")
    return layout, order or usual(layout)


def build(exported: Exported, tree: Path, cc: str | None, checked: bool = True) -> Image:
    """Build an exported file against a tree, as ``program.build`` does."""
    big = exported.byte_order == BIG
    return program.build(exported.text, exported.form, tree, exported.layout, cc, big, checked)


def run(image: Image) -> tuple[Verdict, Ran]:
    """Run a built file; holds and violated are what it says itself, all else is unknown."""
    ran = program.run(image)
    if ran.status is None:
        return (Verdict.VIOLATED if ran.at_finding else Verdict.UNKNOWN), ran
    return {0: Verdict.HOLDS, 1: Verdict.VIOLATED}.get(ran.status, Verdict.UNKNOWN), ran


def require_shown(exported: Exported, fingerprint: str, tree: Path, cc: str | None) -> None:
    """Raise InputError where a file does not show its finding on the tree it was found in."""
    verdict, ran = run(build(exported, tree, cc))
    if verdict is not Verdict.VIOLATED:
        said = ran.fault or _last(ran.output)
        raise InputError(
            f"{fingerprint} cannot be exported --as {exported.form.value}: run on the tree, the "
            f"file does not show it ({said}); export it --as pytest"
        )


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["it says nothing"])[-1].strip()
