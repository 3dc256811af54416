# SPDX-License-Identifier: GPL-2.0-only
"""A finding as a pytest file, which fails until the promise is kept."""

from __future__ import annotations

import re

from slatcheck.export.case import Case
from slatcheck.export.head import head
from slatcheck.export.running import called
from slatcheck.export.support import KERNEL, written
from slatcheck.export.template import comment, render


def render_pytest(case: Case) -> str:
    """Return the pytest file that shows the finding of ``case``."""
    about_a_tree = case.trace.implementation == "kernel"
    run = [
        f"{KERNEL}=PATH pytest THIS-FILE, where slatcheck is installed"
        if about_a_tree
        else "pytest THIS-FILE, where slatcheck is installed"
    ]
    about = head(
        case,
        "pytest",
        run,
        "the test fails, with what should be and what is",
        "it passes; a tree that cannot be built or judged is an error, not a pass",
    )
    name = re.sub(r"[^a-z0-9]+", "_", case.trace.fingerprint.lower()).strip("_")
    return render(
        "pytest.py.j2",
        about=comment(about, "#"),
        name=name,
        layout=called(case.layout, case.trace.byte_order),
        kernel=about_a_tree,
        quirks=case.trace.quirks,
        others=case.others,
        steps=[(step.number, step.words, written(step.op)) for step in case.steps],
    )
