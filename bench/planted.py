# SPDX-License-Identifier: GPL-2.0-only
"""Time to the first finding of planted bugs: campaigns, a plain state machine, and libFuzzer.

``python -m bench.planted KERNEL`` plants one bug after the other into a repaired copy of the tree,
and looks for it natively on one core, by turns, in several ways:

- *campaign*: what ``slatcheck fuzz`` does, in generations that breed, the first ones small;
- *fresh*: the same, and nothing is bred;
- *state machine*: the Hypothesis state machine of ``bench.native``, which passes over nothing here;
- *libFuzzer*: the harness of ``bench.libfuzzer``.

Set-up and compilation do not count. The last two know layouts of one page size only.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench.libfuzzer import harness
from bench.native import bare_image
from bench.planting.bugs import DoesNotApplyError, Planted, planted
from bench.planting.campaign import First, campaign
from bench.planting.machine import state_machine
from impl.kernel.errors import TreeError, UnsupportedError
from slatcheck.fuzz.work import kit_of
from slatcheck.search.unit import Unit

WAYS = ("campaign", "fresh", "state machine", "libFuzzer")
QUICK = 10
"""Further seeds are tried as long as those before took less than one in so many of the limit."""
Look = Callable[[int, float], First]
"""Looks with a seed for at most so many seconds."""


@dataclass
class Row:
    """A bug, and what each way made of it with each seed; a ``reason`` why it was not tried."""

    bug: str
    rule: str
    reason: str = ""
    found: dict[str, list[First]] = field(default_factory=dict)

    def missed(self, way: str, limit: float) -> bool:
        """Return whether a way missed it, or came late, with one seed at least."""
        return not all(first.within(limit) for first in self.found[way])

    def named(self, way: str) -> str:
        """Return the bug, and whether it let the way end without a verdict."""
        return f"{self.bug} (error)" if any(one.failure for one in self.found[way]) else self.bug

    def seconds(self, way: str, limit: float) -> float:
        """Return the median of seconds to the first finding; a miss counts as the limit."""
        return median(one.seconds if one.within(limit) else limit for one in self.found[way])

    def operations(self, way: str) -> float:
        """Return the median of operations to the first finding, or until none was looked for."""
        return median(first.operations for first in self.found[way])


def ways_of(
    bug: Planted, tree: Path, folder: Path, wanted: tuple[str, ...]
) -> Iterator[tuple[str, Look]]:
    """Yield the ways that can look for a bug, each built when its turn comes.

    Raises UnsupportedError and TreeError where the tree cannot be built.
    """
    chosen = bug.chosen
    if {"campaign", "fresh"} & {*wanted}:
        kit = kit_of(Unit(chosen.name, False, tree, None, (), 0, None))
        for way, breeds in (("campaign", True), ("fresh", False)):
            if way in wanted:
                yield way, partial(campaign, kit, breeds=breeds)
    if not harness.fits(chosen):
        return
    if "state machine" in wanted:
        yield "state machine", partial(state_machine, bare_image(tree, chosen))
    if "libFuzzer" in wanted and not harness.why_not():
        yield "libFuzzer", partial(_libfuzzer, harness.build(tree, chosen, folder))


def _libfuzzer(program: Path, seed: int, limit: float) -> First:
    ran = harness.run(program, limit, seed=seed)
    return First(ran.seconds, ran.operations, ran.said)


def look(way: Look, seeds: int, limit: float, patient: bool = False) -> list[First]:
    """Look with one seed after the other, as long as it is quick or one is ``patient``."""
    found: list[First] = []
    for seed in range(seeds):
        if sum(first.seconds for first in found) > limit / QUICK and not patient:
            break
        found.append(way(seed, limit))
    return found


def tried(
    bug: Planted,
    root: Path,
    wanted: tuple[str, ...],
    seeds: int,
    limit: float,
    patient: bool = False,
) -> Row:
    """Plant a bug and look for it in every way that is wanted."""
    row = Row(bug.title, bug.rule)
    with tempfile.TemporaryDirectory(prefix="slatcheck-") as name:
        folder = Path(name) / "harness"
        folder.mkdir()
        try:
            tree = bug.plant(root, Path(name) / "linux")
            for way, one in ways_of(bug, tree, folder, wanted):
                row.found[way] = look(one, seeds, limit, patient)
        except (DoesNotApplyError, TreeError, UnsupportedError) as reason:
            row.reason = str(reason)
    return row


def line_of(row: Row, limit: float) -> str:
    """Return a row as a line of the table."""
    if row.reason:
        return f"{row.bug:48} not tried: {row.reason}"
    parts = []
    for way in WAYS:
        if way not in row.found:
            parts.append(" " * 24)
            continue
        firsts = row.found[way]
        tally = f"{sum(one.within(limit) for one in firsts)}/{len(firsts)}"
        parts.append(f"{row.seconds(way, limit):8.3f} {row.operations(way):11,.0f} {tally:>3}")
    return f"{row.bug:48} " + " ".join(parts)


def head() -> str:
    """Return the lines above the table."""
    names = " ".join(f"{way:>24}" for way in WAYS)
    each = " ".join(f"{'seconds':>8} {'operations':>11} {'':3}" for _ in WAYS)
    return f"{'':48} {names}\n{'bug':48} {each}"


def summary(rows: list[Row], limit: float) -> Iterator[str]:
    """Yield lines on all rows, and on those of each pair of ways; a miss counts as the limit."""
    for way in WAYS:
        able = [row for row in rows if way in row.found]
        if not able:
            continue
        missed = [row.named(way) for row in able if row.missed(way, limit)]
        seconds = median(row.seconds(way, limit) for row in able)
        operations = median(row.operations(way) for row in able)
        said = f"{way}: {len(able)} bugs, median {seconds:.3f} s and {operations:,.0f} operations"
        suspected = [one.suspected for row in able for one in row.found[way] if one.suspected]
        judged = f", suspected after {median(suspected):.3f} s" if suspected else ""
        listed = f" ({'; '.join(missed)})" if missed else ""
        yield f"{said}{judged}, {len(missed)} missed{listed}"
    for way in WAYS[1:]:
        both = [row for row in rows if way in row.found and "campaign" in row.found]
        if both:
            ours = median(row.seconds("campaign", limit) for row in both)
            theirs = median(row.seconds(way, limit) for row in both)
            sooner = sum(row.seconds("campaign", limit) < row.seconds(way, limit) for row in both)
            yield (
                f"campaign to {way}: {ours / theirs:.3f} of the median time over {len(both)} bugs, "
                f"sooner with {sooner}"
            )


def load(file: Path | None) -> list[Row]:
    """Return the rows that a run before has left in a file."""
    if file is None or not file.exists():
        return []
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    return [_row_of(row) for row in rows]


def _row_of(data: dict[str, Any]) -> Row:
    found = {way: [First(**one) for one in firsts] for way, firsts in data["found"].items()}
    return Row(data["bug"], data["rule"], data["reason"], found)


def save(file: Path | None, rows: list[Row], limit: float) -> None:
    """Write all rows, and what they come to."""
    if file is not None:
        made = {"limit": limit, "rows": [asdict(row) for row in rows]}
        made["summary"] = [*summary(rows, limit)]
        file.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Print a row for each bug, and what all come to; a run with the same output goes on."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kernel", type=Path, help="Linux 6.12, as Debian ships it")
    parser.add_argument("--only", default="", metavar="PATTERN", help="bugs by 'port: name'")
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many bugs")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="one bug of so many")
    parser.add_argument("--way", action="append", choices=WAYS, help="all where none is given")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each bug, way and seed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--patient", action="store_true", help="all seeds, however long they take")
    parser.add_argument("--output", type=Path, metavar="FILE", help="JSON; goes on where it ended")
    given = parser.parse_args()
    wanted = tuple(given.way or WAYS)
    if "libFuzzer" in wanted and harness.why_not():
        print(harness.why_not())
    rows = load(given.output)
    known = {row.bug for row in rows}
    bugs = [bug for bug in planted() if re.search(given.only, bug.title)][:: given.every]
    print(head())
    for row in rows:
        print(line_of(row, given.seconds))
    for bug in [bug for bug in bugs if bug.title not in known][: given.limit]:
        asked = wanted, given.seeds, given.seconds, given.patient
        rows.append(tried(bug, given.kernel.resolve(), *asked))
        print(line_of(rows[-1], given.seconds), flush=True)
        save(given.output, rows, given.seconds)
    print(*summary(rows, given.seconds), sep="\n")


if __name__ == "__main__":
    main()
