# SPDX-License-Identifier: GPL-2.0-only
"""Images that are kept: built anew only where a file that went into them has changed."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from functools import partial
from pathlib import Path

import impl.kernel
import model
from impl import keeping
from impl.kernel import reading
from impl.kernel.binding import Binding
from impl.kernel.build import Image, build
from impl.kernel.toolchain import Toolchain
from impl.kernel.tree import Tree
from model.layout import Layout


def image(
    tree: Tree,
    binding: Binding,
    layout: Layout,
    big_endian: bool,
    toolchain: Toolchain,
    folder: Path | None,
) -> Image:
    """Return the image of a layout, from ``folder`` where nothing has changed since.

    Where ``folder`` is None nothing is kept. Raises UnsupportedError as ``build`` does.
    """
    make = partial(build, tree, binding, layout, big_endian, toolchain)
    if folder is None:
        return make()
    file = folder / f"image-{_key(tree, layout, big_endian, toolchain)}.json"
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if reading.unchanged(tree.root, data["files"]):
            elf = zlib.decompress(base64.b64decode(data["elf"]))
            return Image(elf, layout, big_endian, toolchain.instrumented)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zlib.error):
        pass
    made = make()
    packed = base64.b64encode(zlib.compress(made.elf, 1)).decode()
    files = reading.record(tree.root, made.files)
    keeping.write(file, json.dumps({"files": files, "elf": packed}))
    return made


def _key(tree: Tree, layout: Layout, big_endian: bool, toolchain: Toolchain) -> str:
    ours = keeping.digest_of((impl.kernel, model), (".py", ".c", ".h", ".S", ".ld"))
    parts = (ours, str(tree.root), layout.name, big_endian, toolchain.compiler, toolchain.version)
    return hashlib.sha256(repr(parts).encode()).hexdigest()
