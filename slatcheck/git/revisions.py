# SPDX-License-Identifier: GPL-2.0-only
"""Revisions of a tree, taken out of git beside it: the work tree and its index stay as they are."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from impl.kernel.ports import KERNEL_PORTS
from slatcheck.errors import InputError
from support import cache as keeping

KEPT = 6
"""Checkouts that are kept, the latest used."""
_DONE = ".slatcheck-complete"


def parts() -> tuple[str, ...]:
    """Return the parts of a tree that are compiled, or read for meaning."""
    wanted = [part for port in KERNEL_PORTS.values() for part in port.files.revision]
    return tuple(dict.fromkeys(["Makefile", "include", "virt/kvm", *wanted]))


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
    where, commit = _resolved(tree, name)
    return Revision(name, commit, _files_of(where, commit))


def with_patch(tree: Path, name: str, patch: bytes) -> Revision:
    """Return the revision ``name`` of a tree with a patch applied to it, as ``checked_out`` does.

    The commit is the id of what git calls a tree, as nothing is committed. The repository gets no
    object, and no file is written but below the new folder. Raises InputError where the patch does
    not apply, or changes none of the parts that are taken out.
    """
    where, commit = _resolved(tree, name)
    included = [f"--include={where.prefix}{part}{tail}" for part in parts() for tail in ("", "/*")]
    apply = ("apply", "--cached", "--whitespace=nowarn", *included, "-")
    with _aside(where.top) as env:
        git(where.top, "read-tree", commit, what=f"git cannot read {commit}", env=env)
        told = f"the patch does not apply to {name} ({commit[:12]})"
        git(where.top, *apply, what=told, env=env, data=patch)
        made = git(where.top, "write-tree", what="git cannot write a tree", env=env)
        return Revision(f"{name} and the patch", made, _files_of(where, made, env))


@dataclass(frozen=True)
class Where:
    """A kernel tree in its repository: the folder of its work tree, and the path from there."""

    top: Path
    prefix: str


def place(tree: Path) -> Where:
    """Return where a tree is in its repository. Raises InputError where it is in none."""
    prefix = git(tree, "rev-parse", "--show-prefix", what=f"{tree} is in no git repository")
    top = git(tree, "rev-parse", "--show-toplevel", what=f"{tree} has no work tree")
    return Where(Path(top), prefix)


def _resolved(tree: Path, name: str) -> tuple[Where, str]:
    if name.startswith("-") or not name:
        raise InputError(f"'{name}' is no revision: name a commit, a branch or a tag")
    where = place(tree)
    told = f"the repository of {tree} has no revision '{name}'"
    commit = git(tree, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", what=told)
    return where, commit


def _files_of(where: Where, commit: str, env: Mapping[str, str] | None = None) -> Path:
    """Return the folder with the files of a commit, or of a tree of git's."""
    folder = _folder(where.top, where.prefix, commit)
    if not (folder / _DONE).is_file():
        _take_out(where.top, where.prefix, commit, folder, env or {})
    os.utime(folder)
    forget(KEPT)
    return folder


@contextmanager
def _aside(top: Path) -> Iterator[dict[str, str]]:
    """Give the environment in which git has an index of its own and writes objects elsewhere."""
    objects = git(top, "rev-parse", "--git-path", "objects", what=f"{top} has no objects")
    with tempfile.TemporaryDirectory(prefix="slatcheck-") as name:
        info = Path(name) / "objects/info"
        info.mkdir(parents=True)
        (info / "alternates").write_bytes(os.fsencode(top / objects) + b"\n")
        yield {
            "GIT_INDEX_FILE": str(Path(name) / "index"),
            "GIT_OBJECT_DIRECTORY": str(info.parent),
        }


def _folder(top: Path, prefix: str, commit: str) -> Path:
    """Return where a commit is put: always the same place, so that what is kept of it is found."""
    about = hashlib.sha256(f"{top}\0{prefix}".encode(errors="surrogateescape")).hexdigest()[:12]
    return _checkouts() / f"{about}-{commit[:20]}"


def _checkouts() -> Path:
    """Return the folder in which all commits are put."""
    return keeping.folder().parent / "trees"


def git(
    folder: Path, *args: str, what: str, env: Mapping[str, str] | None = None, data: bytes = b""
) -> str:
    """Run git and return what it prints. Raises InputError with ``what`` where it fails."""
    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", **(env or {})}
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


def _take_out(top: Path, prefix: str, commit: str, folder: Path, env: Mapping[str, str]) -> None:
    """Write the parts of a commit into ``folder``, through an index of our own."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as name:
        new = Path(name) / "tree"
        env = {**env, "GIT_INDEX_FILE": str(Path(name) / "index")}
        failed = f"git cannot take out {commit}"
        paths = [prefix + part for part in parts()]
        listed = git(top, "ls-tree", "-r", "-z", commit, "--", *paths, what=failed, env=env)
        if not listed:
            raise InputError(f"{commit} has no kernel tree in '{prefix or '.'}'")
        entries = [
            entry for entry in listed.split("\0") if entry and not entry.startswith("160000")
        ]
        lines = "\0".join(entries).encode(errors="surrogateescape") + b"\0"
        git(top, "update-index", "-z", "--index-info", what=failed, env=env, data=lines)
        new.mkdir()
        git(top, "checkout-index", "--all", f"--prefix={new}/", what=failed, env=env)
        inside = new / prefix
        (inside / _DONE).write_text(commit + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        inside.rename(folder)


def forget(most: int = 0) -> None:
    """Remove the checkouts, but for the ``most`` used last; what else lies beside them stays."""
    found = [checkout for checkout in _checkouts().glob("*") if (checkout / _DONE).is_file()]
    for old in sorted(found, key=lambda checkout: checkout.stat().st_mtime, reverse=True)[most:]:
        shutil.rmtree(old, ignore_errors=True)
