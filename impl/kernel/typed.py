# SPDX-License-Identifier: GPL-2.0-only
"""The compiler's typed syntax tree of a kernel tree's own files, for one layout."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from impl.kernel import reading, sandbox
from impl.kernel.binding import Binding
from impl.kernel.build import Job, first_error, limits, prepare, read_only_inside, run_confined
from impl.kernel.declarations import Declaration, declarations
from impl.kernel.errors import UnsupportedError
from impl.kernel.prelude import LISTING, Preludes
from impl.kernel.toolchain import Toolchain
from impl.kernel.tree import Tree
from model.layout import Layout

READ = "reading the tree's C"


def typed_tree(
    tree: Tree,
    binding: Binding,
    layout: Layout,
    toolchain: Toolchain,
    big_endian: bool = True,
    folder: Path | None = None,
) -> tuple[list[Declaration], list[Path]]:
    """Return Clang's syntax tree of the main file, the slices and what is linked beside it.

    With it come the files of the tree that were read. What the main file's first headers declare
    is kept in ``folder``, where there is one.

    The tree's files are compiled unmodified, with its own headers and our shim, as for the
    emulator. Raises UnsupportedError with a one-line reason where that fails.
    """
    if not toolchain.clang:
        raise UnsupportedError("the proof of the C needs Clang's syntax tree; --cc names gcc")
    with tempfile.TemporaryDirectory(prefix="slatcheck-") as name:
        job = Job(tree, binding, layout, big_endian, toolchain, Path(name))
        prepare(job)
        source = job.folder / "proof.c"
        source.write_text(_unit(job))
        preludes = Preludes(folder, job, _flags(job))
        prelude = preludes.load()
        behind = prelude and preludes.behind(prelude, source)
        if behind:
            return behind.declarations, behind.files
        begun = reading.now()
        found, files = _dump(job, source)
        if prelude is None:
            preludes.save(found, source, begun)
        return found, files


def preprocessed(
    tree: Tree, binding: Binding, layout: Layout, toolchain: Toolchain, big_endian: bool
) -> str:
    """Return a digest of what the preprocessor makes of the same files, places left out.

    Where it is equal in both byte orders, so is the syntax tree: types have the same sizes in
    both. Raises UnsupportedError with a one-line reason where the files cannot be read.
    """
    if not toolchain.clang:
        raise UnsupportedError("the proof of the C needs Clang's syntax tree; --cc names gcc")
    with tempfile.TemporaryDirectory(prefix="slatcheck-") as name:
        job = Job(tree, binding, layout, big_endian, toolchain, Path(name))
        prepare(job)
        source, output = job.folder / "proof.c", job.folder / "proof.i"
        source.write_text(_unit(job))
        run_confined([*_flags(job), "-E", "-P", str(source), "-o", str(output)], job, READ)
        # The folder's own name stands in includes only, and those leave no line.
        return hashlib.sha256(output.read_bytes()).hexdigest()


def _unit(job: Job) -> str:
    files = [*job.port.slices]
    files += [str(job.tree.root / path) for _, path in job.port.beside(job.layout)]
    return "#include SLAT_MAIN_C\n" + "".join(f'#include "{name}"\n' for name in files)


def _flags(job: Job) -> list[str]:
    """Return the command that reads a source for meaning only, without source and output."""
    command = job.command(Path(os.devnull), job.folder / "proof.o", instrument=False)
    return [*_without_code_generation(command[: command.index("-c")]), "-DSLAT_PROOF"]


def _dump(job: Job, source: Path) -> tuple[list[Declaration], list[Path]]:
    written = job.folder / "proof.json"
    dump = ["-fsyntax-only", "-Xclang", "-ast-dump=json", str(source)]
    try:
        done = sandbox.run([*_flags(job), *dump], limits(job), job.folder, written)
    except subprocess.TimeoutExpired:
        reason = f"{READ} took longer than {sandbox.SECONDS} s"
        raise UnsupportedError(reason) from None
    if done.returncode:
        reason = first_error(done.stderr, job)
        raise UnsupportedError(f"{READ} failed (Linux {job.tree.version}): {reason}")
    files = read_only_inside(job, job.folder / LISTING)
    return declarations(written.read_bytes()), files


def _without_code_generation(flags: list[str]) -> list[str]:
    """Return the flags without those of the code generator, which do not change the meaning."""
    kept: list[str] = []
    following = iter(flags)
    for flag in following:
        if flag == "-mllvm":
            next(following)
        else:
            kept.append(flag)
    return kept
