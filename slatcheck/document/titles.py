# SPDX-License-Identifier: GPL-2.0-only
"""What is wrong, and where, in one line: made of the evidence of a cause's findings."""

from __future__ import annotations

from collections.abc import Sequence

from model.rules import RULES
from model.triggers import TRIGGERS
from slatcheck.document.evidence import BROKEN, LONGER, WRAPPED
from slatcheck.document.finding import Finding

_SAFETY = {known.name for known in RULES if known.memory_safety}
_PLAIN = ("any", "")


def title(findings: Sequence[Finding]) -> str:
    """Return one line for a cause whose leading finding comes first."""
    leading = findings[0]
    entries = list(dict.fromkeys(finding.entry for finding in findings))
    if leading.as_if == WRAPPED:
        return (
            "an address beyond the reach of the table is taken for one within it, "
            f"in {_functions(entries)}"
        )
    if leading.as_if == LONGER:
        return f"the end of a range is taken as its last page, in {_functions(entries)}"
    broken = {finding.entry for finding in findings if finding.as_if == BROKEN}
    if leading.as_if == BROKEN and leading.step == 1:
        return f"whatever uses a new table fails: {_what(leading)}, in {_functions(entries)}"
    told = f"{_what(leading)}, in {_place(leading)}()"
    meaning = TRIGGERS.get(leading.trigger, "")
    if meaning and leading.trigger not in _PLAIN:
        told += f", for {meaning}"
    if leading.rule == "geometry":
        told += "; what else is found may follow from that"
    if broken:
        told += f"; whatever uses that table then fails, in {_functions(sorted(broken))}"
    return told


def _what(finding: Finding) -> str:
    """Return what a finding says is wrong, without the entry point that its summary begins with."""
    said = finding.summary.removeprefix(f"{finding.entry}: ")
    return " ".join(said.split()) or f"{finding.rule} is broken"


def _place(finding: Finding) -> str:
    """Return the function to look at: a fault's own, else the one that was asked."""
    own = finding.location.function if finding.rule in _SAFETY else ""
    return own or finding.entry


def _functions(names: Sequence[str]) -> str:
    """Return ``f()``, ``f() and g()``, ``f(), g() and h()``, or how many there are."""
    if len(names) > 3:
        return f"{len(names)} entry points"
    *others, last = (f"{name}()" for name in sorted(names))
    return f"{', '.join(others)} and {last}" if others else last
