# SPDX-License-Identifier: GPL-2.0-only
"""The matrix of layouts and rules: which checks stand behind each cell, and its worst verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from model.rules import RULES
from proofs.theorems import CLAUSES
from slatcheck.document.identity import CheckId, Fingerprint
from slatcheck.document.result import Check, Document, Verdict, worst

OTHER = "other"
"""The column of checks that are about no single rule: contracts, lemmas, the build."""
NO_LAYOUT = "(no layout)"
_NAMES = frozenset(rule.name for rule in RULES)


@dataclass(frozen=True)
class CheckGroup:
    """Checks of one cell that say the same; ``cases`` counts operations, or queries."""

    kind: str
    verdict: Verdict
    reason: str
    checks: tuple[Check, ...]

    @property
    def cases(self) -> int:
        """The operations, or the queries of a proof, behind the checks."""
        return sum(check.cases for check in self.checks)

    @property
    def accepted(self) -> str:
        """By what the gate accepts how many of the checks; '' where it accepts none."""
        found = Counter(check.accepted for check in self.checks if check.accepted)
        return ", ".join(f"{number} by {why}" for why, number in sorted(found.items()))

    @property
    def finding(self) -> str:
        """The fingerprint of the finding that shows what the checks say, '' where none does."""
        return self.checks[0].finding or self.reason.partition(":")[0]

    @property
    def functions(self) -> dict[str, int]:
        """The functions, each with its clause where it was proved, and the cases of each."""
        found: dict[str, int] = {}
        for check in self.checks:
            name = check.function or check.id
            if self.kind != "differential":
                name += "/" + CheckId.parse(check.id).promise
            found[name] = found.get(name, 0) + check.cases
        return found

    @property
    def solvers(self) -> str:
        """The solvers that answered, by name."""
        told = {name for check in self.checks for name in check.solver.split(", ") if name}
        return ", ".join(sorted(told))


@dataclass(frozen=True)
class Cell:
    """One layout and rule; ``verdict`` is None where no check was about them."""

    layout: str
    rule: str
    verdict: Verdict | None
    groups: tuple[CheckGroup, ...]


@dataclass(frozen=True)
class Matrix:
    """Rows are layouts, in the document's order, each with one cell for each of ``rules``."""

    rules: tuple[str, ...]
    rows: tuple[tuple[str, Verdict, tuple[Cell, ...]], ...]


@cache
def _clauses() -> dict[str, tuple[str, ...]]:

    return {name: rules for name, (_, rules) in CLAUSES.items()}


def rules_of(check: Check) -> tuple[str, ...]:
    """Return the rules that a check is about.

    A refutation counts for the rule that its run broke; a proof of a clause for every rule that
    the clause excludes.
    """
    last = CheckId.parse(check.id).promise
    if last in _NAMES:
        return (last,)
    if check.verdict is Verdict.VIOLATED:
        broken = Fingerprint.parse(check.finding or check.reason).rule
        if broken in _NAMES:
            return (broken,)
    if check.id.startswith(("map/", "pure/")):
        return (OTHER,)
    return _clauses().get(last, (OTHER,))


def matrix(document: Document) -> Matrix:
    """Return the matrix of a document; every check is in at least one cell."""
    cells: dict[tuple[str, str], list[Check]] = {}
    rows: dict[str, list[Check]] = {layout.name: [] for layout in document.layouts}
    for check in document.checks:
        name = check.layout or NO_LAYOUT
        rows.setdefault(name, []).append(check)
        for rule in rules_of(check):
            cells.setdefault((name, rule), []).append(check)
    used = {rule for _, rule in cells}
    rules = tuple(rule.name for rule in RULES) + ((OTHER,) if OTHER in used else ())
    return Matrix(
        rules,
        tuple(
            (
                name,
                worst(check.verdict for check in checks),
                tuple(_cell(name, rule, cells.get((name, rule), ())) for rule in rules),
            )
            for name, checks in rows.items()
        ),
    )


def _cell(layout: str, rule: str, checks: Sequence[Check]) -> Cell:
    verdict = worst(check.verdict for check in checks) if checks else None
    return Cell(layout, rule, verdict, tuple(_groups(checks)))


def _groups(checks: Iterable[Check]) -> list[CheckGroup]:
    """Join checks that say the same, the worst first."""
    found: dict[tuple[str, Verdict, str, str], list[Check]] = {}
    for check in checks:
        found.setdefault((check.kind, check.verdict, check.reason, check.finding), []).append(check)
    groups = [CheckGroup(*key[:3], tuple(members)) for key, members in found.items()]
    order = list(Verdict)
    return sorted(
        groups,
        key=lambda group: (group.verdict is Verdict.HOLDS, group.kind, order.index(group.verdict)),
    )
