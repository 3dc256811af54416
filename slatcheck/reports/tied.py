# SPDX-License-Identifier: GPL-2.0-only
"""How far the tree's C and the table that was proved were seen to agree, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slatcheck.display.words import clean, columns, item


def lines(ties: Sequence[Mapping[str, Any]], tables: bool = True) -> Iterator[str]:
    """Yield what ties the theorems, which are about the built-in table, to the tree's C.

    Without ``tables`` the counts are left out; what differs never is.
    """
    yield "how the proof and this tree are tied"
    if not ties:
        yield "  not at all: the tree could not be built for any layout that was to be compared"
        return
    if tables:
        yield from _counts(ties)
    quirks = list(dict.fromkeys(quirk for tie in ties for quirk in tie["quirks"]))
    by = f"by {', '.join(quirks)}" if quirks else "by nothing that was seen"
    yield from item(f"the tree differs from the proved table {by}")
    for tie in ties:
        if tie["parting"]:
            yield from item(f"the tie ends on {tie['layout']}: {tie['parting']}")


def _counts(ties: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = ", ".join(tie["layout"] for tie in ties)
    yield from item(f"the tree's C was run beside the proved table, the same operations ({names})")
    yield from item("points are the blocks of the C that the compiler marks, most are branches")
    operations: dict[str, int] = {}
    points: dict[str, tuple[int, int]] = {}
    for tie in ties:
        for name, several in tie["operations"].items():
            operations[name] = operations.get(name, 0) + several
        for name, (reached, every) in tie["coverage"].items():
            known = points.get(name, (0, 0))
            points[name] = known[0] + reached, known[1] + every
    rows = [["function", "operations that agreed", "points of the C reached"]]
    for name in [*operations, *sorted(points.keys() - operations)]:
        agreed = f"{operations[name]:,}" if name in operations else ""
        reached, every = points.get(name, (0, 0))
        rows.append([clean(name), agreed, f"{reached:,}/{every:,}" if every else ""])
    yield from (f"  {line}" for line in columns(rows, right=(1, 2)))
