# SPDX-License-Identifier: GPL-2.0-only
"""What is put together as one cause, and what is not, on documents made for it."""

from __future__ import annotations

import json
import random
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from model.operations import Kind
from model.ports.mips.functions import FUNCTIONS
from slatcheck import cli
from slatcheck.document import causes
from slatcheck.document.causes import cause_id, causes_of
from slatcheck.document.evidence import BROKEN, LONGER, WRAPPED
from slatcheck.document.identity import Fingerprint
from slatcheck.document.reading import read
from slatcheck.document.result import Cause, Document, Finding, Location
from slatcheck.errors import InputError
from slatcheck.judge import traces
from slatcheck.reports import forms
from slatcheck.reports import json as json_report
from tests.mips import layouts, permitted_layouts
from tests.slatcheck.reports.documents import documents
from tests.slatcheck.reports.test_reports import NAMES, document, finding, full

CREATE, MAP, FAST = (FUNCTIONS[kind] for kind in (Kind.CREATE, Kind.FAULT, Kind.FAULT_FAST))
FLUSH, UNMAP, AGE = (FUNCTIONS[kind] for kind in (Kind.FLUSH, Kind.UNMAP, Kind.AGE))
SLOT, COMMIT, DESTROY = (
    FUNCTIONS[kind] for kind in (Kind.FLUSH_SLOT, Kind.COMMIT_REGION, Kind.DESTROY)
)
WALK = "kvm_mips_walk_pgd"


def shown(rule: str, entry: str, trigger: str = "any", **changes: Any) -> Finding:
    base = finding(
        fingerprint=str(Fingerprint(rule, entry, trigger)), rule=rule, entry=entry, trigger=trigger,
        location=Location(entry, "arch/mips/kvm/mmu.c", 100), summary=f"{entry}: it is wrong",
        layouts=list(NAMES), related=[],
    )  # fmt: skip
    return replace(base, **changes)


def derived(*found: Finding) -> tuple[Cause, ...]:
    return causes_of(found, permitted_layouts())


def together(*found: Finding) -> bool:
    return len(derived(*found)) == 1


def at(function: str, line: int = 7) -> Location:
    return Location(function, "arch/mips/kvm/mmu.c", line)


def test_a_table_that_is_not_the_models_comes_before_what_may_follow_from_it() -> None:
    found = [
        shown("stale-mapping", FLUSH),
        shown("geometry", CREATE, severity="imprecise"),
        shown("wrong-entry", MAP),
    ]
    first, *others = derived(*found)
    assert first.findings == (found[1].fingerprint,)
    assert first.title.endswith("; what else is found may follow from that")
    assert [cause.severity for cause in others] == ["unsafe", "unsafe"]


# What is one


def test_addresses_cut_to_the_reach_are_one_missing_check() -> None:
    found = [
        shown("aliasing", FLUSH, "beyond-reach", as_if=WRAPPED, layouts=["mips64-4k"]),
        shown("aliasing", FLUSH, "truncated", as_if=WRAPPED, layouts=["mips32-4k"]),
        shown("aliasing", MAP, "beyond-reach", as_if=WRAPPED),
    ]
    (cause,) = derived(*found)
    assert cause.id == causes.REACH
    assert cause.layouts == ("mips32-4k", "mips32-16k", "mips64-4k")
    assert "2 entry points" not in cause.title
    assert f"{MAP}()" in cause.title and f"{FLUSH}()" in cause.title


def test_both_edges_of_a_notifiers_end_are_one() -> None:
    found = [
        shown("stale-mapping", UNMAP, "ends-at-top", as_if=LONGER),
        shown("collateral-change", UNMAP, "next-page-mapped", as_if=LONGER, severity="imprecise"),
        shown("stale-mapping", AGE, "ends-at-top", as_if=LONGER),
        shown("collateral-change", AGE, "next-page-mapped", as_if=LONGER, severity="imprecise"),
    ]
    (cause,) = derived(*found)
    assert (cause.id, cause.severity) == (causes.NOTIFIER_END, "unsafe")
    assert cause.findings[0] == found[0].fingerprint, "what keeps a page comes first"
    assert "last page" in cause.title


def test_a_caller_that_only_hands_on_belongs_to_what_it_calls() -> None:
    below = shown("stale-mapping", FLUSH)
    callers = [
        shown("stale-mapping", entry, handed_on=below.fingerprint) for entry in (UNMAP, SLOT)
    ]
    (cause,) = derived(*callers, below)
    assert cause.id == cause_id(below.fingerprint)
    assert cause.findings[0] == below.fingerprint
    (without,) = derived(*callers)
    assert without.id == cause.id, "the id does not hang on what a search came across"


def test_what_uses_a_table_that_was_broken_at_creation_belongs_to_the_creation() -> None:
    created = shown("uninitialised", CREATE, step=0, layouts=["mips64-4k"])
    used = [
        shown("bad-access", entry, as_if=BROKEN, step=1, layouts=["mips64-4k"])
        for entry in (MAP, FLUSH, UNMAP)
    ]
    (cause,) = derived(*used, created)
    assert cause.findings[0] == created.fingerprint
    assert f"{MAP}()" in cause.title and f"{UNMAP}()" in cause.title


def test_what_fails_on_every_new_table_is_one_even_if_the_table_looks_right() -> None:
    used = [
        shown("bad-access", entry, as_if=BROKEN, step=1) for entry in (MAP, FLUSH, AGE, DESTROY)
    ]
    (cause,) = derived(*used)
    assert cause.id == "new-table.bad-access"
    assert "4 entry points" in cause.title
    assert len(derived(*used, shown("runaway", MAP, as_if=BROKEN, step=1))) == 2
    assert len(derived(*(replace(one, step=2) for one in used))) == 4


def test_one_line_of_a_function_below_is_one_place() -> None:
    place = at("kvm_mips_flush_gpa_pmd")
    found = [
        shown("double-free", FLUSH, location=place),
        shown("double-free", FLUSH, "whole-range", location=place),
        shown("double-free", DESTROY, location=place),
    ]
    (cause,) = derived(*found)
    assert cause.id == cause_id(found[0].fingerprint)


# What is not


def test_nothing_is_tied_by_its_rule_its_function_or_its_operands_alone() -> None:
    found = [
        shown("stale-mapping", FLUSH),
        shown("stale-mapping", FLUSH, "whole-range"),
        shown("collateral-change", FLUSH),
        shown("stale-mapping", UNMAP),
        shown("stale-mapping", AGE, "ends-at-top"),
        shown("stale-mapping", UNMAP, "ends-at-top"),
        shown("aliasing", FLUSH, "beyond-reach"),
        shown("aliasing", MAP, "beyond-reach"),
    ]
    assert len(derived(*found)) == len(found)


@pytest.mark.parametrize(
    "changes",
    [
        {"location": at("kvm_mips_flush_gpa_pmd", 8)},
        {"location": at("kvm_mips_flush_gpa_pud")},
        {"summary": f"{DESTROY}: it is wrong in another way"},
        {"layouts": ["mips32-4k"], "implementation": "multilevel"},
        {"contract": False},
    ],
)
def test_another_place_or_another_mishap_is_another_cause(changes: dict[str, Any]) -> None:
    place = at("kvm_mips_flush_gpa_pmd")
    first = shown("double-free", FLUSH, location=place)
    other = replace(shown("double-free", DESTROY, location=place), **changes)
    assert not together(first, other)
    assert not together(first, replace(other, rule="wild-free", **changes))


def test_a_place_in_the_entry_point_itself_ties_nothing() -> None:
    place = at(FLUSH)
    found = shown("bad-access", FLUSH, location=place), shown("bad-access", UNMAP, location=place)
    assert not together(*found)


def test_a_line_that_somebody_reaches_without_a_lock_is_not_to_blame() -> None:
    place = at("kvm_mips_flush_gpa_pmd")
    found = [shown("unlocked-access", entry, "mmu_lock", location=place) for entry in (SLOT, UNMAP)]
    assert not together(*found)
    assert together(*(replace(one, rule="leak") for one in found))


def test_two_ways_to_one_line_are_two_causes() -> None:
    place = at(WALK)
    assert not together(
        shown("bad-access", MAP, location=place), shown("bad-access", UNMAP, location=place)
    )


def test_where_the_presumed_cause_does_not_show_there_is_another() -> None:
    below = shown("stale-mapping", FLUSH, layouts=["mips32-4k"])
    caller = shown("stale-mapping", UNMAP, handed_on=below.fingerprint)
    assert not together(below, caller)
    created = shown("uninitialised", CREATE, step=0, layouts=["mips32-4k"])
    assert not together(created, shown("bad-access", FLUSH, as_if=BROKEN, step=1))


@pytest.mark.parametrize("changes", [{"step": 2}, {"as_if": ""}, {"contract": False}])
def test_what_fails_later_or_alone_does_not_come_from_the_creation(
    changes: dict[str, Any],
) -> None:
    created = shown("uninitialised", CREATE, step=0)
    used = shown("bad-access", FLUSH, as_if=BROKEN, step=1)
    assert together(created, used)
    assert not together(created, replace(used, **changes))


def test_of_two_broken_creations_neither_is_made_responsible() -> None:
    created = [shown(name, CREATE, step=0) for name in ("uninitialised", "out-of-bounds")]
    used = shown("bad-access", FLUSH, as_if=BROKEN, step=1)
    assert len(derived(*created, used)) == 3


def test_slots_that_end_late_are_not_the_notifiers_nor_each_others() -> None:
    edge = ("collateral-change", "next-page-mapped")
    found = [shown(edge[0], entry, edge[1], as_if=LONGER) for entry in (SLOT, COMMIT, UNMAP)]
    assert len(derived(*found)) == 3
    top = shown("stale-mapping", SLOT, "ends-at-top", as_if=LONGER)
    assert together(found[0], top)


def test_a_kernel_and_the_built_in_table_share_no_cause() -> None:
    found = [
        shown("aliasing", FLUSH, "beyond-reach", as_if=WRAPPED),
        shown("aliasing", MAP, "beyond-reach", as_if=WRAPPED, implementation="multilevel"),
    ]
    assert {cause.id for cause in derived(*found)} == {
        causes.REACH,
        causes.REACH + causes.BUILT_IN,
    }


# Order, names and forms


def test_the_worst_comes_first() -> None:
    few = shown("leak", DESTROY, layouts=["mips64-4k"])
    many = shown("wrong-entry", MAP)
    mild = shown("accounting", MAP, severity="imprecise")
    nobody = shown("leak", FLUSH, layouts=["mips32-4k-xpa"])
    dead = shown("out-of-bounds", CREATE, step=0, layouts=["mips32-64k"], location=at("init"))
    known = shown("stale-mapping", FLUSH, known=True)
    beyond = shown("bad-access", FLUSH, contract=False)
    wanted = [many, few, dead, nobody, known, beyond, mild]
    assert not {one.name: one for one in layouts()}["mips32-4k-xpa"].permitted
    found = derived(*random.Random(0).sample(wanted, len(wanted)))
    assert [cause.findings[0] for cause in found] == [one.fingerprint for one in wanted]


@given(found=documents())
def test_every_finding_has_one_cause_whatever_the_document(found: Document) -> None:
    marks = [mark for cause in found.causes for mark in cause.findings]
    assert sorted(marks) == sorted({one.fingerprint for one in found.findings}) or len(
        {one.fingerprint for one in found.findings}
    ) < len(found.findings)
    ids = [cause.id for cause in found.causes]
    assert len(set(ids)) == len(ids)
    for cause in found.causes:
        assert shlex.quote(cause.id) == cause.id and re.fullmatch(r"[\w.-]+", cause.id)
    turned = replace(found, findings=found.findings[::-1])
    if len({one.fingerprint for one in found.findings}) == len(found.findings):
        assert set(turned.causes) == set(found.causes)


def members(found: Sequence[Cause]) -> list[tuple[str, ...]]:
    return [cause.findings for cause in found]


def test_a_report_that_is_read_back_has_the_same_causes(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(json_report.render(full()))
    assert read(file).causes == full().causes
    data = json.loads(file.read_text())
    assert [cause["findings"] for cause in data["causes"]] == [
        list(marks) for marks in members(full().causes)
    ]
    data["causes"].pop()
    file.write_text(json.dumps(data))
    with pytest.raises(InputError, match="its causes are not those of its findings"):
        read(file)


@pytest.mark.parametrize("name", ["text", "html", "json", "junit", "sarif"])
def test_a_form_tells_the_causes_before_the_findings(name: str) -> None:
    text = forms.render(name, full(), None)
    cause = full().causes[0]
    assert cause.id in text
    detail = {"junit": "<testcase", "sarif": '"results"', "json": '"findings": [\n  {'}
    rest = text.partition(detail.get(name, full().findings[0].fingerprint))
    assert cause.id in rest[0], f"{name} opens with something else"


def test_a_cause_stands_for_the_finding_that_shows_it_best(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(json_report.render(full()))
    cause = full().causes[1]
    assert traces.load(file, cause=cause.id).fingerprint == cause.findings[0]
    for wrong in ({"cause": "none"}, {"cause": cause.id, "fingerprint": cause.findings[0]}):
        with pytest.raises(InputError):
            traces.load(file, **wrong)
    bare = document()
    file.write_text(json.dumps(bare.to_json() | {"causes": [{"id": "x", "findings": []}]}))
    with pytest.raises(InputError, match="damaged"):
        traces.load(file, cause="x")


def test_a_cause_is_run_shown_and_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, written = str(tmp_path / "report.json"), tmp_path / "test_it.py"
    quirks = ["--quirk", "notifier-end-inclusive", "--quirk", "no-reach-check"]
    quirks += ["--evidence", "differential", "--max-ops", "900"]
    json_form = ["--format", "json", "--output", report, "--jobs", "1"]
    assert cli.run(["check", "--layout", "mips64-4k", *quirks, *json_form]) == 1
    assert causes.NOTIFIER_END in [cause.id for cause in read(Path(report)).causes]
    picked = [report, "--cause", causes.NOTIFIER_END]
    assert cli.run(["replay", *picked]) == 1
    assert causes.NOTIFIER_END in capsys.readouterr().out, "what is run again has the same cause"
    assert cli.run(["explain", *picked]) == 1
    assert "step 3 of 3" in capsys.readouterr().out
    assert cli.run(["export", *picked, "--as", "pytest", "-o", str(written)]) == 0
    assert "ends-at-top" in written.read_text() or "next-page-mapped" in written.read_text()
    assert cli.run(["replay", *picked, "--finding", "x"]) == 2
    assert cli.run(["replay", report, "--cause", "x"]) == 2
