# SPDX-License-Identifier: GPL-2.0-only
"""What a campaign takes over from earlier ones: where inputs are kept, and which it began with."""

from __future__ import annotations

import json
from pathlib import Path

from slatcheck.fuzz.corpus import Store
from slatcheck.fuzz.work import Kit, Task
from slatcheck.search.kept_searches import by_image
from slatcheck.search.unit import Unit
from support import cache as keeping


def usual_place() -> Path:
    """Return the folder of inputs: beside what is kept between runs, as it is more than that."""
    return keeping.folder().with_name("corpus")


def store_of(corpus: Path, unit: Unit) -> Store:
    """Return where inputs of a layout and byte order are kept, in a folder of all of them."""
    return Store(corpus / f"{unit.layout}-{unit.byte_order}")


def inherited(task: Task, kit: Kit, store: Store | None) -> list[bytes]:
    """Return the inputs that the campaign of a task begins with.

    They are those that were there when it began for the first time: it adds some, and must begin
    with the same when it goes on. A merge, or an input that is gone, lets it begin afresh.
    """
    if store is None:
        return []
    there = store.load()
    marks = sorted(hit.symptom.fingerprint for hit in task.known)
    about = task.unit.title, task.unit.seed, marks, str(store.folder.resolve()), store.merged
    file = by_image(task.unit.folder, "fuzz-begun", kit.native, about)
    if file is None:
        return [*there.values()]
    try:
        names = [str(name) for name in json.loads(keeping.read(file))]
        return [there[name] for name in names]
    except (OSError, ValueError, KeyError, TypeError):
        keeping.write(file, json.dumps([*there]))
        return [*there.values()]
