# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts on a kernel tree's own C: what a proof rests on, and what runs show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import slatcheck
from impl.kernel.ports import open_tree
from impl.kernel.ports.mips.files import MMU
from model.machines import BIG
from model.operations import Kind
from model.ports import layout
from proofs import engine
from proofs.desk import Options
from proofs.engine import ClauseResult, Proof
from proofs.kernel_runner import LayoutProof, Proved
from proofs.paths import MISMATCH
from slatcheck import cli
from slatcheck.document.result import Check, Finding, Location, Verdict
from slatcheck.judge.code import trees
from slatcheck.judge.code.claims import disagreements, rules_of
from slatcheck.judge.code.replays import Replays
from slatcheck.judge.code.task import KIND, CodeOutcome, CodeTask
from slatcheck.judge.code.verdicts import LayoutVerdicts
from tests.kernels.copies import edit, share

SMALL = "mips32-4k"
EXPECTED = Path(__file__).resolve().parents[2] / "kernels/expected.json"
FLUSH, UNMAP, AGE, LEAF = "flush", "unmap", "age", "leaf"


def task(folder: Path | None = None, root: Path = Path("/nowhere"), **more: Any) -> CodeTask:
    return CodeTask(root, SMALL, None, Options(), folder, **more)


def clause(
    name: str, verdict: str, reason: str = "told so", mismatch: bool = False
) -> ClauseResult:
    found = ClauseResult(name)
    if verdict != engine.HOLDS:
        found.becomes(verdict, reason, mismatch)
    return found


def proved(
    title: str,
    more: tuple[str, str] | None = None,
    *,
    uses: tuple[str, ...] = (),
    kind: Kind | None = Kind.FLUSH,
    **found: str,
) -> Proved:
    """Return what is proved of a function: verdicts by clause, ``more`` is one of them."""
    verdicts = found | ({more[0]: more[1]} if more else {})
    clauses = {name: clause(name, verdict) for name, verdict in verdicts.items()}
    return Proved(title, kind, Proof(title, clauses), uses)


def finding(mark: str, *layouts: str, contract: bool = True) -> Finding:
    """Return a finding with a fingerprint."""
    rule, entry, trigger, *_ = mark.split("/")
    return Finding(
        mark, rule, "unsafe", list(layouts or (SMALL,)), SMALL, entry, trigger, {}, "said", [],
        [], [], Location(entry), 0, "kernel", contract,
    )  # fmt: skip


class Shown:
    """Stands for runs of the compiled tree: they show some promises, by title and clause."""

    def __init__(self, marks: Mapping[tuple[str, str], str]) -> None:
        self.marks = marks
        self.findings = {mark: finding(mark) for mark in marks.values()}
        self.asked: dict[tuple[str, str], bool] = {}

    def show(self, one: Proved, clause: ClauseResult, thorough: bool) -> str | None:
        """Return what is shown of a promise; note that it was asked for."""
        self.asked[one.title, clause.name] = thorough
        return self.marks.get((one.title, clause.name))


def judge(
    *found: Proved,
    marks: Mapping[tuple[str, str], str] | None = None,
    missing: dict[str, str] | None = None,
) -> tuple[dict[str, Check], CodeOutcome, Shown]:
    """Return the checks by 'function/clause', with the outcome and what runs were asked for."""
    judged = LayoutVerdicts(
        task(), layout(SMALL), LayoutProof(SMALL, list(found), missing or {}), BIG
    )
    shown = Shown(marks or {})
    judged.replays = shown  # type: ignore[assignment]
    outcome = judged.outcome()
    return {one.id.removeprefix("c/"): one for one in outcome.checks}, outcome, shown


HOLDS, REFUTED, OPEN = engine.HOLDS, engine.REFUTED, engine.OPEN


# --- what a proof rests on -------------------------------------------------------------------


def test_what_is_proved_holds() -> None:
    checks, outcome, shown = judge(proved(FLUSH, exact=HOLDS, reach=HOLDS))
    assert {one.verdict for one in checks.values()} == {Verdict.HOLDS}
    assert (shown.asked, outcome.findings, outcome.reproved) == ({}, [], [FLUSH])


@pytest.mark.parametrize("name", ["memory", "invariant", "init"])
@pytest.mark.parametrize("verdict", [REFUTED, OPEN, engine.UNSUPPORTED, engine.VACUOUS])
def test_every_proof_rests_on_what_operations_leave_behind(name: str, verdict: str) -> None:
    checks, _, _ = judge(proved(FLUSH, (name, verdict)), proved(AGE, exact=HOLDS, reach=HOLDS))
    for one in ("age/exact", "age/reach"):
        assert checks[one].verdict is Verdict.UNKNOWN
        assert f"rests on flush/{name}" in checks[one].reason


@pytest.mark.parametrize("name", ["exact", "result", "leak"])
def test_a_proof_rests_on_the_contracts_it_uses(name: str) -> None:
    checks, _, _ = judge(
        proved(LEAF, (name, REFUTED)),
        proved(FLUSH, uses=(LEAF,), exact=HOLDS),
        proved(UNMAP, uses=(FLUSH,), exact=HOLDS),
        proved(AGE, exact=HOLDS),
    )
    assert checks["flush/exact"].verdict is Verdict.UNKNOWN
    assert checks["unmap/exact"].verdict is Verdict.UNKNOWN, "not directly, but all the same"
    assert f"rests on leaf/{name}" in checks["unmap/exact"].reason
    assert checks["age/exact"].verdict is Verdict.HOLDS, "it does not use it"


@pytest.mark.parametrize("name", ["reach", "lock", "warning", "safe", "dirty", "accounting"])
def test_a_proof_does_not_rest_on_promises_that_no_contract_makes(name: str) -> None:
    checks, _, _ = judge(proved(LEAF, (name, REFUTED)), proved(FLUSH, uses=(LEAF,), exact=HOLDS))
    assert checks["flush/exact"].verdict is Verdict.HOLDS


def test_a_promise_rests_on_the_same_promise_of_what_is_used() -> None:
    checks, _, _ = judge(
        proved(LEAF, lock=REFUTED), proved(FLUSH, uses=(LEAF,), lock=HOLDS, exact=HOLDS)
    )
    assert checks["flush/lock"].verdict is Verdict.UNKNOWN
    assert checks["flush/exact"].verdict is Verdict.HOLDS


def test_functions_that_use_one_another_are_judged_once() -> None:
    checks, _, _ = judge(
        proved(LEAF, uses=(FLUSH,), exact=HOLDS), proved(FLUSH, uses=(LEAF, FLUSH), exact=HOLDS)
    )
    assert {one.verdict for one in checks.values()} == {Verdict.HOLDS}


def test_a_missing_function_is_not_bound_and_nothing_else_holds() -> None:
    told = "not bound: there is no kvm_age_gfn"
    checks, _, _ = judge(proved(FLUSH, exact=HOLDS), missing={AGE: told})
    assert checks["age/memory"].verdict is Verdict.UNSUPPORTED
    assert checks["age/memory"].reason == told
    assert checks["flush/exact"].verdict is Verdict.UNKNOWN


# --- refutations -----------------------------------------------------------------------------

MARK = "stale-mapping/kvm_unmap_gfn_range/ends-at-top"


def test_what_a_run_shows_is_violated() -> None:
    checks, outcome, shown = judge(proved(UNMAP, exact=REFUTED), marks={(UNMAP, "exact"): MARK})
    assert checks["unmap/exact"].verdict is Verdict.VIOLATED
    assert checks["unmap/exact"].reason.startswith(f"{MARK}: ")
    assert [one.fingerprint for one in outcome.findings] == [MARK]
    assert shown.asked == {(UNMAP, "exact"): True}


def test_what_no_run_shows_is_unknown() -> None:
    checks, outcome, _ = judge(proved(UNMAP, exact=REFUTED))
    assert checks["unmap/exact"].verdict is Verdict.UNKNOWN
    assert "no run of the compiled tree shows it" in checks["unmap/exact"].reason
    assert outcome.findings == []


def test_what_no_run_shows_tells_what_the_solver_found() -> None:
    one = proved(UNMAP, exact=REFUTED)
    one.proof.clauses["exact"].values = {"start": 0x1000, "table": 1, "at frame": 7}
    checks, _, _ = judge(one)
    assert checks["unmap/exact"].reason == (
        "told so (start 0x1000, table 0x1), but no run of the compiled tree shows it"
    )
    checks, _, _ = judge(proved(FLUSH, invariant=REFUTED), one)
    assert "0x1000" not in checks["unmap/exact"].reason, "it may be of what does not hold below"


def test_a_refutation_that_rests_on_another_says_so_and_is_tried_briefly() -> None:
    checks, _, shown = judge(proved(FLUSH, invariant=REFUTED), proved(UNMAP, exact=REFUTED))
    assert "rests on flush/invariant" in checks["unmap/exact"].reason
    assert shown.asked[UNMAP, "exact"] is False
    assert shown.asked[FLUSH, "invariant"] is True


def test_a_finding_is_told_once() -> None:
    marks = {(UNMAP, "exact"): MARK, (UNMAP, "result"): MARK}
    _, outcome, _ = judge(proved(UNMAP, exact=REFUTED, result=REFUTED), marks=marks)
    assert [one.fingerprint for one in outcome.findings] == [MARK]


@pytest.mark.parametrize("mark", ["", MARK])
def test_a_mismatch_is_unknown_unless_a_run_shows_something(mark: str) -> None:
    one = proved(UNMAP)
    reason = f"{MISMATCH}: the loop of f"
    one.proof.clauses["exact"] = clause("exact", OPEN, reason, mismatch=True)
    checks, outcome, shown = judge(one, marks={(UNMAP, "exact"): mark} if mark else {})
    assert checks["unmap/exact"].verdict is (Verdict.VIOLATED if mark else Verdict.UNKNOWN)
    assert reason in checks["unmap/exact"].reason
    assert [found.fingerprint for found in outcome.findings] == ([mark] if mark else [])
    assert shown.asked == {(UNMAP, "exact"): True}


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (engine.OPEN, Verdict.UNKNOWN),
        (engine.VACUOUS, Verdict.VACUOUS),
        (engine.UNSUPPORTED, Verdict.UNSUPPORTED),
        (engine.FAILED, Verdict.ERROR),
    ],
)
def test_what_is_not_decided_is_told_and_never_run(verdict: str, expected: Verdict) -> None:
    checks, _, shown = judge(proved(UNMAP, exact=verdict))
    said = "outside the subset: told so" if verdict == engine.UNSUPPORTED else "told so"
    assert (checks["unmap/exact"].verdict, checks["unmap/exact"].reason) == (expected, said)
    assert shown.asked == {}


def test_what_is_known_already_is_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Replays, "_built", lambda self: pytest.fail("it is compiled"))
    one = proved(UNMAP, kind=Kind.UNMAP, exact=REFUTED, reach=REFUTED)
    replays = Replays(task(known={BIG: (MARK,)}), layout(SMALL), BIG)
    assert replays.show(one, one.proof.clauses["exact"], True) == MARK


@pytest.mark.parametrize(
    "mark", ["aliasing/kvm_unmap_gfn_range/truncated", "stale-mapping/kvm_age_gfn/ends-at-top"]
)
def test_another_rule_or_entry_point_shows_nothing(
    monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    monkeypatch.setattr(Replays, "_built", lambda self: None)
    one = proved(UNMAP, kind=Kind.UNMAP, exact=REFUTED)
    replays = Replays(task(known={BIG: (mark,)}), layout(SMALL), BIG)
    assert replays.show(one, one.proof.clauses["exact"], True) is None


# --- disagreements ---------------------------------------------------------------------------


def check(name: str, verdict: Verdict, where: str = SMALL) -> Check:
    """Return the check of a promise, 'function/clause'."""
    return Check(f"c/{name}", KIND, where, name.split("/")[0], verdict)


def errors(checks: list[Check], mark: str = MARK, **more: Any) -> list[Check]:
    """Return the disagreements with a finding."""
    found = disagreements(checks, [finding(mark, **more)])
    assert all(one.verdict is Verdict.ERROR and mark in one.reason for one in found)
    return found


ENTRY = "kvm_unmap_gfn_range"


def test_a_finding_where_all_is_proved_is_an_error() -> None:
    holds = [check(f"{ENTRY}/{name}", Verdict.HOLDS) for name in ("exact", "result", "memory")]
    assert len(errors(holds)) == 1


@pytest.mark.parametrize(
    "verdict", [Verdict.UNKNOWN, Verdict.VIOLATED, Verdict.UNSUPPORTED, Verdict.VACUOUS]
)
def test_a_finding_where_a_promise_is_open_is_none(verdict: Verdict) -> None:
    assert errors([check(f"{ENTRY}/exact", verdict)]) == []
    both = [check(f"{ENTRY}/exact", Verdict.HOLDS), check(f"{ENTRY}/memory", verdict)]
    assert errors(both, f"bad-access/{ENTRY}/any") == []
    assert len(errors(both)) == 1, "accesses have nothing to do with it"


@pytest.mark.parametrize(
    "checks",
    [
        [],
        [check("kvm_age_gfn/exact", Verdict.HOLDS)],
        [check(f"{ENTRY}/lock", Verdict.HOLDS)],
        [check(f"{ENTRY}/exact", Verdict.HOLDS, "mips64-4k")],
    ],
    ids=["nothing", "another function", "another rule", "another layout"],
)
def test_a_finding_of_what_is_not_proved_is_no_disagreement(checks: list[Check]) -> None:
    assert errors(checks) == []


def test_a_finding_out_of_contract_is_no_disagreement() -> None:
    holds = [check(f"{ENTRY}/exact", Verdict.HOLDS)]
    assert errors(holds, contract=False) == []


# --- the command -----------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Return status, output and errors of the command."""
    status = cli.run(["prove", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def expected_marks(tree: Path) -> set[str]:
    """Return what runs of a real tree show in the small layout."""
    known = json.loads(EXPECTED.read_text(encoding="utf-8"))[open_tree(tree).digest()]["findings"]
    return {mark for mark, names in known.items() if SMALL in names}


@pytest.mark.slow
def test_the_command_proves_a_real_tree(
    kernel_trees: Mapping[str, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tree = kernel_trees["6.12"]
    wanted = ["--kernel", str(tree), "--layout", SMALL, "--format", "json", "--jobs", "1"]
    status, out, _ = run(capsys, *wanted)
    data = json.loads(out)
    assert (status, data["verdict"]) == (1, "violated")
    schema = json.loads((Path(slatcheck.__file__).parent / "document/schema.json").read_text())
    jsonschema.validate(data, schema)
    marks = {one["fingerprint"] for one in data["findings"]}
    assert marks
    assert marks <= expected_marks(tree)
    assert {one["verdict"] for one in data["checks"]} == {"holds", "violated"}

    checks = [Check(**{**one, "verdict": Verdict(one["verdict"])}) for one in data["checks"]]
    for mark in expected_marks(tree):
        rule, entry, *_ = mark.split("/")
        mine = [one for one in checks if one.function == entry and rule in rules_of(one)]
        if rule != "geometry":
            assert Verdict.VIOLATED in {one.verdict for one in mine}, mark
    assert disagreements(checks, [finding(mark) for mark in expected_marks(tree)]) == []

    monkeypatch.setattr(trees, "prove_lemmas", lambda _: pytest.fail("it is proved again"))
    assert run(capsys, *wanted)[:2] == (status, out)


def refused(found: tuple[int, str, str], said: str) -> None:
    """Bad input is reported in one line."""
    status, out, told = found
    assert (status, out) == (2, "")
    assert told.count("\n") == 1
    assert said in told


def test_a_folder_that_is_not_there_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(run(capsys, "--kernel", str(tmp_path / "none"), "--layout", SMALL), "none")
    refused(run(capsys, "--kernel", str(tmp_path), "--layout", SMALL), str(tmp_path))


def test_a_quirk_of_the_table_is_none_of_the_tree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for more in (["--quirk", "dirty-mask-hull"], ["--all"]):
        refused(run(capsys, "--kernel", str(tmp_path), *more), "leave --kernel out")


def test_a_file_that_is_cut_off_is_bad_input(
    kernel_trees: Mapping[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    share(kernel_trees["6.12"], tmp_path / "linux")
    edit(tmp_path / "linux", MMU, lambda text: text[: text.index("kvm_mips_flush_gpa_pud")])
    refused(run(capsys, "--kernel", str(tmp_path / "linux"), "--layout", SMALL), "mmu.c")
