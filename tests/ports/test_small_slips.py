# SPDX-License-Identifier: GPL-2.0-only
"""A slip in the proof of a port, or in its C, is named: what is wrong, where, what was expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from impl.kernel.ports import bind, open_tree
from impl.kernel.toolchain import find
from model.layout import Layout
from proofs.desk import Options
from proofs.engine import FAILED, OPEN
from proofs.kernel_runner import LayoutProof, LemmaStore, Session, read_unit
from proofs.kvm.binding import Bound
from proofs.kvm.task import LemmaTask
from proofs.ports import CODES
from proofs.program import Function
from tests.ports.small import port
from tests.ports.small.port import SmallProgram

PTE = "small_drop_pte"


def edited(tree: Path, old: str, new: str) -> None:
    file = tree / port.MMU
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def proved(tree: Path, layout: Layout, *only: str) -> LayoutProof:
    found = open_tree(tree)
    unit, _ = read_unit(found, bind(found), layout, find(), True)
    return Session(unit, layout, {}, Options(), LemmaStore(None)).run(only)


def said(tree: Path, layout: Layout, title: str, verdict: str) -> str:
    """Return the reason for which no promise of a function is decided."""
    (one,) = proved(tree, layout, title).proved
    assert {clause.verdict for clause in one.proof.clauses.values()} == {verdict}
    (reason,) = {clause.reason for clause in one.proof.clauses.values()}
    return reason


class Misspelled(SmallProgram):
    """A program in which the walk has another role."""

    def functions(self) -> dict[str, Function]:
        """Return the functions by their roles."""
        found = super().functions()
        return {"look_up" if name == "lookup" else name: one for name, one in found.items()}


class Rootless(SmallProgram):
    """A program that does not say which function makes a table."""

    root = ""


@pytest.mark.parametrize(
    ("program", "title", "reason"),
    [
        (Misspelled, "small_walk", "Misspelled has no function in the role 'lookup'"),
        (Rootless, "small_create", "Rootless.root does not say what allocates the root"),
    ],
)
def test_what_a_program_lacks_is_named(
    program: type[SmallProgram],
    title: str,
    reason: str,
    tree: Path,
    small: Layout,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(CODES, port.NAME, replace(port.CODE, program=program))
    assert said(tree, small, title, FAILED) == f"LookupError: {reason}"


def test_a_clause_that_there_is_not_is_refused(
    tree: Path, small: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lemmas(layout: Layout, bound: Bound) -> list[LemmaTask]:
        first, *others = port.lemmas(layout, bound)
        return [replace(first, clauses=("init", "exakt")), *others]

    monkeypatch.setitem(CODES, port.NAME, replace(port.CODE, lemmas=lemmas))
    with pytest.raises(ValueError, match="small_create: no clause called exakt; there are exact, "):
        proved(tree, small)


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        (
            "small_walk(struct kvm *kvm, unsigned long gpa)",
            "small_walk(struct kvm *kvm, u64 gpa)",
            {
                "small_walk": "small_walk takes (struct kvm *, u64), "
                "not (struct kvm *, unsigned long)"
            },
        ),
        (
            "small_drop(struct kvm *kvm, gfn_t",
            "small_drop(struct kvm *kvm, unsigned long",
            {
                "small_drop": "small_drop takes (struct kvm *, unsigned long, gfn_t), "
                "not (struct kvm *, gfn_t, gfn_t)",
                "small_drop_pgd": "the function of a pgd is looked for from small_drop, "
                "which is not bound",
            },
        ),
        (
            "small_drop_pte(pte_t *pte, unsigned long",
            "small_drop_pte(pte_t *pte, u64",
            {
                "small_drop_pte": "small_drop_pgd calls no function of a pte, "
                "which takes (pte_t *, unsigned long, unsigned long)"
            },
        ),
    ],
)
def test_what_is_not_bound_says_what_was_expected(
    old: str, new: str, missing: Mapping[str, str], tree: Path, small: Layout
) -> None:
    edited(tree, old, new)
    found = proved(tree, small, "small_create")
    assert found.missing == {name: f"not bound: {reason}" for name, reason in missing.items()}


def test_a_variable_of_which_a_loop_keeps_nothing_is_named(tree: Path, small: Layout) -> None:
    edited(
        tree,
        "\tfor (i = min; i <= max; i++)\n\t\tif (pte[i].raw & SMALL_PRESENT)\n",
        "\tpte_t *odd = pte;\n\n"
        "\tfor (i = min; i <= max; i++, odd = i & 1 ? pte : NULL)\n"
        "\t\tif ((pte[i].raw & SMALL_PRESENT) && odd)\n",
    )
    reason = said(tree, small, PTE, OPEN)
    place = rf"{re.escape(port.MMU)}:\d+, small_drop_pte\(\)"
    wanted = rf"annotation mismatch: {place}: a loop carries odd, of which no invariant is known"
    assert re.fullmatch(wanted, reason), reason
