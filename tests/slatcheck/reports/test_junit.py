# SPDX-License-Identifier: GPL-2.0-only
"""JUnit XML: fits its schema, and says of every check what it is."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

# xmlschema: validates XML against an XSD, which nothing in Python's library does.
import xmlschema
from hypothesis import given

from slatcheck.document.result import Document, Verdict
from slatcheck.reports import junit
from slatcheck.reports.cases import opens, suites
from tests.slatcheck.reports.documents import WHY, decided_by, documents, gated, holding, replay
from tests.slatcheck.reports.test_reports import check, document, full

SCHEMA = xmlschema.XMLSchema(str(Path(__file__).with_name("junit.xsd")))
_RESULTS = {"failure", "error", "skipped"}


def parsed(found: Document) -> ET.Element:
    """Return the valid report as CI systems read it."""
    text = junit.render(found, replay)
    SCHEMA.validate(text)
    return ET.fromstring(text.encode())


def verdict_of(case: ET.Element) -> str:
    """Return the verdict that a CI system shows: ``holds`` where nothing speaks against it."""
    results = [child for child in case if child.tag in _RESULTS]
    if not results:
        return "holds"
    (why,) = results
    if why.tag == "skipped":
        assert str(why.get("message")).startswith("accepted (")
        return "accepted"
    assert why.tag == ("failure" if why.get("type") == "violated" else "error")
    return why.attrib["type"]


@given(found=documents())
def test_every_check_is_a_case_once_with_its_verdict(found: Document) -> None:
    root = parsed(found)
    cases = root.findall("testsuite/testcase")
    wanted = [
        "accepted" if case.accepted and case.verdict is not Verdict.HOLDS else case.verdict.value
        for suite in suites(found)
        for case in suite.cases()
    ]
    assert [verdict_of(case) for case in cases] == wanted
    names = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(set(names)) == len(names)
    failed, held, skipped = (wanted.count(one) for one in ("violated", "holds", "accepted"))
    assert {key: int(root.attrib[key]) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": len(wanted),
        "failures": failed,
        "errors": len(wanted) - failed - held - skipped,
        "skipped": skipped,
    }
    assert (failed + len(wanted) - failed - held - skipped > 0) == (not opens(found))
    assert found.gate is not None or not skipped


@pytest.mark.parametrize("verdict", Verdict)
def test_only_holds_passes(verdict: Verdict) -> None:
    root = parsed(decided_by(verdict))
    first = root.find("testsuite/testcase")
    assert first is not None and verdict_of(first) == verdict.value


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not Verdict.HOLDS])
def test_what_the_gate_accepts_is_skipped_and_still_told(verdict: Verdict) -> None:
    root = parsed(gated(verdict))
    assert (root.get("failures"), root.get("errors"), root.get("skipped")) == ("0", "0", "1")
    skipped = root.find("testsuite/testcase/skipped")
    assert skipped is not None
    assert skipped.get("message") == f"accepted (baseline), {verdict.value}: {WHY}"


def test_every_finding_is_told_and_none_is_lost() -> None:
    text = junit.render(full(), replay)
    assert text.count("name: stale-mapping/kvm_unmap_gfn_range/ends-at-top") == 2
    (out,) = parsed(full()).findall("testsuite/system-out")
    assert "accounting (imprecise, out of contract, known)" in str(out.text)
    assert str(out.text).endswith("verdict: violated")


def test_a_layout_without_checks_is_an_error() -> None:
    root = parsed(document(check("mips32-4k", Verdict.HOLDS)))
    assert root.get("errors") == "2"
    assert parsed(holding()).get("errors") == "0"


@pytest.mark.parametrize(
    "broken",
    [
        '<testsuites tests="1" failures="0"/>',
        '<testsuites tests="1" failures="0" errors="0"><testcase/></testsuites>',
        '<testsuites tests="x" failures="0" errors="0"/>',
    ],
)
def test_the_schema_refuses_what_is_no_junit(broken: str) -> None:
    assert not SCHEMA.is_valid(broken)
