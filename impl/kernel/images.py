# SPDX-License-Identifier: GPL-2.0-only
"""Images and objects that are kept: made anew only where a file that went into them changed."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import impl.kernel
import model
from impl.kernel import reading
from impl.kernel.binding import Binding
from impl.kernel.build import Image, Job, build, compiled
from impl.kernel.port import Target
from impl.kernel.symbols import symbols_of
from impl.kernel.toolchain import Toolchain
from impl.kernel.tree import Tree
from model.layout import Layout
from support import cache as keeping
from support.cache import Mode, settle
from support.differences import by


def image(
    tree: Tree,
    binding: Binding,
    layout: Layout,
    big_endian: bool,
    toolchain: Toolchain,
    folder: Path | None,
    mode: Mode = Mode.USE,
    host: Target | None = None,
) -> Image:
    """Return the image of a layout, from ``folder`` where nothing has changed since.

    It is code for ``host`` where one is given, else for the port's own processor. Where ``folder``
    is None nothing is kept. Raises UnsupportedError as ``build`` does, and CacheError as ``mode``
    asks for.
    """
    make = partial(build, tree, binding, layout, big_endian, toolchain, host=host)
    if folder is None:
        return make()
    # By revision: what is edited back is still there, and what is written meanwhile has another.
    about = str(tree.root), tree.digest(), _key(layout, big_endian, toolchain, host)
    file = folder / f"image-{_digest(about)}.json"
    found = _load(file, tree)
    kept = (
        Image(found[0], layout, big_endian, toolchain.instrumented, found[1], host is not None)
        if found
        else None
    )
    # What is done again under audit is all of it, objects included.
    anew = make if mode is Mode.AUDIT else partial(make, beside=partial(_object, folder))
    begun = reading.now()
    made, fresh = settle(mode, f"the image of {layout.name}", kept, anew, by(_loaded))
    if fresh:
        judged = reading.judged(tree.root, tree.files)
        if not reading.written_since(set(made.files) - set(judged), begun):
            _save(file, tree, made.elf, [*made.files, *judged])
    return made


def _loaded(made: Image) -> list[object]:
    """Return what of an image is loaded; notes of places on disk may differ."""
    return list(symbols_of(made.elf).segments())


def _key(layout: Layout, big_endian: bool, toolchain: Toolchain, host: Target | None) -> str:
    ours = keeping.digest_of((impl.kernel, model), (".py", ".c", ".h", ".S", ".ld"))
    made_for = host.name if host else ""
    made_by = toolchain.compiler, toolchain.version
    return _digest((ours, layout.name, big_endian, *made_by, made_for))


def _digest(parts: tuple[object, ...]) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _object(folder: Path, job: Job, name: str, source: Path, instrument: bool) -> Path:
    """Compile a source unless that was done before: an edit of mmu.c does not concern it.

    Nor does where the tree lies: a copy of it, and another revision, have the same objects.
    """
    names = reading.headers(job.tree.root, job.tree.files)
    key = _key(job.layout, job.big_endian, job.toolchain, job.host)
    about = job.tree.version, names, key
    defines = [define.replace(str(job.tree.root), "") for define in job.defines()]
    given = (name, instrument, sorted(job.binding.slices.items()), defines)
    file = folder / f"object-{_digest((*about, *given))}.json"
    output = job.folder / f"{name}.o"
    found = _load(file, job.tree)
    if found is not None:
        data, files = found
        output.write_bytes(data)
        job.read.update(files)
        return output
    others = set(job.read)
    job.read.clear()
    begun = reading.now()
    compiled(job, name, source, instrument)
    if not reading.written_since(job.read, begun):
        _save(file, job.tree, output.read_bytes(), job.read)
    job.read.update(others)
    return output


def _load(file: Path, tree: Tree) -> tuple[bytes, tuple[Path, ...]] | None:
    """Return what is kept, and the files of the tree that went into it, if they are as then."""
    try:
        data = json.loads(keeping.read(file))
        if not reading.unchanged(tree.root, tree.files, data["files"]):
            return None
        files = tuple(reading.files(tree.root, data["files"]))
        return zlib.decompress(base64.b64decode(data["content"])), files
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zlib.error):
        return None


def _save(file: Path, tree: Tree, content: bytes, files: Iterable[Path]) -> None:
    read = reading.record(tree.root, tree.files, files)
    if read is None:
        return
    packed = base64.b64encode(zlib.compress(content, 1)).decode()
    keeping.write(file, json.dumps({"files": read, "content": packed}))
