# SPDX-License-Identifier: GPL-2.0-only
"""The folder's parts by how far they are to be trusted, and which file goes where."""

from __future__ import annotations

import re
from pathlib import Path

TRUSTED, MODELLED, RUNNER, FILTER, GENERATED = (
    *("trusted", "modelled", "runner", "filter"),
    "generated",
)
PARTS = {
    TRUSTED: "plain facts: types, constants and macros with the meaning that the kernel "
    "documents, and headers of which no more is needed",
    MODELLED: "stands for kernel code that is not here, with a meaning of slatcheck's own: a "
    "mistake in it makes tests wrong",
    RUNNER: "calls the tree's functions, watches what they do and says it; what is right it knows "
    "from the tests alone",
    FILTER: "what is right, in C: the map from guest frames to entries, what each operation must "
    "do to it, and sequences that are drawn",
    GENERATED: "made for this tree and this layout when the folder was exported",
}
"""The folders, and what is said of each file in them."""

FACTS = frozenset(
    {"slatcheck/base.h", "linux/kernel.h", "linux/stddef.h", "linux/threads.h", "linux/bits.h"}
)
"""Headers of the shim with definitions of their own that are plain facts."""
OWN = re.compile(
    r"^\s*(#\s*define\s+\w+[( ]|typedef|struct|enum|extern|static|union)", re.MULTILINE
)
MEANING = frozenset(
    {"heap.c", "environment.c", "flush.c", "folded.h", "services.h", "slots.h", "guest.h"}
)
"""Files of the runner that stand for code of the kernel."""


def part_of_header(name: str, text: str) -> str:
    """Return where a header of the shim goes: one that only includes others has no meaning."""
    return TRUSTED if name in FACTS or not OWN.search(text) else MODELLED


def part_of_runner(name: str) -> str:
    """Return where a file of the runner goes."""
    return MODELLED if name in MEANING else RUNNER


def headed(part: str, text: str) -> str:
    """Return a file of C with a first line that says what it is."""
    return f"/* {part}: {PARTS[part]} */\n{text}"


def sources(folder: Path) -> dict[str, str]:
    """Return the files of a folder and those below it, by their names from there on."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in found}
