# SPDX-License-Identifier: GPL-2.0-only
"""The filter's C with a mistake in it."""

from __future__ import annotations

import ctypes
import shutil
from dataclasses import dataclass
from pathlib import Path

from impl.kernel.toolchain import find
from slatcheck.fuzz.library import SOURCES, compiled, loaded


@dataclass(frozen=True)
class Mistake:
    """A mistake: in ``file``, ``old`` (which is there once) becomes ``new``."""

    title: str
    file: str
    old: str
    new: str

    def __str__(self) -> str:
        return self.title


def made_with(mistake: Mistake, folder: Path) -> ctypes.CDLL:
    """Return the library with a mistake; its sources are put into ``folder``."""
    sources = folder / "filter"
    shutil.copytree(SOURCES, sources)
    text = (sources / mistake.file).read_text()
    assert text.count(mistake.old) == 1, "the mistake is none of this text any more"
    (sources / mistake.file).write_text(text.replace(mistake.old, mistake.new))
    return loaded(compiled(sources, find(), ["-Wno-error"]))
