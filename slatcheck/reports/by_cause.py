# SPDX-License-Identifier: GPL-2.0-only
"""The causes of a document, for forms that speak of one thing to repair at a time."""

from __future__ import annotations

from slatcheck.display.words import clean
from slatcheck.document.result import Cause, Document, Finding
from slatcheck.errors import InputError


def chosen(document: Document, name: str) -> Cause:
    """Return the cause called ``name``, or of which a finding is called so; '' is the only one.

    Raises InputError, with the names there are, where that is not one cause.
    """
    all_causes = document.causes
    if not all_causes:
        raise InputError("the report has no finding, so there is no cause to write about")
    fitting = [cause for cause in all_causes if name in (cause.id, *cause.findings) or not name]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(clean(cause.id) for cause in all_causes)
    what = f"no cause or finding '{clean(name)}'" if name else f"{len(all_causes)} causes"
    raise InputError(f"the report has {what}; name one with --cause or --finding: {names}")


def findings(document: Document, cause: Cause) -> list[Finding]:
    """Return the findings of a cause, the one that shows it best first."""
    by_mark = {finding.fingerprint: finding for finding in document.findings}
    return [by_mark[mark] for mark in cause.findings if mark in by_mark]
