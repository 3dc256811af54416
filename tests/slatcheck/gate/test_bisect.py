# SPDX-License-Identifier: GPL-2.0-only
"""Answers for 'git bisect run': a tree is good only where somebody looked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slatcheck.document.result import Check, Document, Verdict
from slatcheck.gate.acceptance import accept
from slatcheck.gate.bisect import ABORT, BAD, GOOD, NEW, SKIP, answer, status
from tests.slatcheck.gate.test_acceptance import MARK, MILD, ONE, OTHER, baseline, document, finding

ASKED = Check(
    "kernel/kvm_unmap_gfn_range/stale-mapping",
    "differential",
    ONE,
    "kvm_unmap_gfn_range",
    Verdict.HOLDS,
)
BUILD = Check("kernel/build/geometry", "differential", ONE, "", Verdict.UNKNOWN, "a ring is full")
PROOF = Check("c/kvm_unmap_gfn_range/exact", "proof-c", ONE, "kvm_unmap_gfn_range", Verdict.HOLDS)


def test_where_it_is_found_it_is_bad() -> None:
    shown = replace(ASKED, verdict=Verdict.VIOLATED, finding=MARK)
    assert answer(document([shown], finding(MARK, ONE)), MARK) == (BAD, f"bad: {MARK}")


@pytest.mark.parametrize("verdict", [Verdict.HOLDS, Verdict.VIOLATED])
def test_where_it_was_looked_for_in_vain_it_is_good(verdict: Verdict) -> None:
    """Another finding of the same check says that the check was made."""
    told, _ = answer(document([replace(ASKED, verdict=verdict)], finding(MILD, ONE)), MARK)
    assert told == GOOD


@pytest.mark.parametrize(
    "checks",
    [
        [],
        [PROOF],
        [replace(ASKED, function="kvm_age_gfn")],
        [replace(ASKED, verdict=Verdict.VACUOUS)],
        [replace(ASKED, verdict=Verdict.UNSUPPORTED)],
        [replace(ASKED, verdict=Verdict.ERROR)],
        [BUILD],
        [ASKED, replace(BUILD, layout=OTHER)],
        [ASKED, replace(BUILD, layout=OTHER, verdict=Verdict.UNSUPPORTED)],
        [ASKED, replace(ASKED, layout=OTHER, verdict=Verdict.UNKNOWN)],
    ],
)
def test_where_nobody_looked_it_is_skipped(checks: list[Check]) -> None:
    assert answer(document(checks, layouts=(ONE, OTHER)), MARK)[0] == SKIP


def test_a_layout_where_nothing_can_run_does_not_hide_the_others() -> None:
    both = [ASKED, replace(ASKED, layout=OTHER, verdict=Verdict.VACUOUS)]
    assert answer(document(both, layouts=(ONE, OTHER)), MARK)[0] == GOOD


def gate(*checks: Check) -> Document:
    found = document(list(checks), finding(MARK, ONE))
    accept(found, baseline(stale=(ONE,)))
    return found


KNOWN = replace(ASKED, verdict=Verdict.VIOLATED, finding=MARK)


def test_only_an_open_gate_has_nothing_new() -> None:
    assert answer(gate(KNOWN, PROOF), NEW) == (GOOD, "good: nothing new")
    for verdict in (Verdict.UNKNOWN, Verdict.VACUOUS, Verdict.UNSUPPORTED, Verdict.ERROR):
        told = replace(PROOF, verdict=verdict, reason="lost")
        assert answer(gate(KNOWN, told), NEW) == (SKIP, f"skip: lost ({ONE})")
    assert answer(gate(), NEW)[0] == SKIP


def test_what_is_new_is_bad() -> None:
    found = document([KNOWN], finding(MARK, ONE), finding(MILD, ONE))
    accept(found, baseline(stale=(ONE,)))
    assert answer(found, NEW) == (BAD, f"bad: {MILD}")


def test_an_interrupt_stops_git() -> None:
    found = document([ASKED])
    found.tool["interrupted"] = True
    assert answer(found, MARK)[0] == ABORT


@pytest.mark.parametrize(("usual", "told"), [(0, 0), (1, 1), (125, 125), (130, 130)])
def test_an_answer_stays_what_it_is(usual: int, told: int) -> None:
    assert status(usual) == told


@pytest.mark.parametrize("usual", [2, 3, 4])
def test_what_is_no_answer_stops_git(usual: int) -> None:
    assert status(usual) == ABORT
