# SPDX-License-Identifier: GPL-2.0-only
"""The recipes: what they name exists, and the programs on them run and do what is said."""

from __future__ import annotations

import csv
import io
import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import slatcheck.reports
from model.operations import Kind
from proofs.kvm.program import CProgram
from slatcheck.document.result import Document, Verdict
from slatcheck.reports import forms
from slatcheck.search.campaign import Search
from tests.docs.generated import DOCS, ROOT
from tests.slatcheck.reports.documents import HOSTILE, decided_by
from tests.slatcheck.reports.test_pages import blocks
from tests.slatcheck.reports.test_reports import full
from tests.slatcheck.test_docs import table

HOWTO = DOCS / "howto"
PAGES = sorted(HOWTO.glob("add-*.md"))
ROOMS = r"(?:model|impl|proofs|slatcheck|tests|tools|docs|support)/"


def programs(name: str) -> list[str]:
    """Return the Python blocks of a recipe."""
    text = (HOWTO / f"{name}.md").read_text()
    return re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def executed(*sources: str) -> dict[str, Any]:
    """Run programs of a page in one namespace."""
    names: dict[str, Any] = {"__name__": "recipe"}
    for source in sources:
        exec(compile(source, "recipe.py", "exec"), names)
    return names


def test_the_roles_of_a_port_are_those_that_scripts_call() -> None:
    for roles, _, script, ready in table(HOWTO / "add-an-architecture.md", "role"):
        module, name, *_ = re.split(r"\W+", script.strip("`"))
        assert callable(getattr(import_module(f"proofs.lemmas.{module}"), name))
        own = re.search(r"`(_\w+)", ready)
        assert own is not None and callable(getattr(CProgram, own[1]))
        source = (ROOT / f"proofs/lemmas/{module}.py").read_text(encoding="utf-8")
        for role in re.findall(r"`(\w+)`", roles):
            by_kind = "role(kind)" in source and role.upper() in Kind.__members__
            assert by_kind or f'"{role}"' in source, role


def test_every_recipe_is_listed() -> None:
    rows = table(HOWTO / "README.md", "to add")
    assert sorted(row[1] for row in rows) == [f"[{p.stem}]({p.name})" for p in PAGES]


@pytest.mark.parametrize("page", [*PAGES, HOWTO / "README.md"], ids=lambda path: path.stem)
def test_what_a_recipe_names_exists(page: Path) -> None:
    text = page.read_text()
    named = {one for one in re.findall(rf"`({ROOMS}[\w./-]*)`", text) if "NAME" not in one}
    assert named or page.stem == "README"
    for one in named - {"slatcheck/reports/csv.py"}:
        assert (ROOT / one).exists(), one
    # Names in code, such as _side() or CLAUSES, are given together with the file they are in.
    whole = "".join((ROOT / one).read_text() for one in named if one.endswith((".py", ".json"))
                    and (ROOT / one).exists())  # fmt: skip
    for name in re.findall(r"`(\w+)\(\)`|`([A-Z_]{4,})`", text):
        assert re.search(rf"\b{''.join(name)}\b", whole), name


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_recipe_says_how_to_learn_what_is_missing(page: Path) -> None:
    assert all("`tests/" in row[0] for row in table(page, "test"))


def test_the_layout_is_computed() -> None:
    (source,) = programs("add-a-layout")
    assert executed(source)["wide"].permitted


# The implementation


def test_the_implementation_keeps_its_promises() -> None:
    found = executed(*programs("add-an-implementation"))["found"]
    assert {kind.name for kind in found.compared} == {
        "CREATE",
        "FAULT",
        "LOOKUP",
        "FLUSH",
        "DESTROY",
    }


def test_the_slip_in_the_implementation_is_found() -> None:
    flat, _ = programs("add-an-implementation")
    page = (HOWTO / "add-an-implementation.md").read_text()
    slip = "op.first <= f < op.last"
    assert f"`{slip}`" in page and "op.first <= f <= op.last" in flat
    names = executed(
        flat.replace("op.first <= f <= op.last", slip), "from model.ports import layout"
    )
    found = Search(names["Flat"](names["layout"]("mips64-4k")), 0, "flat").run(3_000)
    (told,) = (one for one in blocks(HOWTO / "add-an-implementation.md") if "stale" in one)
    mark, _, said = told.strip().partition(": ")
    assert found.hits[mark].symptom.said == said


# The report


@pytest.fixture
def sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the form of the recipe beside the others."""
    module = ModuleType("slatcheck.reports.csv")
    (source,) = programs("add-a-report")
    exec(compile(source, "csv.py", "exec"), vars(module))
    monkeypatch.setitem(sys.modules, "slatcheck.reports.csv", module)
    monkeypatch.setattr(slatcheck.reports, "csv", module, raising=False)
    monkeypatch.setattr(forms, "NAMES", (*forms.NAMES, "csv"))


def rows(document: Document) -> list[list[str]]:
    """Return the lines of the form, read back."""
    return list(csv.reader(io.StringIO(forms.render("csv", document, None))))


@pytest.mark.usefixtures("sheet")
def test_the_form_of_report_says_what_the_document_says() -> None:
    document = full()
    head, *lines, last = rows(document)
    assert head[0] == "verdict" and last[0] == document.verdict.value
    assert [(line[0], line[1], line[3]) for line in lines] == [
        (one.verdict.value, one.layout, one.id) for one in document.checks
    ]


@pytest.mark.usefixtures("sheet")
@pytest.mark.parametrize("verdict", Verdict)
def test_only_holds_is_a_pass_in_the_form_of_report(verdict: Verdict) -> None:
    told = {line[0] for line in rows(decided_by(verdict))[1:]}
    assert verdict.value in told
    assert rows(decided_by(verdict))[-1][0] == verdict.value


@pytest.mark.usefixtures("sheet")
@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_stay_in_their_cell(words: str) -> None:
    document = decided_by(Verdict.UNKNOWN)
    count = len(rows(document))
    for one in document.checks:
        object.__setattr__(one, "reason", words)
    assert len(rows(document)) == count
    assert all(cell.isprintable() for line in rows(document) for cell in line)
