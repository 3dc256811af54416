# SPDX-License-Identifier: GPL-2.0-only
"""Lines as sparse and compilers print them: editors and kbuild logs know what to do with them."""

from __future__ import annotations

from slatcheck.display.words import clean
from slatcheck.document.result import Document
from slatcheck.reports.forms import Replay
from slatcheck.reports.remarks import Remark, comparisons, remarks


def render(document: Document, replay: Replay | None = None) -> str:
    """Return a line for each remark; nothing at all where everything holds, as sparse does."""
    return "".join(
        f"{_line(remark, replay)}\n" for remark in (*remarks(document), *comparisons(document))
    )


def _line(remark: Remark, replay: Replay | None) -> str:
    finding = remark.finding
    text = f"{clean(finding.rule) if finding else remark.title}: {remark.text}"
    if finding:
        text += f" [{clean(finding.fingerprint)}]"
        if replay:
            text += f" [{clean(replay(finding))}]"
    return f"{remark.place.file}:{remark.place.line}: {remark.level}: {text}"
