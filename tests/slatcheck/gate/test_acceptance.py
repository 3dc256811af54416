# SPDX-License-Identifier: GPL-2.0-only
"""What a gate accepts: known findings and what rests on them, and never anything else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.ports import layout
from slatcheck.document.result import Check, Document, Finding, Location, Verdict
from slatcheck.gate.acceptance import accept, was_judged
from slatcheck.gate.baseline import NOTHING, Baseline, Entry

ONE, OTHER = "mips32-4k", "mips64-4k"
MARK = "stale-mapping/kvm_unmap_gfn_range/ends-at-top"
MILD = "collateral-change/kvm_unmap_gfn_range/next-page-mapped"


def finding(mark: str, *layouts: str, **more: Any) -> Finding:
    rule, entry, trigger = mark.split("/")
    severity = "imprecise" if mark == MILD else "unsafe"
    found = Finding(
        mark, rule, severity, list(layouts), layouts[0], entry, trigger, {}, "", [], [], [],
        Location(entry), 0, "kernel",
    )  # fmt: skip
    return replace(found, **more)


def check(name: str, verdict: Verdict, on: str = ONE, **more: Any) -> Check:
    return replace(Check(name, "proof-c", on, "f", verdict), **more)


def document(
    checks: list[Check], *findings: Finding, layouts: tuple[str, ...] = (ONE,)
) -> Document:
    tool = {"name": "slatcheck", "version": "0", "evidence": ["differential", "proof"]}
    return Document(
        tool, {"version": "6.12"}, [layout(one) for one in layouts], checks, [*findings]
    )


def decided(found: Document) -> Verdict:
    """Return what decides the exit status."""
    return found.decides


def baseline(**known: tuple[str, ...]) -> Baseline:
    found = Baseline("6.12", (ONE, OTHER), ("differential", "proof"), name="file")
    marks = {"stale": MARK, "mild": MILD}
    for name, layouts in known.items():
        found.known[marks[name]] = Entry(marks[name], layouts)
    return found


HELD = check("c/g/memory", Verdict.HOLDS)
BROKEN = check("c/f/exact", Verdict.VIOLATED, finding=MARK)


def test_a_known_finding_fails_nothing_and_stays_what_it_is() -> None:
    found = document([HELD, BROKEN], finding(MARK, ONE))
    accept(found, baseline(stale=(ONE,)))
    assert found.gate is not None and found.gate.verdict is Verdict.HOLDS
    assert decided(found) is Verdict.HOLDS
    assert found.verdict == Verdict.VIOLATED
    assert [one.accepted for one in found.checks] == ["", "baseline"]
    assert found.findings[0].known
    assert found.gate.new == []


def test_a_finding_known_elsewhere_is_new_here() -> None:
    found = document([HELD, BROKEN], finding(MARK, ONE))
    accept(found, baseline(stale=(OTHER,)))
    assert decided(found) is Verdict.VIOLATED
    assert found.gate is not None and found.gate.new == [MARK]
    both = [BROKEN, replace(BROKEN, layout=OTHER)]
    found = document(both, finding(MARK, ONE, OTHER), layouts=(ONE, OTHER))
    accept(found, baseline(stale=(OTHER,)))
    assert decided(found) is Verdict.VIOLATED
    assert (found.findings[0].known, found.findings[0].known_on) == (False, [OTHER])


def test_a_second_finding_of_the_same_check_is_not_hidden_by_the_first() -> None:
    another = "stale-mapping/kvm_unmap_gfn_range/any"
    found = document([HELD, BROKEN], finding(MARK, ONE), finding(another, ONE))
    accept(found, baseline(stale=(ONE,)))
    assert decided(found) is Verdict.VIOLATED
    assert found.gate is not None and found.gate.new == [another]


def test_a_violation_without_a_finding_is_never_accepted() -> None:
    found = document([replace(BROKEN, finding="")], finding(MARK, ONE))
    accept(found, baseline(stale=(ONE,)))
    assert decided(found) is Verdict.VIOLATED


def test_what_rests_on_a_known_finding_is_accepted_also_at_second_hand() -> None:
    second = check("c/g/exact", Verdict.UNKNOWN, rests_on="c/f/exact")
    third = check("c/h/exact", Verdict.UNKNOWN, rests_on="c/g/exact")
    found = document([BROKEN, second, third], finding(MARK, ONE))
    accept(found, baseline(stale=(ONE,)))
    assert decided(found) is Verdict.HOLDS
    accept(found, NOTHING)
    assert decided(found) is Verdict.VIOLATED
    assert not any(one.accepted for one in found.checks)


@pytest.mark.parametrize(
    "rests_on", ["", "c/nowhere/exact", "c/g/exact", "c/g/memory"], ids=str
)  # fmt: skip
def test_what_rests_on_nothing_known_stays_open(rests_on: str) -> None:
    lost = check("c/g/exact", Verdict.UNKNOWN, rests_on=rests_on)
    found = document([HELD, BROKEN, lost], finding(MARK, ONE))
    accept(found, baseline(stale=(ONE,)))
    assert decided(found) is Verdict.UNKNOWN


def test_what_rests_on_another_layout_stays_open() -> None:
    lost = check("c/g/exact", Verdict.UNKNOWN, OTHER, rests_on="c/f/exact")
    found = document([BROKEN, lost], finding(MARK, ONE), layouts=(ONE, OTHER))
    accept(found, baseline(stale=(ONE, OTHER)))
    assert decided(found) is Verdict.UNKNOWN


def test_an_error_is_never_accepted() -> None:
    failed = check("c/g/exact", Verdict.ERROR, rests_on="c/f/exact")
    found = document([BROKEN, failed], finding(MARK, ONE))
    accept(found, baseline(stale=(ONE,)))
    assert decided(found) is Verdict.ERROR


def test_a_layout_without_checks_is_never_a_pass() -> None:
    found = document([HELD, BROKEN], finding(MARK, ONE), layouts=(ONE, OTHER))
    accept(found, baseline(stale=(ONE,)))
    assert decided(found) is Verdict.VACUOUS


def test_only_the_severity_that_was_asked_for_fails() -> None:
    mild = replace(BROKEN, finding=MILD)
    found = document([HELD, mild], finding(MILD, ONE))
    accept(found, NOTHING, "unsafe")
    assert decided(found) is Verdict.HOLDS
    assert found.checks[1].accepted == "severity"
    accept(found, NOTHING, "imprecise")
    assert decided(found) is Verdict.VIOLATED
    found = document([HELD, BROKEN, mild], finding(MARK, ONE), finding(MILD, ONE))
    accept(found, NOTHING, "unsafe")
    assert decided(found) is Verdict.VIOLATED


def test_what_is_out_of_contract_fails_nothing() -> None:
    found = document([HELD], finding(MARK, ONE, contract=False))
    accept(found, NOTHING)
    assert decided(found) is Verdict.HOLDS


def test_what_was_looked_for_in_vain_is_gone() -> None:
    known = baseline(stale=(ONE, OTHER), mild=(OTHER,))
    found = document([HELD])
    accept(found, known)
    assert found.gate is not None and found.gate.gone == {MARK: [ONE]}
    found.tool["evidence"] = ["differential"]
    accept(found, known)
    assert found.gate is not None and found.gate.gone == {}


@pytest.mark.parametrize(
    "spoilt",
    [
        check("kernel/build/geometry", Verdict.UNSUPPORTED),
        check("c/f/exact", Verdict.ERROR),
        check("c/f/exact", Verdict.HOLDS, OTHER),
    ],
)
def test_what_was_not_judged_is_not_gone(spoilt: Check) -> None:
    found = document([spoilt])
    assert not was_judged(found, ONE)
    accept(found, baseline(stale=(ONE,)))
    assert found.gate is not None and found.gate.gone == {}


def test_what_was_interrupted_is_not_gone() -> None:
    found = document([HELD])
    found.tool["interrupted"] = True
    accept(found, baseline(stale=(ONE,)))
    assert found.gate is not None and found.gate.gone == {}


VERDICTS = st.sampled_from(list(Verdict))


@given(
    st.lists(st.tuples(VERDICTS, st.sampled_from(["", MARK, MILD]), st.integers(0, 5)), max_size=6),
    st.sampled_from([(), (ONE,)]),
    st.sampled_from(["unsafe", "imprecise"]),
)
def test_a_gate_passes_only_what_is_excused(
    drawn: list[tuple[Verdict, str, int]], layouts: tuple[str, ...], fail_on: str
) -> None:
    """Whatever the checks and however they rest on each other, also in circles."""
    checks = [
        check(f"c/f{number}/exact", verdict, finding=mark, rests_on=f"c/f{rests}/exact")
        for number, (verdict, mark, rests) in enumerate(drawn)
    ]
    found = document(checks, finding(MARK, ONE), finding(MILD, ONE))
    accept(found, baseline(stale=layouts), fail_on)
    excused = {MARK} if layouts else set()
    excused |= {MILD} if fail_on == "unsafe" else set()
    for one in found.checks:
        if one.verdict in (Verdict.HOLDS, Verdict.ERROR):
            assert not one.accepted
        if one.verdict is Verdict.VIOLATED:
            assert bool(one.accepted) == (one.finding in excused)
    if decided(found) is Verdict.HOLDS:
        assert excused == {MARK, MILD}
        assert all(one.accepted or one.verdict is Verdict.HOLDS for one in found.checks)
        assert found.checks
