# SPDX-License-Identifier: GPL-2.0-only
"""The command 'prove': theorems, verdicts, refutations that were replayed, bad input."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest

from impl.multilevel.quirks import QUIRKS, quirk
from model.ports import layout
from model.ports.mips.layouts import PORT
from proofs import engine, runner
from proofs.desk import Options
from proofs.engine import ClauseResult, Proof
from proofs.ports import TABLES
from proofs.ports.mips.quirks import refuted_by
from proofs.theorems import CLAUSES, theorems
from slatcheck import cli
from slatcheck.document.result import Check, Document, Verdict
from slatcheck.errors import InputError
from slatcheck.judge import prove
from slatcheck.progress import Progress

SMALL = "mips32-64k"


def quiet(_: Progress) -> None:
    """Take no notice of progress."""


def document(*quirks: str, each_quirk: bool = False) -> Document:
    return prove.prove(prove.ProofRequest((layout(SMALL),), quirks, each_quirk), quiet)


def test_every_theorem_is_in_the_document_and_holds() -> None:
    found = document()
    assert found.verdict is Verdict.HOLDS
    ids = [one.id for one in found.checks if one.layout == SMALL]
    assert ids == [one.id for one in theorems(layout(SMALL))]
    assert len(set(ids)) == len(ids)
    assert all("z3 " in one.solver for one in found.checks)
    maps = {one.id for one in found.checks if one.layout == ""}
    assert {"map/flushed/32", "map/flushed/64", "map/linear/64"} <= maps
    assert any(one.startswith("map/widths/mips32-4k/") for one in maps)


def test_certificates_are_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path))
    asked = ["prove", "--layout", SMALL, "--certify", "0.05", "--format", "json"]
    assert cli.run(asked) == 0
    found = json.loads(capsys.readouterr().out)
    some = sum(check["certified"] for check in found["checks"])
    cases = sum(check["cases"] for check in found["checks"])
    assert 0 < some < cases / 2
    assert [n for n in found["notes"] if n.startswith(f"certified: {some:,} of {cases:,} obl")]
    # Nothing is kept of it, and what is kept never takes its place.
    assert list(tmp_path.rglob("*.json")) == []


def test_progress_says_what_was_proved() -> None:
    told: list[Progress] = []
    tasks = list(runner.tasks_of(layout(SMALL)))
    done = prove._done_reporter(told.append, {"as asked for": tasks})
    for count, task in enumerate([runner.ProofTask(runner.MAP), *tasks], 1):
        done(task, count, 3)
    assert [step.layout for step in told] == [
        "theorems of the map", "as asked for, the proved table", "as asked for, its entries",
    ]  # fmt: skip


def test_certificates_need_a_sat_solver(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert cli.run(["prove", "--layout", SMALL, "--certify", "0.1"]) == 2
    assert "install slatcheck[certify]" in capsys.readouterr().err


def test_clauses_are_described_and_named_by_rules_that_exist() -> None:
    from model.rules import rule

    for statement, rules in CLAUSES.values():
        assert statement
        assert all(rule(name) for name in rules)


def test_a_quirk_is_refuted_by_a_finding_that_was_replayed(tmp_path: Path) -> None:
    found = document("notifier-end-inclusive")
    assert found.verdict is Verdict.VIOLATED
    violated = {one.function for one in found.checks if one.verdict is Verdict.VIOLATED}
    assert violated == {"kvm_unmap_gfn_range", "kvm_age_gfn"}
    assert {one.rule for one in found.findings} >= {"collateral-change"}
    others = [one for one in found.checks if one.layout and one.function not in violated]
    assert all(one.verdict is Verdict.UNKNOWN for one in others), "they count only together"
    assert "counts only together" in others[0].reason


def quirk_check_of(found: Document, name: str) -> list[Check]:
    return [one for one in found.checks if one.id.startswith(f"quirk/{name}/")]


def test_each_quirk_refutes_just_what_it_should() -> None:
    found = document(each_quirk=True)
    assert found.verdict is Verdict.HOLDS, [c for c in found.checks if c.verdict.value != "holds"]
    for one in QUIRKS:
        checks = {check.id for check in quirk_check_of(found, one.name)}
        for wanted in refuted_by(one, layout(SMALL)):
            assert f"quirk/{one.name}/{wanted}" in checks


def test_quirks_are_asked_for_where_the_whole_proof_is_swift() -> None:
    request = prove.ProofRequest((layout("riscv64-sv48x4"),), each_quirk=True, long=True)
    assert prove._quirk_checks(request, {}, {}, runner.ProofStore(None), lambda *_: None) == []


def test_a_note_says_which_tables_are_left_out() -> None:
    bare = replace(layout(SMALL), port="bare", name="bare")
    named = [layout(SMALL), bare, layout("riscv64-sv48x4"), layout("riscv64-sv57x4")]
    never, later = prove.notes_of_unproved_tables(named)
    assert never == "not proved: the built-in table in bare"
    deep = "riscv64-sv48x4, riscv64-sv57x4"
    assert later.startswith(f"not proved: the built-in table in {deep}: it takes")
    assert prove.notes_of_unproved_tables(named, long=True) == [never]
    assert prove.notes_of_unproved_tables(named[:1]) == []


DEEP = ("riscv64-sv48x4", "riscv64-sv57x4")


@pytest.mark.parametrize(
    ("arguments", "judged", "mentioned"),
    [
        ([], 26, DEEP),
        (["--all"], 42, DEEP),
        (["--long"], 28, ()),
        (["--layout", "riscv64-*"], 3, ()),
        (["--layout", DEEP[0], "--long"], 1, ()),
    ],
)
def test_what_takes_long_is_judged_where_it_is_named(
    arguments: list[str],
    judged: int,
    mentioned: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is named and not proved is vacuous; of what nobody named a note says so."""
    asked: list[prove.ProofRequest] = []

    def begun(request: prove.ProofRequest, _: object) -> Document:
        asked.append(request)
        raise InputError("that is enough")

    monkeypatch.setattr(prove, "prove", begun)
    assert cli.run(["prove", *arguments]) == 2
    (request,) = asked
    assert len(request.layouts) == judged
    assert tuple(layout.name for layout in request.later) == mentioned
    assert not {*request.later} & {*request.layouts}


def test_a_quirk_that_refutes_something_else_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    none = replace(TABLES[PORT], refuted_by=lambda quirk, where: frozenset())
    monkeypatch.setitem(TABLES, PORT, none)
    found = document(each_quirk=True)
    assert found.verdict is Verdict.ERROR
    assert any("against what is expected" in one.reason for one in found.checks)


def test_a_failure_that_no_theorem_names_is_an_error() -> None:
    astray = ClauseResult("somewhere else")
    astray.becomes(engine.REFUTED, "told so")
    proof = Proof(
        "slot_index", {one: ClauseResult(one) for one in ("exact", "reach")} | {"x": astray}
    )
    where, request = layout(SMALL), prove.ProofRequest((layout(SMALL),))
    checks = prove.quirk_checks(where, quirk("pgd-init-skips-pud"), [proof], request)
    assert [one.verdict for one in checks] == [Verdict.HOLDS, Verdict.HOLDS, Verdict.ERROR]
    assert "no theorem names" in checks[-1].reason


def test_a_refutation_that_does_not_replay_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove, "refute", lambda *_: [])
    found = document("dirty-mask-hull")
    assert found.verdict is Verdict.UNKNOWN
    assert any("no run of the table shows it" in one.reason for one in found.checks)


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (engine.OPEN, Verdict.UNKNOWN),
        (engine.VACUOUS, Verdict.VACUOUS),
        (engine.UNSUPPORTED, Verdict.UNSUPPORTED),
        (engine.FAILED, Verdict.ERROR),
    ],
)
def test_what_is_not_proved_never_passes(
    monkeypatch: pytest.MonkeyPatch, verdict: str, expected: Verdict
) -> None:
    def run(tasks: list[runner.ProofTask], *_: object) -> dict[runner.ProofTask, list[Proof]]:
        return {task: [spoilt(task, one) for one in names(task)] for task in tasks}

    def names(task: runner.ProofTask) -> list[str]:
        if task.scope == runner.MAP:
            return ["flushed/32"]
        found = theorems(layout(SMALL))
        return list(dict.fromkeys(one.lemma for one in found))

    def spoilt(task: runner.ProofTask, name: str) -> Proof:
        wanted = [one for one in theorems(layout(SMALL)) if one.lemma == name]
        clauses = {one.clause: ClauseResult(one.clause) for one in wanted} or {
            "map": ClauseResult("map")
        }
        if name == "kvm_pgd_alloc":
            clauses["init"].becomes(verdict, "told so")
        return Proof(name, clauses)

    monkeypatch.setattr(runner, "run", run)
    found = document()
    spoilt_check = next(one for one in found.checks if one.id == "multilevel/kvm_pgd_alloc/init")
    assert spoilt_check.verdict is expected
    assert found.verdict is not Verdict.HOLDS
    assert not any(one.verdict is Verdict.HOLDS for one in found.checks if one.layout)


def test_unchanged_proofs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = runner.ProofStore(tmp_path)
    task = runner.ProofTask("entry", SMALL)
    told: list[int] = []
    first = runner.run([task], Options(), 1, store, lambda *_: told.append(1))
    monkeypatch.setattr(runner, "carry_out", lambda *_: pytest.fail("it is proved again"))
    assert runner.run([task], Options(), 1, store, lambda *_: told.append(1)) == first
    key = runner.key_of(task, Options())
    assert key != runner.key_of(task, Options(("cvc5",)))
    assert key != runner.key_of(runner.ProofTask("entry", SMALL, ("pfn-truncated",)), Options())
    (tmp_path / f"{key}.json").write_text("{", encoding="utf-8")
    assert store.load(key) is None


def test_what_was_not_decided_is_not_kept(tmp_path: Path) -> None:
    store = runner.ProofStore(tmp_path)
    open_clause = ClauseResult("exact")
    open_clause.becomes(engine.OPEN, "gave up")
    store.save("key", [Proof("lemma", {"exact": open_clause})])
    assert store.load("key") is None


def test_document_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["prove", "--layout", SMALL, "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["verdict"] == "holds"
    assert {one["kind"] for one in data["checks"]} == {"proof-model"}


def test_obligations_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "smt2"
    assert cli.run(["prove", "--layout", SMALL, "--emit-smt2", str(folder)]) == 0
    files = list(folder.rglob("*.smt2"))
    assert len(files) > 100
    import z3

    for file in files[:5]:
        solver = z3.Solver()
        solver.from_string(file.read_text(encoding="utf-8"))
        assert solver.check() == z3.unsat


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--solver", "z4"], "unknown solver 'z4'"),
        (["--layout", "mips32-4kk"], "unknown layout"),
        (["--quirk", "nothing"], "unknown quirk"),
        (["--emit-smt2", "/proc/nowhere"], "cannot make"),
        (["--layout", "riscv64-sv48x4"], "'slatcheck prove --long' does it; there is nothing"),
        (["--long", "--kernel", "somewhere"], "leave --kernel out"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["prove", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1
