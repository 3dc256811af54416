# SPDX-License-Identifier: GPL-2.0-only
"""The pages on reports: their examples are what slatcheck prints, their commands what it takes."""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from slatcheck.document.result import EXIT, Document, Verdict
from slatcheck.reports import forms, sarif
from tests.integrations.programs import INTEGRATIONS
from tests.slatcheck.reports.documents import decided_by, gated
from tests.slatcheck.reports.test_reports import full
from tests.slatcheck.test_docs import table

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = sorted([*(DOCS / "reports").glob("*.md"), DOCS / "gating.md"])
WHOLE = ("text", "ktap", "junit", "github", "sparse")


def blocks(path: Path) -> list[str]:
    """Return the contents of the fenced blocks of a page."""
    return re.findall(r"^```\w*\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE)


def example(name: str) -> str:
    """Return what the page on a form has to show."""
    document = full()
    if name == "json":
        return json.dumps(document.to_json()["findings"][1], indent=1) + "\n"
    if name == "sarif":
        run = json.loads(sarif.render(document))["runs"][0]
        return json.dumps(run["results"][0], indent=1) + "\n"
    if name == "kcidb":
        tests = json.loads(forms.render(name, document, None))["tests"]
        return json.dumps(tests[0], indent=1) + "\n"
    subject = forms.Asked(subject=document.findings[1].fingerprint)
    return forms.render(name, document, None, subject if name == "mail" else forms.NOTHING_ASKED)


@pytest.mark.parametrize("name", [*WHOLE, "json", "sarif", "kcidb", "mail"])
def test_the_example_is_what_is_printed(name: str) -> None:
    page = DOCS / f"reports/{name}.md"
    if os.environ.get("SLATCHECK_WRITE_EXAMPLES"):
        (old, *_) = blocks(page)
        page.write_text(page.read_text().replace(old, example(name), 1))
    assert blocks(page)[0] == example(name)


def test_every_form_has_a_page_that_the_index_names() -> None:
    named = [row[0] for row in table(DOCS / "reports/README.md", "form")]
    pages = {path.stem for path in (DOCS / "reports").glob("*.md")} - {"README"}
    assert named == [f"[`{name}`]({name}.md)" for name in forms.NAMES if name in pages]
    assert pages <= set(forms.NAMES)


def shown(name: str, verdict: Verdict, made: Callable[[Verdict], Document] = decided_by) -> str:
    """Return what a form makes of a check with this verdict, in the words of the table."""
    text = forms.render(name, made(verdict), None)
    if name == "ktap":
        return "ok" if "not ok" not in text else "not ok"
    if name == "junit":
        case = ET.fromstring(text.encode()).find("testsuite/testcase")
        assert case is not None
        return case[0].tag if len(case) else "passed"
    if name == "sarif":
        results = json.loads(text)["runs"][0]["results"]
        return str(results[0]["level"]) if results else "nothing"
    if name == "kcidb":
        first = json.loads(text)["tests"][0]
        return "waived" if first["misc"]["waived"] else str(first["status"])
    found = re.search(r"::(\w+) |: (error|warning|note): ", text)
    return (found[1] or found[2]) if found else "nothing"


def test_the_table_of_verdicts_is_what_the_forms_do() -> None:
    rows = table(DOCS / "reports/README.md", "verdict")
    names = ("ktap", "junit", "sarif", "github", "sparse", "kcidb")
    assert {row[0].strip("`"): row[1:] for row in rows} == {
        verdict.value: [shown(name, verdict) for name in names] for verdict in Verdict
    }


def test_the_table_of_what_is_accepted_is_what_the_forms_do() -> None:
    rows = [
        line.strip("|").split("|")
        for line in (DOCS / "reports/README.md").read_text().splitlines()
        if line.startswith("| accepted |")
    ]
    ((_, *told),) = [[cell.strip() for cell in row] for row in rows]
    for verdict in set(Verdict) - {Verdict.HOLDS}:
        assert "# SKIP accepted" in forms.render("ktap", gated(verdict), None)
        names = ("junit", "sarif", "github", "sparse", "kcidb")
        assert told == ["SKIP", *(shown(name, verdict, gated) for name in names)]


def test_exit_statuses_are_those_of_the_program() -> None:
    rows = table(DOCS / "gating.md", "status")
    told = {int(row[0]): row[1] for row in rows}
    for verdict in Verdict:
        assert f"`{verdict.value}`" in told[EXIT[verdict]]
    assert set(told) == {*EXIT.values(), 2, 130}


def test_what_the_integrations_take_is_told() -> None:
    text = (DOCS / "gating.md").read_text()
    action = (INTEGRATIONS / "github/action.yml").read_text()
    inputs = re.findall(r"^  ([\w-]+):$", action.partition("\noutputs:")[0], re.MULTILINE)
    assert [row[0].strip("`") for row in table(DOCS / "gating.md", "input")] == inputs
    for name in ("kernel/sparse-wrapper", "selftests/kvm-mips-gpa-pt/run.sh"):
        assert f"integrations/{name.partition('/')[0]}" in text
        head = (INTEGRATIONS / name).read_text().partition("\nset ")[0]
        for variable in re.findall(r"^#   ([A-Z_]+) ", head, re.MULTILINE):
            assert f"| `{variable}` |" in text, variable
    assert ".slatcheck:" in (INTEGRATIONS / "gitlab/slatcheck.yml").read_text()
