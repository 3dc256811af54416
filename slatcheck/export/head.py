# SPDX-License-Identifier: GPL-2.0-only
"""The comment at the top of every exported file: what it is, how to run it, what it will show."""

from __future__ import annotations

from slatcheck import __version__
from slatcheck.export.case import Case

Paragraphs = list[tuple[str, list[str]]]


def head(case: Case, form: str, run: list[str], broken: str, fixed: str) -> Paragraphs:
    """Return the titled paragraphs of a file's first comment.

    ``run`` says how to run it, ``broken`` and ``fixed`` what it then shows.
    """
    last = case.steps[-1]
    out: Paragraphs = [
        ("", [case.trace.fingerprint]),
        ("", []),
        ("Promise", [case.sentence]),
        ("Layout", [case.layout_words]),
        ("Found in", [case.subject]),
        ("Made by", [f"slatcheck {__version__}, export --as {form}, after a run that showed it"]),
        ("Run it", run),
        ("", []),
        ("At step", [f"{last.number}, {last.words}"]),
        ("Must be", case.expected or [_promised(case)]),
        ("But is", case.actual or ["otherwise"]),
        ("While broken", [broken]),
        ("Once fixed", [fixed]),
    ]
    if case.others:
        text = "the same steps also show these, which have findings of their own: "
        out.append(("Besides", [text + ", ".join(case.others)]))
    return out


def _promised(case: Case) -> str:
    results = case.steps[-1].promised
    if results is not None and results.results and not case.symptom.function:
        return f"the answer {' or '.join(map(str, results.results))}, and the map as promised"
    return "nothing of the kind"
