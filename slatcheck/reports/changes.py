# SPDX-License-Identifier: GPL-2.0-only
"""Two reports side by side, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict

from slatcheck.display.words import clean, columns, count
from slatcheck.document.changes import Changed, Changes, Took
from slatcheck.document.schema import CHANGES, validated

SHOWN = 12
"""Promises whose time is shown."""
NOTICED = 0.5
"""Seconds from which on a difference in the time of a promise is worth a line."""


def render_json(found: Changes) -> str:
    """Return all of it as JSON for ``schema-changes.json``."""
    data = {
        "schema": "slatcheck-changes/1",
        "alike": found.alike,
        "checks": [asdict(check) for check in found.checks],
        "findings": {"new": list(found.appeared), "gone": list(found.gone)},
        "seconds": {
            "evidence": [asdict(time) for time in found.times],
            "promises": [asdict(promise) for promise in found.promises],
        },
    }
    return validated(data, CHANGES)


def render_text(found: Changes) -> str:
    """Return what a person wants to know: what is said otherwise first, then where time went."""
    lines = [*_findings(found), *_checks(found.checks)]
    if found.alike:
        lines.append("both reports say the same")
    lines += [
        "",
        "seconds, added up over all layouts; kept results count as when they were made",
        "",
    ]
    lines += _table(found.times)
    told = [promise for promise in found.promises if abs(promise.more) >= NOTICED][:SHOWN]
    if told:
        lines += ["", "where it changed most", "", *_table(told)]
    return "\n".join(lines) + "\n"


def _findings(found: Changes) -> Iterator[str]:
    yield from (f"new: {clean(mark)}" for mark in found.appeared)
    yield from (f"gone: {clean(mark)}" for mark in found.gone)


def _checks(checks: Iterable[Changed]) -> Iterator[str]:
    """Yield a line for each check and change, with its layouts."""
    where: dict[tuple[str, str, str], list[str]] = {}
    for check in checks:
        order = f" ({check.byte_order}-endian)" if check.byte_order else ""
        where.setdefault((check.id, check.old, check.new), []).append(
            f"{check.layout or 'all'}{order}"
        )
    for (name, old, new), places in where.items():
        told = f"{old or 'not asked'} -> {new or 'not asked'}"
        some = ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
        yield f"{clean(name)}: {told} in {count(len(places), 'place')}: {clean(some)}"


def _table(rows: Iterable[Took]) -> list[str]:
    told = [["", "before", "now", "ratio"]]
    told += [[clean(row.name), f"{row.old:.1f}", f"{row.new:.1f}", _ratio(row)] for row in rows]
    return list(columns(told, right=(1, 2, 3)))


def _ratio(took: Took) -> str:
    return f"{took.new / took.old:.2f}" if took.old else "-"
