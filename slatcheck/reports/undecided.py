# SPDX-License-Identifier: GPL-2.0-only
"""What no finding stands for and is no pass all the same, grouped by verdict and reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slatcheck.display.words import clean, count, layout_names
from slatcheck.document.result import Check, Document, Verdict
from slatcheck.reports import cases


@dataclass(frozen=True)
class Open:
    """Checks that share a verdict and a clean reason; ``rests`` if all only rest on others."""

    verdict: Verdict
    reason: str
    checks: tuple[Check, ...]

    @property
    def rests(self) -> bool:
        """Whether each of them is open because of a check that fails, and says which."""
        return all(check.rests_on for check in self.checks)

    def told(self, names: Sequence[str]) -> str:
        """Return verdict, reason, and what they are about; ``names`` are all layouts there are."""
        layouts = list(dict.fromkeys(check.layout for check in self.checks if check.layout))
        where = layout_names(layouts, names)
        functions = list(dict.fromkeys(check.function for check in self.checks if check.function))
        what = ", ".join(functions[:4]) + (f" and {len(functions) - 4} more" * (len(functions) > 4))
        text = f"{self.verdict.value}: {self.reason or 'no reason given'}"
        text += f" ({count(len(self.checks), 'check')}{': ' if what else ''}{what}"
        return text + (f"; {where})" if where else ")")


def undecided(document: Document) -> list[Open]:
    """Return what is open, in the order of the checks."""
    groups: dict[tuple[Verdict, str], list[Check]] = {}
    for check in document.checks:
        explained = any(cases.explains(finding, check) for finding in document.findings)
        if check.verdict is not Verdict.HOLDS and not explained:
            groups.setdefault((check.verdict, clean(check.reason)), []).append(check)
    return [Open(*key, tuple(checks)) for key, checks in groups.items()]
