# SPDX-License-Identifier: GPL-2.0-only
"""Progress in plain lines: one for each step, however many findings show in between."""

from __future__ import annotations

import io

from slatcheck.progress import Progress, shown


def lines(*steps: Progress) -> list[str]:
    stream = io.StringIO()
    with shown(stream) as report:
        for step in steps:
            report(step)
    return stream.getvalue().splitlines()


def early(done: int, layout: str, findings: int, *new: str) -> Progress:
    return Progress(done, 3, layout, findings, new, early=True)


def test_what_shows_early_is_no_step() -> None:
    assert lines(
        early(0, "one", 1),
        early(0, "two", 2),
        Progress(1, 3, "one", 4),
        early(1, "two", 5),
        early(1, "three", 6, "leak/f/any"),
        early(1, "two", 7),
        Progress(2, 3, "two", 8, ("leak/g/any",)),
        Progress(3, 3, "three", 8),
    ) == [
        "[0/3] one, 1 findings so far",
        "[1/3] one, 4 findings so far",
        "  new: leak/f/any",
        "[2/3] two, 8 findings so far",
        "  new: leak/g/any",
        "[3/3] three, 8 findings so far",
    ]


def test_another_part_of_the_work_begins_anew() -> None:
    seen = lines(Progress(1, 1, "search", 2), Progress(1, 2, "table", 2), Progress(2, 2, "C", 2))
    assert [line.partition(",")[0] for line in seen] == ["[1/1] search", "[1/2] table", "[2/2] C"]
