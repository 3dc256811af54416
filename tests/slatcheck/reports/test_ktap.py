# SPDX-License-Identifier: GPL-2.0-only
"""KTAP, as the kernel's own kunit.py reads it."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given

from slatcheck.document.result import Document, Gate, Verdict
from slatcheck.reports import ktap
from slatcheck.reports.cases import Case, opens, suites
from tests.slatcheck.reports.documents import WHY, decided_by, documents, gated, holding, replay
from tests.slatcheck.reports.test_reports import check, document, finding, full

_MODULES = ("kunit_parser", "kunit_printer")


@pytest.fixture(scope="module")
def parser(kernel_tree: Path) -> ModuleType:
    """Give the kunit_parser of a real tree."""
    folder = kernel_tree / "tools/testing/kunit"
    assert (folder / "kunit_parser.py").is_file(), "the tree has no kunit.py: run make kernels"
    for name in _MODULES:
        sys.modules.pop(name, None)
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module("kunit_parser")
    finally:
        sys.path.remove(str(folder))
        for name in _MODULES:
            sys.modules.pop(name, None)


def parsed(parser: ModuleType, found: Document) -> Any:
    """Return what kunit.py's parser makes of a document."""
    lines = ktap.render(found, replay).splitlines()
    with contextlib.redirect_stdout(io.StringIO()):
        return parser.parse_run_tests(lines)


def status(case: Case) -> str:
    """Return what kunit.py has to make of a case."""
    if case.verdict is Verdict.HOLDS:
        return "SUCCESS"
    return "SKIPPED" if case.accepted else "FAILURE"


def leaves(test: Any) -> list[Any]:
    return [test] if not test.subtests else [leaf for sub in test.subtests for leaf in leaves(sub)]


@given(found=documents())
def test_kunit_sees_every_check_once_with_its_verdict(parser: ModuleType, found: Document) -> None:
    test = parsed(parser, found)
    cases = [case for suite in suites(found) for case in suite.cases()]
    wanted = [status(case) for case in cases]
    counts = test.counts
    assert (counts.passed, counts.failed, counts.skipped) == tuple(
        wanted.count(one) for one in ("SUCCESS", "FAILURE", "SKIPPED")
    )
    assert (counts.crashed, counts.errors) == (0, 0)
    assert [leaf.status.name for leaf in leaves(test)] == wanted
    assert (test.status.name == "FAILURE") == (not opens(found))
    assert found.gate is not None or (test.status.name == "SUCCESS") == opens(found)


@given(found=documents())
def test_every_check_of_the_document_is_a_case_once(found: Document) -> None:
    cases = [case for suite in suites(found) for case in suite.cases()]
    told = Counter(id(case.check) for case in cases if case.check is not None)
    assert told == Counter(id(one) for one in found.checks)
    for case in cases:
        assert case.check is None or case.check.verdict is case.verdict
        assert case.check is not None or case.verdict is not Verdict.HOLDS
        assert found.gate is not None or not case.accepted
    assert any(case.counts for case in cases) == (not opens(found))


@given(found=documents())
def test_nothing_but_a_check_that_holds_is_ok(found: Document) -> None:
    text = ktap.render(found, replay)
    assert text.isprintable() or {c for c in text if not c.isprintable()} == {"\n"}
    for line in text.splitlines():
        assert re.match(r" *(KTAP version 1$|1\.\.[1-9]|# |ok \d|not ok \d)", line), line
        if re.match(r" *ok ", line):
            assert "#" not in line
        if re.match(r" *not ok ", line):
            directive = line.partition("# ")[2]
            accepted = re.match(r"SKIP accepted \(\w+\), ", directive)
            assert found.gate is not None or not accepted
            said = directive[accepted.end() :] if accepted else directive
            assert said.partition(":")[0] in {v.value for v in Verdict} - {"holds"}
            assert "#" not in directive


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not Verdict.HOLDS])
def test_what_the_gate_accepts_is_skipped_and_still_told(
    parser: ModuleType, verdict: Verdict
) -> None:
    found = gated(verdict)
    test = parsed(parser, found)
    assert (test.status.name, test.counts.passed, test.counts.skipped) == ("SUCCESS", 2, 1)
    text = ktap.render(found)
    assert f" # SKIP accepted (baseline), {verdict.value}: {WHY}\n" in text
    assert "# SKIP accepted (gate), " in text
    assert "\n# gate, against the baseline known.toml\n" in text
    assert text.endswith("\n# verdict: holds, except for what is accepted (1 check)\n")


def test_a_gate_that_no_check_shuts_is_not_ok(parser: ModuleType) -> None:
    found = holding()
    found.findings = [finding(known=False)]
    found.gate = Gate(Verdict.VIOLATED)
    assert parsed(parser, found).counts.failed == 1
    found = holding()
    found.tool["interrupted"] = True
    assert parsed(parser, found).status.name == "FAILURE"


@pytest.mark.parametrize("verdict", Verdict)
def test_the_real_program_fails_on_anything_but_holds(
    kernel_tree: Path, tmp_path: Path, verdict: Verdict
) -> None:
    file = tmp_path / "report.ktap"
    file.write_text(ktap.render(decided_by(verdict)), encoding="utf-8")
    program = kernel_tree / "tools/testing/kunit/kunit.py"
    done = subprocess.run(
        [sys.executable, str(program), "parse", str(file)], capture_output=True, text=True
    )
    holds = verdict is Verdict.HOLDS
    assert done.returncode == (0 if holds else 1), done.stdout + done.stderr
    assert ("passed: 3" if holds else "passed: 2, failed: 1") in done.stdout
    assert holds or f"{verdict.value}: {WHY}" in file.read_text()


def test_a_layout_without_checks_and_an_empty_document_are_not_ok(parser: ModuleType) -> None:
    partly = document(check("mips32-4k", Verdict.HOLDS))
    assert parsed(parser, partly).counts.failed == 2
    empty = document()
    empty.layouts = []
    assert parsed(parser, empty).counts.failed == 1
    assert parsed(parser, holding()).counts.failed == 0


def test_a_finding_is_told_whole_once() -> None:
    text = ktap.render(full(), replay)
    assert text.count("> 3. unmap [0xfffff, 0x100000)") == 1
    assert text.count("its trace is above") == 1
    assert "\n# accounting (imprecise, out of contract, known)" in text
