# SPDX-License-Identifier: GPL-2.0-only
"""Since when a finding is in a tree, as far as the history at hand tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from slatcheck.document.result import Finding
from slatcheck.git import history
from slatcheck.reports.letter import command, heading, paragraph, plain

_OTHERS = 3


def since(finding: Finding, tree: Path | None) -> Iterator[str]:
    """Yield the part of a mail on the commit that brought the lines where a finding is.

    ``tree`` is the tree that was judged, None where it is not at hand.
    """
    yield from heading("Since when")
    place = finding.location
    commits: list[history.Commit] = []
    if tree is not None and place.file and place.line > 0:
        first, last = _extent(tree, finding)
        commits = history.brought(tree, place.file, first, last)
    if not commits:
        yield from paragraph("The history of the tree was not available.")
        yield from _bisect(finding)
        return
    best, *others = commits
    if best.first:
        yield from paragraph(
            f"The history at hand begins with these lines (commit {best.hash[:12]}), so it does "
            "not say since when."
        )
        yield from _bisect(finding)
        return
    yield from paragraph(
        "git blame names, for the lines of the place above, the commit below. It was not bisected."
    )
    # A tag stands in one line, however long.
    yield tag(best)
    yield ""
    later = [f'{commit.hash[:12]} ("{commit.subject}")' for commit in others[:_OTHERS]]
    if later:
        yield from paragraph(f"Other commits of these lines: {', '.join(later)}.")
    yield from _bisect(finding)


def tag(commit: history.Commit) -> str:
    """Return the tag by which a fix names the commit that it repairs."""
    return f'Fixes: {commit.hash[:12]} ("{plain(commit.subject)}")'


def _extent(tree: Path, finding: Finding) -> tuple[int, int]:
    """Return the first and last line to ask for: all of a function where it is its first line."""
    place = finding.location
    try:
        text = (tree / place.file).read_text(errors="replace").splitlines()
    except OSError:
        return place.line, place.line
    here = text[place.line - 1] if place.line <= len(text) else ""
    if f"{place.function}(" not in here or here.startswith(("\t", " ")):
        return place.line, place.line
    ends = (
        number for number, line in enumerate(text, 1) if number > place.line and line[:1] == "}"
    )
    return place.line, next(ends, place.line)


def _bisect(finding: Finding) -> Iterator[str]:
    yield from paragraph("To be sure of the commit, from a good one (GOOD) to this one:")
    yield from command(["git", "bisect", "start", "HEAD", "GOOD"])
    run = ["git", "bisect", "run", "slatcheck", "check", "--kernel", "."]
    run += ["--layout", finding.shown_on, "--evidence", "differential"]
    yield from command([*run, "--bisect", finding.fingerprint, "--output", "/dev/null"])
    yield ""
