# SPDX-License-Identifier: GPL-2.0-only
"""A kernel source tree: recognised, versioned, and reduced to the files that are judged."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from impl.kernel.errors import TreeError


@dataclass(frozen=True)
class Files:
    """The files of a tree that a port reads; all names are relative to the tree's top folder.

    ``port`` is the port's name, ``title`` what people call the architecture's KVM. A tree has it if
    it has ``main``, and then ``needed`` too. ``sources`` are read for meaning: their content
    decides the verdict. The compiler looks for headers in ``includes``, in this order; a file that
    appears in ``headers`` might be included in the place of another. ``revision`` are the parts
    that a revision taken out of git must have, ``kconfig`` the architecture's own.
    """

    port: str
    title: str
    main: str
    needed: tuple[str, ...]
    sources: tuple[str, ...]
    includes: tuple[str, ...]
    headers: tuple[str, ...]
    revision: tuple[str, ...]
    kconfig: str

    @property
    def folder(self) -> str:
        """The folder of the main file, with a slash at its end."""
        return f"{Path(self.main).parent}/"

    @property
    def arch(self) -> str:
        """The architecture's folder, with a slash at its end."""
        return "/".join(Path(self.main).parts[:2]) + "/"

    def digest(self, root: Path) -> str:
        """Return a hash of the sources of the tree at ``root``, in hex; absent ones are empty.

        Raises TreeError for one that cannot be read.
        """
        total = hashlib.sha256()
        for name in self.sources:
            total.update(name.encode() + b"\0")
            try:
                total.update(hashlib.sha256((root / name).read_bytes()).digest())
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                continue  # an editor may take it away at any instant
            except OSError as problem:
                raise _unread(name, problem) from None
        return total.hexdigest()[:16]


def _unread(name: str, problem: OSError) -> TreeError:
    return TreeError(f"cannot read {name} in the kernel tree: {problem.strerror}")


@dataclass(frozen=True)
class Tree:
    """A recognised tree, as one port reads it.

    ``version`` is VERSION.PATCHLEVEL.SUBLEVEL of its Makefile.
    """

    root: Path
    version: str
    files: Files

    def read(self, relative: str) -> bytes:
        """Return the bytes of a file of the tree. Raises TreeError where it is absent."""
        path = self.root / relative
        if not path.resolve().is_relative_to(self.root):
            raise TreeError(f"{relative} leads out of the kernel tree through a symbolic link")
        try:
            return path.read_bytes()
        except OSError as problem:
            raise _unread(relative, problem) from None

    def blob(self, relative: str) -> str:
        """Return the name that git gives to a file's content. Raises TreeError if it is absent."""
        content = self.read(relative)
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    def digest(self) -> str:
        """Return a hash of the files that are judged, in hex; absent files count as empty.

        Raises TreeError for one that cannot be read.
        """
        return self.files.digest(self.root)


def _version(makefile: str) -> str:
    parts = []
    for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL"):
        found = re.search(rf"^{name} = (\d+)$", makefile, re.MULTILINE)
        if not found:
            raise TreeError(
                f"the Makefile names no {name}: this is no Linux source tree; "
                "give the top folder of one"
            )
        parts.append(found[1])
    return ".".join(parts)


def recognised(path: Path) -> tuple[Path, str]:
    """Return the top folder and the version of the kernel tree at ``path``.

    Raises TreeError, with what to do, where it is none.
    """
    if not path.exists():
        raise TreeError(f"{path}: no such folder; give the top folder of a Linux source tree")
    root = path.resolve()
    makefile = root / "Makefile"
    if not root.is_dir() or not makefile.is_file() or not (root / "include").is_dir():
        raise TreeError(f"{path} is no kernel tree: give the top folder of a Linux source tree")
    return root, _version(makefile.read_text(errors="replace"))
