# SPDX-License-Identifier: GPL-2.0-only
"""The headers that a tree's main file begins with, read once: an edit does not concern them.

Nearly all of a syntax tree is theirs. Clang reads them once into a precompiled header, behind
which it writes only what follows. That means the same if and only if nothing of them is read
again, which is seen each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import impl.kernel
import model
from impl.kernel import reading, sandbox
from impl.kernel.build import HERE, Job, limits, listed, only_inside
from impl.kernel.declarations import Declaration, declarations
from support import cache as keeping

TREE, FOLDER = "/slatcheck-tree", "/slatcheck-job"
"""Where the compiler sees the tree and the job's folder: the same text, wherever they lie."""
LISTING = "proof.d"
"""Where the flags have the compiler note what it reads, in the job's folder."""
# Possessive: a stranger's file must not find another way to read its comments, there are too many.
_COMMENT = r"(?>/\*.*?\*/)|//[^\n\\]*\n"
_INCLUDE = re.compile(rf"(?:\s|{_COMMENT})*+(#[ \t]*include[ \t]*<[^>\n]+>)[ \t]*\n", re.DOTALL)
_NOTHING = re.compile(rf"(?:\s|{_COMMENT}|#[ \t]*include[ \t]*<[^>\n]+>[ \t]*\n)*+", re.DOTALL)
_ENTERED = re.compile(r"^\.+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Prelude:
    """What comes of a main file's first headers.

    ``header`` is the compiler's own form of them, empty where what follows would not mean the same
    behind it. ``inputs`` are the files that were read, as the compiler calls them.
    """

    header: bytes
    inputs: tuple[str, ...]
    declarations: list[Declaration]


@dataclass(frozen=True)
class Dump:
    """A syntax tree as the compiler wrote it, and the files of the tree that it read."""

    declarations: list[Declaration]
    files: list[Path]


def includes(text: str) -> list[str]:
    """Return the ``#include <..>`` lines before anything else in a file but comments."""
    found: list[str] = []
    at = 0
    while (line := _INCLUDE.match(text, at)) is not None:
        found.append(line[1])
        at = line.end()
    return found


class Preludes:
    """The prelude of a job's main file, kept in a folder; without a folder none is.

    ``flags`` are the command that reads the main file, without source and output.
    """

    def __init__(self, folder: Path | None, job: Job, flags: Sequence[str]) -> None:
        self._job = job
        first = len(job.toolchain.compiler)
        rest = [_virtual(job, flag) for flag in flags[first:]]
        # What is written is written where the compiler runs; it sees another place for reading.
        rest = [LISTING if flag == f"{FOLDER}/{LISTING}" else flag for flag in rest]
        self._flags = [*flags[:first], *rest]
        self._lines = includes(job.tree.read(job.tree.files.main).decode(errors="replace"))
        (job.folder / "prelude.h").write_text("".join(f"{line}\n" for line in self._lines))
        self._file: Path | None = None
        if folder is not None and self._lines:
            self._file = folder / f"prelude-{self._key()}.bin"

    def _key(self) -> str:
        job = self._job
        parts = (
            keeping.digest_of((impl.kernel, model), (".py", ".c", ".h", ".S", ".ld")),
            str(HERE),
            job.toolchain.version,
            self._flags,
            self._lines,
            sorted(job.binding.slices.items()),
            (job.folder / "generated/autoconf.h").read_text(),
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def load(self) -> Prelude | None:
        """Return what is kept, None where nothing is or a file that was read has changed."""
        if self._file is None:
            return None
        try:
            head, _, content = keeping.read_bytes(self._file).partition(b"\n")
            data = json.loads(head)
            tree = self._job.tree
            if not reading.unchanged(tree.root, tree.files, data["files"]):
                return None
            return Prelude(
                zlib.decompress(content[: data["header"]]),
                tuple(data["inputs"]),
                _unpacked(data["declarations"], content[data["header"] :]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, zlib.error):
            return None

    def behind(self, prelude: Prelude, source: Path) -> Dump | None:
        """Return the syntax tree of a source, of which only what follows its prelude is read.

        None where that may not mean the same, or where the source is in error.
        """
        if not prelude.header:
            return None
        (self._job.folder / "prelude.pch").write_bytes(prelude.header)
        dump = self._dump(source, prelude.inputs)
        return dump and Dump([*prelude.declarations, *dump.declarations], dump.files)

    def save(self, whole: Sequence[Declaration], source: Path, begun: int) -> None:
        """Keep the prelude of a source whose syntax tree is ``whole``, read since ``begun``.

        What comes behind the prelude must be the end of the whole; where it is not, that is kept.
        """
        made = self._compiled() if self._file is not None else None
        if self._file is None or made is None:
            return
        inputs, files = made
        dump = self._dump(source, inputs)
        first = len(whole) - len(dump.declarations) if dump else 0
        fits = dump is not None and _alike(whole[first:], dump.declarations)
        header = (self._job.folder / "prelude.pch").read_bytes() if fits else b""
        tree = self._job.tree
        read = reading.record(tree.root, tree.files, files)
        if read is None or reading.written_since(files, begun):
            return
        index, packed = _packed(whole[:first] if fits else ())
        small = zlib.compress(header, 1)
        data = {"files": read, "inputs": inputs, "header": len(small), "declarations": index}
        keeping.write_bytes(self._file, json.dumps(data).encode() + b"\n" + small + packed)

    def _compiled(self) -> tuple[list[str], list[Path]] | None:
        """Compile the prelude; return the files read as the compiler calls them, and the tree's."""
        folder = self._job.folder
        more = ["-include", f"{FOLDER}/prelude.h", "-x", "c-header", os.devnull]
        if self._run([*more, "-o", str(folder / "prelude.pch")], folder / "prelude.out") is None:
            return None
        return self._read()

    def _dump(self, source: Path, inputs: Iterable[str]) -> Dump | None:
        folder = self._job.folder
        behind = folder / "behind.c"
        behind.write_text(_virtual(self._job, source.read_text()))
        more = ["-include-pch", str(folder / "prelude.pch"), "-H"]
        more += ["-fsyntax-only", "-Xclang", "-ast-dump=json", str(behind)]
        said = self._run(more, folder / "behind.json")
        if said is None or self._enters_again(said, inputs):
            return None
        found = declarations((folder / "behind.json").read_bytes(), part=1)
        return Dump(found, self._read()[1])

    def _read(self) -> tuple[list[str], list[Path]]:
        """Return the files that the last command read, as the compiler calls them, and the tree's.

        Raises UnsupportedError where one lies outside of the tree.
        """
        text = (self._job.folder / LISTING).read_text(errors="replace")
        names = [name for name in listed(text) if name != os.devnull]
        return names, only_inside(self._job, map(self._place, names))

    def _enters_again(self, said: str, inputs: Iterable[str]) -> bool:
        """Return whether something of the prelude was read again that is more than includes."""
        known = {os.path.realpath(self._place(name)) for name in inputs}
        entered = {os.path.realpath(self._place(name)) for name in _ENTERED.findall(said)}
        return any(_says_something(Path(path)) for path in known & entered)

    def _run(self, more: Sequence[str], output: Path) -> str | None:
        """Run the compiler; returns what it says on standard error, None where it fails."""
        overlay = self._job.folder / "overlay.json"
        places = {TREE: self._job.tree.root, FOLDER: self._job.folder}
        roots = [
            {"type": "directory-remap", "name": name, "external-contents": str(place)}
            for name, place in places.items()
        ]
        overlay.write_text(json.dumps({"version": 0, "use-external-names": False, "roots": roots}))
        # The content of files is compared by what is kept of it, not by times.
        own = ["-ivfsoverlay", str(overlay), "-Xclang", "-fno-pch-timestamp"]
        try:
            command = [*self._flags, *own, *more]
            done = sandbox.run(command, limits(self._job), self._job.folder, output)
        except subprocess.TimeoutExpired:
            return None
        return done.stderr if done.returncode == 0 else None

    def _place(self, name: str) -> str:
        for virtual, place in ((TREE, self._job.tree.root), (FOLDER, self._job.folder)):
            if name.startswith(f"{virtual}/"):
                return f"{place}{name[len(virtual) :]}"
        return str(self._job.folder / name)


def _virtual(job: Job, text: str) -> str:
    """Return a text in which the job's folder and the tree lie where the compiler sees them."""
    for place, name in ((job.folder, FOLDER), (job.tree.root, TREE)):
        text = re.sub(rf"{re.escape(str(place))}(?=[/\"=]|$)", name, text)
    return text


def _says_something(file: Path) -> bool:
    """Return whether a file has more than comments and includes, or cannot be read."""
    try:
        return _NOTHING.fullmatch(file.read_text(errors="replace")) is None
    except OSError:
        return True


def _alike(whole: Sequence[Declaration], parts: Sequence[Declaration]) -> bool:
    """Return whether two texts declare the same things in the same order."""
    told = [[(each.kind, each.name, each.defined) for each in some] for some in (whole, parts)]
    return told[0] == told[1]


def _packed(found: Iterable[Declaration]) -> tuple[list[tuple[str, str, bool, int]], bytes]:
    """Return what is declared and how long each text is, then the texts, each compressed."""
    texts = [(each, zlib.compress(each.text, 1)) for each in found]
    index = [(each.kind, each.name, each.defined, len(text)) for each, text in texts]
    return index, b"".join(text for _, text in texts)


def _unpacked(index: Iterable[tuple[str, str, bool, int]], content: bytes) -> list[Declaration]:
    found, at = [], 0
    for kind, name, defined, length in index:
        text = content[at : at + length]
        found.append(Declaration(kind, name, defined, text, packed=True))
        at += length
    return found
