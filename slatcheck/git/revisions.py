# SPDX-License-Identifier: GPL-2.0-only
"""Revisions of a tree, taken out of git beside it: the work tree and its index stay as they are.

A repository may be a stranger's as well as what is in it, so git runs no program that it names:
no hook, no monitor, no helper of a protocol. Files are taken out as they were committed, past the
filters that attributes ask for.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
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


_HARMLESS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
_ALONE = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}
"""An object that is missing is fetched from nowhere: who fetches is named by the repository."""


def git(
    folder: Path, *args: str, what: str, env: Mapping[str, str] | None = None, data: bytes = b""
) -> str:
    """Run git and return what it prints. Raises InputError with ``what`` where it fails."""
    return os.fsdecode(_run(folder, args, what, env, data)).removesuffix("\n")


def _run(
    folder: Path, args: Sequence[str], what: str, env: Mapping[str, str] | None, data: bytes
) -> bytes:
    command = ["git", "-C", str(folder), *_HARMLESS, *args]
    env = {**os.environ, **_ALONE, **(env or {})}
    try:
        done = subprocess.run(command, input=data, capture_output=True, env=env, check=False)
    except OSError as problem:
        raise InputError(f"cannot run git: {problem.strerror}; revisions need it") from None
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise InputError(f"{what}{': ' + told[0] if told else ''}")
    return done.stdout


def _take_out(top: Path, prefix: str, commit: str, folder: Path, env: Mapping[str, str]) -> None:
    """Write the parts of a commit into ``folder``."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as name:
        new = Path(name) / "tree"
        failed = f"git cannot take out {commit}"
        paths = [prefix + part for part in parts()]
        listed = git(top, "ls-tree", "-r", "-z", commit, "--", *paths, what=failed, env=env)
        if not listed:
            raise InputError(f"{commit} has no kernel tree in '{prefix or '.'}'")
        entries = [_entry(line, failed) for line in listed.split("\0") if line]
        blobs = [entry for entry in entries if entry.kind == "blob"]
        ids = "".join(f"{entry.id}\n" for entry in blobs).encode()
        found = _run(top, ["cat-file", "--batch"], failed, env, ids)
        new.mkdir()
        _write(new, zip(blobs, _contents(found, blobs, failed), strict=True), failed)
        inside = new / prefix
        (inside / _DONE).write_text(commit + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        inside.rename(folder)


_LINK = "120000"
"""The mode of a symbolic link in git."""


@dataclass(frozen=True)
class _Entry:
    """What git has at a path of a commit."""

    mode: str
    kind: str
    id: str
    path: Path


def _entry(line: str, failed: str) -> _Entry:
    """Return an entry as ``git ls-tree`` writes it. Raises InputError for a path that leads out."""
    about, _, path = line.partition("\t")
    mode, kind, name = about.split(" ")
    if path.startswith("/") or {"", ".", "..", ".git"} & set(path.lower().split("/")):
        raise InputError(f"{failed}: it has a file called '{path}'")
    return _Entry(mode, kind, name, Path(path))


def _contents(found: bytes, wanted: Sequence[_Entry], failed: str) -> Iterator[bytes]:
    """Yield the contents of objects in the order in which they were asked for."""
    at = 0
    for entry in wanted:
        head, _, _ = found[at : at + 200].partition(b"\n")
        said = head.split(b" ")
        if len(said) != 3 or said[0] != entry.id.encode():
            raise InputError(f"{failed}: the object of {entry.path} is missing")
        begin = at + len(head) + 1
        at = begin + int(said[2]) + 1
        yield found[begin : at - 1]


def _write(new: Path, found: Iterable[tuple[_Entry, bytes]], failed: str) -> None:
    """Write files, none through a link that the commit has: links come last."""
    links = []
    try:
        for entry, content in found:
            place = new / entry.path
            place.parent.mkdir(parents=True, exist_ok=True)
            if entry.mode == _LINK:
                links.append((place, content))
                continue
            with place.open("xb") as file:
                file.write(content)
        for place, content in links:
            place.symlink_to(os.fsdecode(content))
    except FileExistsError as problem:
        twice = Path(problem.filename2 or problem.filename).relative_to(new)
        raise InputError(f"{failed}: it has two files called '{twice}'") from None
    except (OSError, ValueError) as problem:
        raise InputError(f"{failed}: {getattr(problem, 'strerror', None) or problem}") from None


def forget(most: int = 0) -> None:
    """Remove the checkouts, but for the ``most`` used last; what else lies beside them stays."""
    found = [checkout for checkout in _checkouts().glob("*") if (checkout / _DONE).is_file()]
    for old in sorted(found, key=lambda checkout: checkout.stat().st_mtime, reverse=True)[most:]:
        shutil.rmtree(old, ignore_errors=True)
