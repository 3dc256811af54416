# SPDX-License-Identifier: GPL-2.0-only
"""Edits that preserve the behaviour of the C neither add nor change a fingerprint."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from impl.kernel.ports.mips.files import MIPS, MMU
from impl.kernel.slices import functions
from slatcheck.search.unit import Unit, search
from tests.kernels.copies import edit, share

LAYOUTS = ("mips32-4k", "mips64-4k")
BUDGET = 4_000


def renamed(*names: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        for name in names:
            assert re.search(rf"\b{name}\b", text), name
            text = re.sub(rf"\b{name}\b", f"{name}_renamed", text)
        return text

    return change


def moved_to_the_end(name: str) -> Callable[[str], str]:
    """Return a change that leaves a declaration of a function where it was defined."""

    def change(text: str) -> str:
        body = functions(text.encode())[name].text
        declaration = body[: body.index("{")].strip() + ";"
        return text.replace(body, declaration, 1) + "\n" + body + "\n"

    return change


def with_comments(text: str) -> str:
    """Add lines in front of every function, which moves all line numbers."""
    note = "/*\n * A comment\n * of some lines.\n */\n"
    begins = r"^(?=(static|bool|int|void|pgd_t)\b[^;\\\n]*$)"
    changed, count = re.subn(begins, note, text, flags=re.MULTILINE)
    assert count > 20
    return note + changed


EDITS: dict[str, list[tuple[str, Callable[[str], str]]]] = {
    "renamed": [
        (MMU, renamed("kvm_mips_walk_pgd", "kvm_mips_flush_gpa_pmd")),
        (MMU, renamed("kvm_mips_pte_for_gpa", "kvm_mips_mkold_gpa_pt", "kvm_mips_map_page")),
        (MIPS, renamed("kvm_mips_free_gpa_pt")),
    ],
    "moved": [
        (MMU, moved_to_the_end("kvm_mips_walk_pgd")),
        (MMU, moved_to_the_end("kvm_pgd_init")),
        (MIPS, moved_to_the_end("kvm_mips_free_gpa_pt")),
    ],
    "commented": [(MMU, with_comments), (MIPS, with_comments)],
}


def shown(tree: Path) -> frozenset[tuple[str, str]]:
    """Return the fingerprints of each layout."""
    pairs = set()
    for name in LAYOUTS:
        report = search(Unit(name, True, tree, None, (), 0, BUDGET))
        assert report.failure is None
        assert not report.campaign.limits
        pairs |= {(mark, name) for mark in report.campaign.hits}
    return frozenset(pairs)


@cache
def shown_unchanged(tree: Path) -> frozenset[tuple[str, str]]:
    return shown(tree)


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITS)
def test_preserving_edit_changes_nothing(kernel_tree: Path, name: str, tmp_path: Path) -> None:
    share(kernel_tree, tmp_path)
    for file, change in EDITS[name]:
        edit(tmp_path, file, change)
    assert shown_unchanged(kernel_tree)
    assert shown(tmp_path) == shown_unchanged(kernel_tree)
