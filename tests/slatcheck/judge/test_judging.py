# SPDX-License-Identifier: GPL-2.0-only
"""The gate: one document whatever the number of jobs, and a verdict that never flatters."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.operations import Kind, Op
from model.ports import layout, port_of
from model.ports.mips.functions import FUNCTIONS
from slatcheck.document import reading
from slatcheck.document.result import (
    EXIT,
    Check,
    Document,
    Verdict,
    answers,
    severity_of,
    worst,
)
from slatcheck.judge import judging, prove
from slatcheck.judge.code.trees import Ahead
from slatcheck.judge.findings import merge
from slatcheck.judge.judging import Request, check, checks_of
from slatcheck.progress import Progress
from slatcheck.reports import json
from slatcheck.search import unit
from slatcheck.search.campaign import Campaign, Hit
from slatcheck.search.differential import Symptom
from slatcheck.search.unit import Report, Unit
from support.cache import Mode
from tests.processes import interruptible, until

CHEAP = (layout("mips32-4k"), layout("mips32-64k"))
SMALL = Request(CHEAP, max_ops=1_500, jobs=1)
QUIRKY = replace(SMALL, quirks=("dirty-mask-hull", "pgd-init-by-eight"))


def run(request: Request) -> Document:
    return check(request, lambda progress: None)


def timeless(document: Document) -> dict[str, Any]:
    data = document.to_json()
    data["checks"] = [one | {"seconds": 0} for one in data["checks"]]
    return data


def test_findings_do_not_depend_on_the_number_of_jobs() -> None:
    alone, together = run(QUIRKY), run(replace(QUIRKY, jobs=2))
    assert [asdict(one) for one in alone.findings] == [asdict(one) for one in together.findings]
    assert timeless(alone) == timeless(together)
    assert alone.verdict is Verdict.VIOLATED


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_new_finding_is_told_before_its_layout_is_done(jobs: int) -> None:
    told: list[Progress] = []
    request = replace(QUIRKY, jobs=jobs, is_known=lambda mark, where: "masked" in mark)
    document = check(request, told.append)
    new = [mark for step in told for mark in step.new]
    marks = {one.fingerprint for one in document.findings}
    assert set(new) == {mark for mark in marks if "masked" not in mark} and new
    assert len(new) == len(set(new))
    # With everything done it would be reported with the last layout, at the earliest.
    assert all(step.done < 2 for step in told if step.new)
    assert told[-1].findings == len(marks)


def test_a_finding_that_does_not_show_again_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Progress] = []
    monkeypatch.setattr(unit, "_shows", lambda *_: False)
    document = check(replace(QUIRKY, is_known=lambda *_: False), told.append)
    assert not any(step.new for step in told if step.done == 0)
    assert told[0].done == 1
    assert document.verdict is Verdict.ERROR


def test_findings_of_the_search_are_counted_while_proofs_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def carry_out(_: object, report: Callable[[Progress], None]) -> prove.ProofOutcome:
        report(Progress(1, 1, "a table", 0))
        return prove.ProofOutcome([], [])

    monkeypatch.setattr(prove, "carry_out", carry_out)
    told: list[Progress] = []
    document = check(replace(QUIRKY, evidence=frozenset({"differential", "proof"})), told.append)
    assert told[-1] == Progress(1, 1, "a table", len(document.findings)) and document.findings


@pytest.mark.parametrize("evidence", ["differential", "contract"])
def test_contracts_are_begun_once_when_somebody_may_be_idle(
    monkeypatch: pytest.MonkeyPatch, evidence: str
) -> None:
    """After the first layout is searched, not after the last; without a search at once."""
    order: list[str] = []

    def begun(*_: object) -> Callable[[], list[Check]]:
        order.append("begun")
        return waited_for

    def waited_for() -> list[Check]:
        order.append("waited for")
        return [Check("pure/f/contract", "contract", "", "f", Verdict.HOLDS)]

    monkeypatch.setattr(judging, "begin", begun)
    wanted = frozenset({"contract", evidence})
    found = check(replace(SMALL, evidence=wanted), lambda step: order.append(step.layout))
    searched = [one.name for one in CHEAP] if evidence == "differential" else []
    assert order == ["begun", *searched, "waited for"]
    assert [one.id for one in found.checks if one.kind == "contract"] == ["pure/f/contract"]


def judged(document: Document) -> object:
    """Return what is said, but for the words: the counterexample of a proof is any that fits."""
    return answers(document.checks), {finding.fingerprint for finding in document.findings}


@pytest.mark.slow
def test_the_c_of_one_layout_is_proved_while_it_is_searched(
    kernel_trees: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path))
    evidence = frozenset({"differential", "proof"})
    one = replace(SMALL, layouts=CHEAP[:1], kernel=kernel_trees["6.12"], evidence=evidence)
    alone = judged(run(replace(one, cache=Mode.OFF)))
    begun: list[object] = []
    begin_lemmas = prove.begin_lemmas

    def noted(request: prove.ProofRequest) -> Ahead:
        begun.append(request)
        return begin_lemmas(request)

    monkeypatch.setattr(prove, "begin_lemmas", noted)
    together = replace(one, jobs=2)
    assert judged(run(together)) == alone
    assert len(begun) == 1
    # Where there is nothing to be searched nobody proves anything either.
    assert judged(run(together)) == alone
    assert len(begun) == 1
    run(replace(together, layouts=CHEAP, evidence=frozenset({"differential"})))
    run(replace(together, seed=1, evidence=frozenset({"differential"})))
    assert len(begun) == 1


def test_the_repaired_table_holds_wherever_something_ran() -> None:
    told: list[Progress] = []
    document = check(replace(SMALL, max_ops=4_000), told.append)
    assert document.findings == [] and document.verdict is Verdict.HOLDS
    wanted = {
        (one.name, f"multilevel/{function}/{rule.name}")
        for one in CHEAP
        for kind, function in FUNCTIONS.items()
        for rule in port_of(one).rules(kind)
        if rule.name != "geometry"  # nothing was compared, so nothing may be said to hold
    }
    assert {(one.layout, one.id) for one in document.checks} == wanted
    assert len(document.checks) == len(wanted)
    assert [(one.done, one.total, one.findings) for one in told] == [(1, 2, 0), (2, 2, 0)]
    assert [one.layout for one in told] == [one.name for one in CHEAP]


def test_a_finding_is_shown_once_with_every_layout_that_has_it() -> None:
    document = run(replace(SMALL, max_ops=4_000, quirks=("dirty-mask-hull",)))
    marks = [one.fingerprint for one in document.findings]
    assert len(marks) == len(set(marks))
    function = "kvm_arch_mmu_enable_log_dirty_pt_masked"
    hull = next(one for one in document.findings if one.rule == "collateral-change")
    assert hull.fingerprint == f"collateral-change/{function}/mask-with-holes"
    assert hull.layouts == ["mips32-4k", "mips32-64k"]
    assert hull.quirks == ["dirty-mask-hull"] and hull.severity == "imprecise"
    violated = {one.reason for one in document.checks if one.verdict is Verdict.VIOLATED}
    assert violated == set(marks)


def test_unsafe_findings_come_first_and_only_where_the_quirk_bites() -> None:
    document = run(QUIRKY)
    (root,) = [one for one in document.findings if one.rule == "out-of-bounds"]
    assert (root.layouts, root.shown_on) == (["mips32-64k"], "mips32-64k")
    assert [one.severity == "imprecise" for one in document.findings] == sorted(
        one.severity == "imprecise" for one in document.findings
    )


def test_another_seed_is_told_and_the_same_seed_finds_the_same() -> None:
    seeded = replace(QUIRKY, seed=7)
    first = run(seeded)
    assert first.tool["seed"] == 7
    assert timeless(first) == timeless(run(seeded))


VERDICTS = st.lists(st.sampled_from(Verdict))
SEVERE = [
    Verdict.HOLDS,
    Verdict.VACUOUS,
    Verdict.UNSUPPORTED,
    Verdict.UNKNOWN,
    Verdict.VIOLATED,
    Verdict.ERROR,
]


@given(VERDICTS)
def test_the_worst_verdict_decides(verdicts: list[Verdict]) -> None:
    decided = worst(verdicts)
    if not verdicts:
        assert decided is Verdict.VACUOUS
        return
    assert decided is max(verdicts, key=SEVERE.index)
    codes = {EXIT[one] for one in verdicts}
    assert EXIT[decided] == next(code for code in (4, 1, 3, 0) if code in codes)


@given(VERDICTS, VERDICTS)
def test_more_verdicts_never_make_it_better(some: list[Verdict], more: list[Verdict]) -> None:
    if some:
        assert SEVERE.index(worst(some + more)) >= SEVERE.index(worst(some))


def test_only_holds_is_a_pass() -> None:
    assert {one: EXIT[one] for one in Verdict} == {
        Verdict.HOLDS: 0,
        Verdict.VIOLATED: 1,
        Verdict.UNKNOWN: 3,
        Verdict.VACUOUS: 3,
        Verdict.UNSUPPORTED: 3,
        Verdict.ERROR: 4,
    }


def document(verdicts: dict[str, Verdict]) -> Document:
    checks = [Check("x/y/z", "differential", name, "y", v) for name, v in verdicts.items()]
    return Document({}, None, list(CHEAP), checks, [])


def test_a_layout_without_checks_is_vacuous() -> None:
    holds = Verdict.HOLDS
    assert document({}).verdict is Verdict.VACUOUS
    assert document({"mips32-4k": holds}).verdict is Verdict.VACUOUS
    assert document({"mips32-4k": holds, "mips32-64k": holds}).verdict is holds
    assert document({"mips32-4k": Verdict.VIOLATED}).verdict is Verdict.VIOLATED


UNIT = Unit("mips32-4k", True, None, None, (), 0, None)


def test_nothing_run_is_vacuous_and_never_a_pass() -> None:
    checks = checks_of(Report(UNIT, "multilevel"))
    assert {one.verdict for one in checks} == {Verdict.VACUOUS}
    assert all(one.reason for one in checks)


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.UNSUPPORTED])
def test_what_cannot_be_searched_is_one_check_with_its_reason(verdict: Verdict) -> None:
    (one,) = checks_of(Report(UNIT, "kernel", failure=(verdict, "because")))
    assert (one.verdict, one.reason, one.layout) == (verdict, "because", "mips32-4k")


def test_a_finding_that_does_not_replay_is_an_error() -> None:
    campaign = Campaign(limits=["it did not show again"])
    checks = checks_of(Report(UNIT, "multilevel", campaign))
    assert {one.verdict for one in checks} == {Verdict.ERROR}


def test_merging_keeps_the_shortest_trace() -> None:
    symptom = Symptom("leak", "kvm_mips_free_gpa_pt", "pgd", 0, False)
    create = Op(Kind.CREATE)
    reports = []
    for name, length in (("mips32-4k", 3), ("mips32-64k", 2), ("mips32-16k", 2)):
        campaign = Campaign(hits={symptom.fingerprint: Hit(symptom, [create] * length)})
        reports.append(Report(replace(UNIT, layout=name), "multilevel", campaign))
    (found,) = merge(reports, 0)
    assert (found.shown_on, len(found.trace)) == ("mips32-64k", 2)
    assert found.layouts == ["mips32-4k", "mips32-64k", "mips32-16k"]


def test_out_of_contract_findings_do_not_violate_a_check() -> None:
    symptom = Symptom("bad-access", "kvm_pgd_alloc", "any", 0, True, contract=False)
    campaign = Campaign(hits={symptom.fingerprint: Hit(symptom, [])})
    checks = checks_of(Report(UNIT, "multilevel", campaign))
    assert Verdict.VIOLATED not in {one.verdict for one in checks}


def test_severity_is_the_rule_s_unless_the_symptom_is_imprecise() -> None:
    assert severity_of("stale-mapping") == "unsafe"
    assert severity_of("collateral-change") == "imprecise"
    assert severity_of("wrong-result") == "unsafe"
    assert severity_of("wrong-result", True) == "imprecise"


# Ctrl-C


def group_of(leader: int) -> list[int]:
    """Return the processes of a process group that are still there."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if folder.name.isdigit() and int(fields[2]) == leader and fields[0] != "Z":
                found.append(int(folder.name))
        except (OSError, IndexError):
            continue
    return found


@pytest.mark.parametrize("to_all", [False, True], ids=["to it alone", "as a terminal does"])
def test_an_interrupt_leaves_a_report_and_no_process(tmp_path: Path, to_all: bool) -> None:
    report = tmp_path / "r.json"
    options = ["--max-ops", "100000000", "--jobs", "2", "--format", "json", "--output", str(report)]
    command = interruptible("check", *options)
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, process_group=0
    ) as began:
        try:
            # The program itself, two workers, and what keeps track of what they share.
            assert until(lambda: len(group_of(began.pid)) >= 4)
            time.sleep(1)
            (os.killpg if to_all else os.kill)(began.pid, signal.SIGINT)
            _, said = began.communicate(timeout=60)
            assert began.returncode == 130
            assert until(lambda: not group_of(began.pid))
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(began.pid, signal.SIGKILL)
    assert "Traceback" not in said
    assert "interrupted; the report has what was found until then" in said
    document = reading.read(report)
    assert document.tool["interrupted"]
    assert document.verdict is Verdict.UNKNOWN


def cut_after(items: int) -> Any:
    """Return what spreads work, until Ctrl-C after so many items."""

    def spread(
        function: Any, work: Sequence[Any], jobs: int, known: Any, told: Any
    ) -> Iterator[tuple[int, Any]]:
        for number, one in enumerate(work):
            if number == items:
                raise KeyboardInterrupt
            yield number, function(one)

    return spread


@pytest.mark.parametrize("items", [0, 1])
def test_what_was_found_before_an_interrupt_is_told(
    monkeypatch: pytest.MonkeyPatch, items: int
) -> None:
    monkeypatch.setattr(judging, "spread", cut_after(items))
    chosen = tuple(layout(name) for name in ("mips32-4k", "mips64-4k"))
    request = judging.Request(chosen, max_ops=2000, quirks=("dirty-mask-hull",), jobs=1)
    document = judging.check(request, lambda step: None)
    assert document.tool["interrupted"]
    assert [one.layouts for one in document.findings[:1]] == [["mips32-4k"]] * items
    assert document.verdict is (Verdict.VIOLATED if items else Verdict.UNKNOWN)
    for one in chosen:
        (cut,) = [c for c in document.checks if c.layout == one.name and "interrupted" in c.id]
        assert cut.verdict is Verdict.UNKNOWN
    json.render(document)


@pytest.mark.parametrize("kind", [Kind.LOOKUP, Kind.FLUSH])
def test_no_finding_is_without_a_check_that_is_violated(kind: Kind) -> None:
    """The catalogue does not foresee that a look-up changes entries; the verdict says so still."""
    symptom = Symptom("collateral-change", FUNCTIONS[kind], "any", 1, True)
    unit = Unit(CHEAP[0].name, True, None, None, (), 0, None)
    campaign = Campaign(hits={symptom.fingerprint: Hit(symptom, [Op(Kind.CREATE), Op(kind)])})
    violated = [one for one in checks_of(Report(unit, "multilevel", campaign)) if one.finding]
    assert [(one.id, one.verdict, one.finding) for one in violated] == [
        (
            f"multilevel/{FUNCTIONS[kind]}/collateral-change",
            Verdict.VIOLATED,
            symptom.fingerprint,
        )
    ]
