# SPDX-License-Identifier: GPL-2.0-only
"""The documentation: a page a rule, tables that say what the model says, links that lead on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from impl.multilevel.quirks import QUIRKS
from model.operations import Kind
from model.ports import ports
from model.rules import RULES, Rule
from model.triggers import TRIGGERS
from slatcheck.document.result import EXIT, Verdict
from slatcheck.reports.rules import page
from tools.sections import replaced

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SECTIONS = ("What is promised", "What is allowed", "A bug that breaks it", "Who can be hurt")


def table(path: Path, header: str) -> list[list[str]]:
    """Return the rows of the table in ``path`` whose first heading is ``header``."""
    lines = path.read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {header} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_has_a_page(rule: Rule) -> None:
    text = (ROOT / page(rule)).read_text()
    assert f"\n# {rule.name}\n\n*{rule.severity.value}.* {rule.statement}\n" in text
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == list(SECTIONS)
    (trace,) = re.findall(r"```\n(.*?)\n```", text, re.DOTALL)
    steps = [re.fullmatch(r"[> ] (\d+)\. (\w+)( .+)?", line) for line in trace.splitlines()]
    assert [int(step[1]) for step in steps if step] == list(range(1, len(steps) + 1))
    shown = [line for line in trace.splitlines() if line.startswith(">")]
    assert shown == trace.splitlines()[-1:]
    operations = [Kind[step[2].upper()] for step in steps if step]
    assert operations[0] is Kind.CREATE
    assert operations[-1] in rule.kinds


def test_no_page_is_about_nothing() -> None:
    pages = {path.stem for path in (DOCS / "rules").glob("*.md")} - {"README"}
    assert pages == {rule.name for rule in RULES}


def test_index_of_rules_is_the_catalogue() -> None:
    assert table(DOCS / "rules/README.md", "rule") == [
        [f"[{one.name}]({one.name}.md)", one.severity.value, one.statement] for one in RULES
    ]


def test_triggers_are_those_of_the_model() -> None:
    assert table(DOCS / "triggers.md", "trigger") == [
        [f"`{name}`", meaning] for name, meaning in TRIGGERS.items()
    ]


def test_contracts_are_those_of_the_model() -> None:
    text = (DOCS / "contracts.md").read_text()
    for port in ports():
        head = f"## {port.title}"
        assert f"\n{head}\n" in text, f"docs/contracts.md has no section '{head}'"
        part = text.split(f"\n## {port.title}\n")[1].split("\n## ")[0]
        rows = [line for line in part.splitlines() if line.startswith("|")][2:]
        assert [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows] == [
            [kind.name.lower(), f"`{port.functions[kind]}`", contract.operands, contract.source]
            for kind, contract in port.contracts.items()
        ]


def test_verdicts_are_all_explained() -> None:
    rows = table(DOCS / "architecture.md", "verdict")
    assert {row[0].strip("`"): int(row[1]) for row in rows} == {
        verdict.value: EXIT[verdict] for verdict in Verdict
    }


def test_files_that_the_architecture_names_exist() -> None:
    rooms = [
        ROOT / name
        for name in ("support", "model", "impl", "proofs", "slatcheck", "tests", "tools")
    ]
    known = [f"/{p.relative_to(ROOT)}" for room in rooms for p in (room, *room.rglob("*"))]
    # What is made from the files themselves quotes their docstrings, which name files of kernels.
    text = replaced((DOCS / "architecture.md").read_text(), "rooms and files", "")
    named = set(re.findall(r"`([\w./-]+(?:\.(?:py|c|h|md)|/))`", text)) - {"mmu.c"}
    assert len(named) > 50
    for name in named:
        assert any(one.endswith(f"/{name}".rstrip("/")) for one in known), name


def test_every_module_is_on_the_map() -> None:
    text = (DOCS / "architecture.md").read_text()
    rooms = (
        "model",
        "impl",
        "impl/multilevel",
        "impl/kernel",
        "proofs",
        "proofs/lemmas",
        "slatcheck",
    )
    for folder in rooms:
        for path in sorted((ROOT / folder).glob("[a-z]*.py")):
            assert path.name in text, f"{folder}/{path.name} is not on the map"


def test_quirks_break_rules_that_have_pages() -> None:
    assert {name for one in QUIRKS for name in one.rules} <= {one.name for one in RULES}
