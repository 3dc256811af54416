# SPDX-License-Identifier: GPL-2.0-only
"""The two sides of a patch: the tree before it and after it, wherever in history it belongs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from slatcheck.errors import InputError
from slatcheck.git.revisions import Revision, checked_out, git, place, with_patch
from slatcheck.patches.patch import Patch

SEARCHED = 300
"""Commits, of those that touch the same files, among which a patch is looked for."""
BRANCHES = "refs/heads/b4/*"
"""Besides the history of HEAD: where b4 puts series that are being prepared or reviewed."""
_LOG = (
    "log", "--patch", "--full-diff", "--no-merges", "--no-color", "--no-ext-diff", "--no-textconv",
    "--src-prefix=a/", "--dst-prefix=b/", f"--max-count={SEARCHED}", "HEAD", f"--glob={BRANCHES}",
)  # fmt: skip


@dataclass(frozen=True)
class Sides:
    """A tree without a patch, and with it."""

    before: Revision
    after: Revision


def sides(tree: Path, patch: Patch, paths: Iterable[str]) -> Sides:
    """Return the tree before and after a patch.

    A patch that is a commit already is that commit; any other is applied to HEAD, or to the commit
    that it says that it was made on. ``paths`` are those of its files, from the top of the
    repository, that matter. Raises InputError where the patch belongs nowhere.
    """
    commit = _commit(tree, patch, paths)
    if commit:
        return Sides(checked_out(tree, f"{commit}^"), checked_out(tree, commit))
    problems = []
    for base in filter(None, ("HEAD", patch.base)):
        for text in patch.texts:
            try:
                return Sides(checked_out(tree, base), with_patch(tree, base, text))
            except InputError as problem:
                problems.append(problem)
    raise InputError(f"{problems[0]}; in a series, those before it must be applied")


def _commit(tree: Path, patch: Patch, paths: Iterable[str]) -> str:
    """Return the commit that a patch has become, '' where it has not been found."""
    top = place(tree).top
    wanted = {_ids(top, text).partition(" ")[0] for text in patch.texts} - {""}
    if not wanted:
        return ""
    log = git(
        top, "--literal-pathspecs", *_LOG, "--", *sorted(paths), what=f"{top} has no history"
    ).encode(errors="surrogateescape")
    told = (line.partition(" ") for line in _ids(top, log).splitlines())
    return next((commit for mark, _, commit in told if mark in wanted), "")


def _ids(top: Path, text: bytes) -> str:
    """Return what git calls each patch in a text, with its commit: 'ID COMMIT' in lines."""
    return git(top, "patch-id", "--stable", what="git cannot read the patch", data=text)
