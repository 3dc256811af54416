# SPDX-License-Identifier: GPL-2.0-only
"""Kernel trees side by side: what was judged of each, and which cause shows in which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from slatcheck.display.words import clean, columns, count
from slatcheck.document.result import Check, Document
from slatcheck.gate.trees import JudgedTree
from slatcheck.reports.standings import standing

HEAD = (
    "tree",
    "version",
    "main file",
    "layouts",
    "functions proved",
    "causes",
    "seconds",
    "verdict",
)


def render(judged: Sequence[JudgedTree], form: str) -> str:
    """Return the tables as text for a terminal, or as markdown."""
    trees = sorted(judged, key=lambda tree: (_number(tree.version), tree.name))
    table = _markdown if form == "markdown" else _text
    parts = [table([list(HEAD), *map(_row, trees)])]
    shown = [tree for tree in trees if tree.document is not None]
    rows = list(_matrix(shown))
    if rows:
        heads = ["cause", *(tree.version for tree in shown)]
        parts += [table([heads, *rows]), "\n".join(_titles(shown))]
    changes = list(_changes(shown))
    if changes:
        parts.append("\n".join(changes))
    refused = [f"{tree.name}: {clean(tree.refused)}" for tree in trees if tree.refused]
    if refused:
        parts.append("\n".join(["refused:", *(f"- {line}" for line in refused)]))
    return "\n\n".join(parts) + "\n"


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _row(judged: JudgedTree) -> list[str]:
    document = judged.document
    if document is None:
        return [judged.name, judged.version, judged.blob[:12], "", "", "", "", "refused"]
    proved, every = functions(document)
    return [
        judged.name,
        judged.version,
        judged.blob[:12],
        str(len(document.layouts)),
        f"{proved}/{every}" if every else "not asked",
        str(len(document.causes)),
        f"{judged.seconds:.0f}",
        document.verdict.value,
    ]


def functions(document: Document) -> tuple[int, int]:
    """Return of how many functions, one in one layout and byte order each, all is proved."""
    groups: dict[tuple[str, str, str], list[Check]] = {}
    for check in document.checks:
        if check.kind == "proof-c" and check.function:
            groups.setdefault((check.layout, check.byte_order, check.function), []).append(check)
    return sum(standing(group) == "proved from C" for group in groups.values()), len(groups)


def _matrix(judged: Sequence[JudgedTree]) -> Iterator[list[str]]:
    """Yield for each cause in how many layouts each tree has it."""
    where: dict[str, dict[str, int]] = {}
    for tree in judged:
        assert tree.document is not None
        for cause in tree.document.causes:
            where.setdefault(cause.id, {})[tree.name] = len(cause.layouts)
    for name in where:
        cells = [str(where[name].get(tree.name, "")) for tree in judged]
        yield [name, *cells]


def _titles(judged: Sequence[JudgedTree]) -> list[str]:
    found = {
        cause.id: f"- {cause.id} ({cause.severity}): {clean(cause.title)}"
        for tree in judged
        if tree.document is not None
        for cause in tree.document.causes
    }
    return list(found.values())


def _changes(judged: Sequence[JudgedTree]) -> Iterator[str]:
    """Yield which causes appear or vanish from one tree to the next."""
    for before, after in pairwise(judged):
        assert before.document is not None
        assert after.document is not None
        old = {cause.id for cause in before.document.causes}
        new = {cause.id for cause in after.document.causes}
        parts = [f"appears: {name}" for name in sorted(new - old)]
        parts += [f"vanishes: {name}" for name in sorted(old - new)]
        if parts:
            yield f"- from {before.version} to {after.version}: {'; '.join(parts)}"


def _text(rows: list[list[str]]) -> str:
    return "\n".join(columns(rows, right=range(3, len(rows[0]) - 1)))


def _markdown(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def summary(judged: Sequence[JudgedTree]) -> str:
    """Return in one line how many trees were judged, and how many were judged before."""
    kept = sum(tree.kept for tree in judged)
    refused = sum(bool(tree.refused) for tree in judged)
    return f"{count(len(judged), 'tree')}, {kept} judged before, {refused} refused"
