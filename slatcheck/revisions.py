# SPDX-License-Identifier: GPL-2.0-only
"""Revisions of a tree, taken out of git beside it: the work tree and its index stay as they are."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from impl import keeping
from slatcheck.errors import InputError

PARTS = (
    "Makefile",
    "arch/mips/include",
    "arch/mips/kvm",
    "arch/mips/mm",
    "include",
    "virt/kvm",
)
"""The parts of a tree that are compiled, or read for meaning."""
KEPT = 6
"""Checkouts that are kept, the latest used."""
_DONE = ".slatcheck-complete"


@dataclass(frozen=True)
class Revision:
    """A commit of a tree, called ``name`` by the user, and the folder that holds its files."""

    name: str
    commit: str
    folder: Path


def checked_out(tree: Path, name: str) -> Revision:
    """Return a revision of the tree in ``tree``, its files in a folder of their own.

    ``tree`` may lie anywhere within its git repository. Raises InputError where there is no git,
    no repository or no such revision, or where the revision has no such tree.
    """
    if name.startswith("-") or not name:
        raise InputError(f"'{name}' is no revision: name a commit, a branch or a tag")
    prefix = _git(tree, "rev-parse", "--show-prefix", what=f"{tree} is in no git repository")
    commit = _git(
        tree,
        "rev-parse",
        "--verify",
        "--quiet",
        f"{name}^{{commit}}",
        what=f"the repository of {tree} has no revision '{name}'",
    )
    top = Path(_git(tree, "rev-parse", "--show-toplevel", what=f"{tree} has no work tree"))
    folder = _folder(top, prefix, commit)
    if not (folder / _DONE).is_file():
        _take_out(top, prefix, commit, folder)
    os.utime(folder)
    _forget(folder.parent)
    return Revision(name, commit, folder)


def _folder(top: Path, prefix: str, commit: str) -> Path:
    """Return where a commit is put: always the same place, so that what is kept of it is found."""
    about = hashlib.sha256(f"{top}\0{prefix}".encode(errors="surrogateescape")).hexdigest()[:12]
    return keeping.folder().parent / "trees" / f"{about}-{commit[:20]}"


def _git(folder: Path, *args: str, what: str, index: Path | None = None, data: bytes = b"") -> str:
    """Run git and return what it prints. Raises InputError with ``what`` where it fails."""
    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    if index is not None:
        env["GIT_INDEX_FILE"] = str(index)
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *args], input=data, capture_output=True, env=env, check=False
        )
    except OSError as problem:
        raise InputError(f"cannot run git: {problem.strerror}; revisions need it") from None
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise InputError(f"{what}{': ' + told[0] if told else ''}")
    return os.fsdecode(done.stdout).removesuffix("\n")


def _take_out(top: Path, prefix: str, commit: str, folder: Path) -> None:
    """Write the parts of a commit into ``folder``, through an index of our own."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as name:
        new, index = Path(name) / "tree", Path(name) / "index"
        failed = f"git cannot take out {commit}"
        paths = [prefix + part for part in PARTS]
        listed = _git(top, "ls-tree", "-r", "-z", commit, "--", *paths, what=failed)
        if not listed:
            raise InputError(f"{commit} has no kernel tree in '{prefix or '.'}'")
        entries = [one for one in listed.split("\0") if one and not one.startswith("160000")]
        lines = "\0".join(entries).encode(errors="surrogateescape") + b"\0"
        _git(top, "update-index", "-z", "--index-info", what=failed, index=index, data=lines)
        new.mkdir()
        _git(top, "checkout-index", "--all", f"--prefix={new}/", what=failed, index=index)
        inside = new / prefix
        (inside / _DONE).write_text(commit + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        inside.rename(folder)


def _forget(parent: Path) -> None:
    """Remove all but the checkouts used last."""
    found = [one for one in parent.iterdir() if (one / _DONE).is_file()]
    for old in sorted(found, key=lambda one: one.stat().st_mtime, reverse=True)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
