# SPDX-License-Identifier: GPL-2.0-only
"""The catalogue of rules, for people and for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from model.ports import ports
from model.rules import Rule
from model.triggers import TRIGGERS
from slatcheck.display.words import columns
from slatcheck.document.schema import RULES, validated

WIDTH = 100


def page(rule: Rule) -> str:
    """Return where the rule is documented, relative to slatcheck's source."""
    return f"docs/rules/{rule.name}.md"


def _rule_json(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "severity": rule.severity.value,
        "statement": rule.statement,
        "explanation": rule.explanation,
        "operations": [
            {"op": kind.name.lower(), "function": port.functions[kind]}
            for port in ports()
            for kind in sorted(rule.kinds & port.functions.keys())
        ],
        "page": page(rule),
    }


def render_json(rules: Sequence[Rule]) -> str:
    """Return the rules, and the triggers that all share, as JSON for ``schema-rules.json``."""
    data = {
        "schema": "slatcheck-rules/1",
        "rules": [_rule_json(rule) for rule in rules],
        "triggers": TRIGGERS,
    }
    return validated(data, RULES)


def render_list(rules: Sequence[Rule]) -> str:
    """Return one line a rule."""
    rows = [[rule.name, rule.severity.value, rule.statement] for rule in rules]
    return "\n".join(columns(rows)) + "\n"


def _paragraph(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def render_one(rule: Rule) -> str:
    """Return all that there is to say about one rule."""
    operations = [
        [kind.name.lower(), port.functions[kind]]
        for port in ports()
        for kind in sorted(rule.kinds & port.functions.keys())
    ]
    triggers = [list(pair) for pair in TRIGGERS.items()]
    lines = [
        f"{rule.name} ({rule.severity.value})",
        "",
        *_paragraph(rule.statement),
        "",
        *_paragraph(rule.explanation),
        "",
        "operations that can break it, and their kernel functions",
        *(f"  {line}" for line in columns(operations)),
        "",
        "triggers, by which findings of one function are told apart",
        *(f"  {line}" for line in columns(triggers)),
        "",
        f"more: {page(rule)}",
    ]
    return "\n".join(lines) + "\n"
