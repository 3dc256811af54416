# SPDX-License-Identifier: GPL-2.0-only
"""What git knows of a tree: the commit it is of, what was changed since, where a line came from."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from slatcheck.errors import InputError
from slatcheck.git.revisions import git, parts

_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d+)?")
_PATH = re.compile(r"/[\w./~+-]*", re.ASCII)
_LINE = re.compile(r"([0-9a-f]{40,64}) \d+ \d+")
_NOT_COMMITTED = re.compile(r"0+")


@dataclass(frozen=True)
class Source:
    """The commit that a tree is of; ``url`` is '' unless it is public, ``name`` git's for it.

    ``changed`` is the patch from the commit to the work tree, empty where there is none.
    """

    commit: str
    name: str
    url: str
    changed: bytes


@dataclass(frozen=True)
class Commit:
    """A commit and how many of the lines asked for it brought.

    ``first`` says that the history at hand begins with it: the lines may be older.
    """

    hash: str
    subject: str
    first: bool
    lines: int


def source(tree: Path) -> Source | None:
    """Return what git says of a tree, None where it says nothing."""
    try:
        commit = git(tree, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", what="no commit")
        present = [part for part in parts() if (tree / part).exists()]
        changed = git(
            tree, "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--binary", "HEAD",
            "--", *present, what="no diff",
        )  # fmt: skip
    except InputError:
        return None
    name = _git_output(tree, "describe", "--always", "--tags", commit)
    url = _public(_git_output(tree, "config", "--get", "remote.origin.url"))
    patch = changed.encode(errors="surrogateescape")
    return Source(commit, name, url, patch + b"\n" if patch else b"")


def brought(tree: Path, file: str, first: int, last: int) -> list[Commit]:
    """Return the commits that brought lines of a file as they are, that of most lines first.

    Lines that only moved, or of which only the indent changed, count for who wrote them. Those that
    were never committed are left out; the list is empty where git does not say.
    """
    try:
        told = git(
            tree, "blame", "--porcelain", "-w", "-M", "-C", "-L", f"{first},{last}", "--", file,
            what="no history",
        ).split("\n")  # fmt: skip
    except InputError:
        return []
    counts: Counter[str] = Counter()
    subjects: dict[str, str] = {}
    boundary: set[str] = set()
    now = ""
    for line in told:
        if head := _LINE.match(line):
            now = head[1]
            counts[now] += 1
        elif line.startswith("summary "):
            subjects[now] = line.partition(" ")[2]
        elif line == "boundary":
            boundary.add(now)
    return [
        Commit(mark, subjects.get(mark, ""), mark in boundary or _is_root(tree, mark), number)
        for mark, number in counts.most_common()
        if not _NOT_COMMITTED.fullmatch(mark)
    ]


def _is_root(tree: Path, commit: str) -> bool:
    """Return whether nothing comes before a commit, in what there is of the history."""
    parents = _git_output(tree, "rev-list", "--parents", "--max-count=1", commit).split()
    return len(parents) < 2


def _git_output(tree: Path, *args: str) -> str:
    try:
        return git(tree, *args, what="git does not say")
    except InputError:
        return ""


def _public(url: str) -> str:
    """Return an https address without names and passwords, '' for any other kind of address."""
    parts = urlsplit(url) if url.isprintable() else urlsplit("")
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme != "https" or not _HOST.fullmatch(host) or not _PATH.fullmatch(parts.path):
        return ""
    return f"https://{host}{parts.path}"
